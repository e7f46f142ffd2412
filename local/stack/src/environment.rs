//! The functions' environment variables.

use std::collections::BTreeMap;

use outdial::config::{VARIABLES, variable};
use ring::digest::{SHA256, digest};

pub use crate::secrets::Credentials;
use crate::secrets::Secrets;
use crate::simulator;

/// The caller's variables for Lambda and the AWS SDK. A local stack hides them too.
const AWS_VARIABLES: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "_X_AMZN_TRACE_ID",
];

/// The variables of a Twilio account.
pub const TWILIO_ACCOUNT: [&str; 3] = [
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_FROM_NUMBER",
];

/// Which Twilio dials.
pub enum Twilio {
    /// The simulator.
    Simulated {
        /// Speed factor; 1 is real time.
        speed: u32,
    },
    /// The real Twilio, with the account in the caller's environment.
    Real,
}

/// The variables of all functions in one run.
pub struct Environment {
    variables: BTreeMap<&'static str, String>,
    keep_callers: bool,
    /// An API key. `API_KEYS` contains its hash.
    pub api_key: String,
    account: Credentials,
}

impl Environment {
    /// The variables for a database and the API's origin, `public_url`. Functions also see the caller's variables until
    /// [`Environment::invent_twilio_account`] hides them.
    #[must_use]
    pub fn new(mongo_uri: &str, database: &str, public_url: &str) -> Self {
        Self::with(Secrets::invent(), mongo_uri, database, public_url)
    }

    /// Like [`Environment::new`], with secrets of an earlier run.
    #[must_use]
    pub fn with(secrets: Secrets, mongo_uri: &str, database: &str, public_url: &str) -> Self {
        let Secrets {
            api_key,
            media_signing_key,
            account,
        } = secrets;
        let mut environment = Self {
            variables: BTreeMap::new(),
            keep_callers: true,
            api_key,
            account,
        };
        let hash = hex(digest(&SHA256, environment.api_key.as_bytes()).as_ref());
        environment.set("API_KEYS", format!("local:{hash}"));
        environment.set("BASE_URL", public_url);
        environment.set("ENVIRONMENT", "development");
        environment.set("FALLBACK_URL", format!("{public_url}/twilio/fallback"));
        environment.set(
            "LOG_LEVEL",
            variable("LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned()),
        );
        environment.set("MEDIA_SIGNING_KEY", media_signing_key);
        environment.set("MONGO_DB", database);
        environment.set("MONGO_URI", mongo_uri);
        environment.set("STACK_NAME", "local");
        environment
    }

    /// Only the caller's variables.
    #[must_use]
    pub fn of_caller() -> Self {
        Self {
            variables: BTreeMap::new(),
            keep_callers: true,
            api_key: String::new(),
            account: Credentials::invent(),
        }
    }

    /// Sets one variable.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.insert(name, value.into());
    }

    /// Removes one variable that was set here.
    pub fn remove(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Sets an account of the simulator, and hides the caller's settings.
    pub fn invent_twilio_account(&mut self) -> Credentials {
        let credentials = self.account.clone();
        self.keep_callers = false;
        self.set("TWILIO_ACCOUNT_SID", &credentials.account_sid);
        self.set("TWILIO_AUTH_TOKEN", &credentials.auth_token);
        // Twilio's test number that is valid as a caller.
        self.set("TWILIO_FROM_NUMBER", simulator::NUMBER);
        credentials
    }

    /// The variables that are set here, without the caller's.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<&'static str, String> {
        &self.variables
    }

    /// Sets the variables for a command.
    pub fn apply(&self, command: &mut tokio::process::Command) {
        if !self.keep_callers {
            hide_callers_settings(command);
        }
        command.envs(&self.variables);
    }
}

/// Hides the caller's settings of the service from a child process, and exempts local addresses from proxies.
pub fn hide_callers_settings(command: &mut tokio::process::Command) {
    for name in VARIABLES.into_iter().chain(AWS_VARIABLES) {
        command.env_remove(name);
    }
    command.env("NO_PROXY", "127.0.0.1,localhost");
}

/// The variables of [`TWILIO_ACCOUNT`] that the caller has not set.
#[must_use]
pub fn missing_account_variables() -> Vec<&'static str> {
    let is_missing = |name: &&str| variable(name).is_none();
    TWILIO_ACCOUNT.into_iter().filter(is_missing).collect()
}

/// The bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
