//! The database and the configuration that a test gives to functions.

use std::collections::HashMap;

use mongodb::{Client, Database};
use outdial::{config::Settings, dao};
use secrecy::SecretString;
use uuid::Uuid;

use crate::identity::{ACCOUNT_SID, API_KEY, AUTH_TOKEN, BASE_URL, FROM_NUMBER, api_key};
use crate::proxy::Proxy;
use crate::twilio::Twilio;

/// A database for one test, and the environment variables of functions that use it.
#[derive(Debug, Clone)]
pub struct Stage {
    variables: HashMap<String, String>,
    database: Database,
}

impl Stage {
    /// Creates a database with all indexes, without a Twilio.
    ///
    /// # Panics
    ///
    /// If no database server runs.
    pub async fn new() -> Self {
        let uri = std::env::var("OUTDIAL_TEST_MONGO_URI").expect(
            "OUTDIAL_TEST_MONGO_URI is not set. `cargo xtask test` starts a MongoDB server and sets it",
        );
        Self::at(&uri).await
    }

    /// Like [`Stage::new`], on the database server with this URI.
    ///
    /// # Panics
    ///
    /// If the server doesn't answer.
    pub async fn at(uri: &str) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        outdial::tls::install_provider();
        let client = Client::with_uri_str(uri)
            .await
            .expect("the server's URI is valid");
        let database = client.database(&name);
        dao::indexes::ensure(&database)
            .await
            .expect("the server creates the indexes");
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

    /// Like [`Stage::new`], with a simulated Twilio for this test alone.
    ///
    /// # Panics
    ///
    /// If no database server runs.
    pub async fn with_twilio() -> Self {
        let twilio = Twilio::start().await;
        Self::new().await.playing(&twilio)
    }

    /// Puts a proxy between the functions and the database. [`Stage::database`] stays connected directly.
    ///
    /// # Panics
    ///
    /// If the server's URI names several servers, or no port is free.
    pub async fn behind_proxy(self) -> (Self, Proxy) {
        let uri = self.variable("MONGO_URI").unwrap_or_default();
        let (uri, proxy) = Proxy::before(uri).await;
        (self.set("MONGO_URI", &uri), proxy)
    }

    /// Configures the functions with this Twilio.
    #[must_use]
    pub fn playing(self, twilio: &Twilio) -> Self {
        self.set("TWILIO_API_BASE_URL", twilio.url())
            .set("TWILIO_INTELLIGENCE_BASE_URL", twilio.url())
    }

    /// Sets an environment variable; an empty value unsets it.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the configuration of a function.
    ///
    /// # Panics
    ///
    /// If `ENVIRONMENT` is malformed.
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

    /// Returns the value of an environment variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Returns all environment variables.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the test's database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}
