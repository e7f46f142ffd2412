use std::collections::HashMap;

use mongodb::{Client, Database};
use outdial::{config::Settings, dao};
use ring::digest;
use secrecy::SecretString;
use uuid::Uuid;

use crate::{Proxy, Twilio};

/// The account that the simulated Twilio knows.
pub const ACCOUNT_SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// Its auth token.
pub const AUTH_TOKEN: &str = "12345678901234567890abcdefabcdef";
/// Where webhooks are sent, and what their signatures are over.
pub const BASE_URL: &str = "https://calls.example.com";
/// The key that opens the API.
pub const API_KEY: &str = "a-key-for-tests";
/// Where calls come from.
pub const FROM_NUMBER: &str = "+12125550100";

/// A test's own database, and the variables of functions that use it.
#[derive(Debug, Clone)]
pub struct Stage {
    variables: HashMap<String, String>,
    database: Database,
}

impl Stage {
    /// A stage with the indexes of a deployed database, without a Twilio.
    ///
    /// # Panics
    ///
    /// Without a database server.
    pub async fn new() -> Self {
        let uri = std::env::var("OUTDIAL_TEST_MONGO_URI").expect(
            "OUTDIAL_TEST_MONGO_URI must name a MongoDB server for tests: `cargo xtask test` starts one and sets it",
        );
        Self::at(&uri).await
    }

    /// Like [`Stage::new`], on the database server of that URI.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub async fn at(uri: &str) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        outdial::tls::install_provider();
        let client = Client::with_uri_str(uri)
            .await
            .expect("the test server's URI is valid");
        let database = client.database(&name);
        dao::indexes::ensure(&database)
            .await
            .expect("the test server takes indexes");
        let variables = [
            ("ENVIRONMENT", "development"),
            ("MONGO_URI", uri),
            ("MONGO_DB", &name),
            ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
            ("TWILIO_AUTH_TOKEN", AUTH_TOKEN),
            ("TWILIO_FROM_NUMBER", FROM_NUMBER),
            ("BASE_URL", BASE_URL),
            ("API_KEYS", &api_key("tester", API_KEY, "")),
            ("MEDIA_SIGNING_KEY", "signs-media-in-tests"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            variables: variables.into(),
            database,
        }
    }

    /// A stage with a simulated Twilio that nobody else uses.
    ///
    /// # Panics
    ///
    /// Without a database server.
    pub async fn with_twilio() -> Self {
        let twilio = Twilio::start().await;
        Self::new().await.playing(&twilio)
    }

    /// The stage with a proxy before the database that the functions are configured with; [`Stage::database`] stays
    /// the direct way.
    ///
    /// # Panics
    ///
    /// When the test server's URI does not name one server, or no port is free.
    pub async fn behind_proxy(self) -> (Self, Proxy) {
        let uri = self.variable("MONGO_URI").unwrap_or_default();
        let (uri, proxy) = Proxy::before(uri).await;
        (self.set("MONGO_URI", &uri), proxy)
    }

    /// The stage with that Twilio.
    #[must_use]
    pub fn playing(self, twilio: &Twilio) -> Self {
        self.set("TWILIO_API_BASE_URL", twilio.url())
    }

    /// The stage with a variable set to another value; to nothing means not set.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// What a function is configured with.
    ///
    /// # Panics
    ///
    /// When `ENVIRONMENT` is malformed.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::from_values(self.values()).expect("ENVIRONMENT is well-formed")
    }

    pub(crate) fn values(&self) -> HashMap<String, SecretString> {
        let values = self.variables.iter();
        values
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect()
    }

    /// The value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// All variables.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The test's database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// An entry of `API_KEYS`, with these scopes or, where they are empty, all.
#[must_use]
pub fn api_key(name: &str, key: &str, scopes: &str) -> String {
    let hash = hex(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    match scopes {
        "" => format!("{name}:{hash}"),
        scopes => format!("{name}:{hash}:{scopes}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
