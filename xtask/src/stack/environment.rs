//! The variables that the functions run with here.

use std::collections::BTreeMap;

use outdial::config::{VARIABLES, variable};
use ring::digest::{SHA256, digest};

pub use super::secrets::Credentials;
use super::secrets::Secrets;

/// The variables of Lambda and the AWS SDK that must not leak into a local stack either.
const OF_AWS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "_X_AMZN_TRACE_ID",
];

/// What a real Twilio account is told by.
pub const TWILIO_ACCOUNT: [&str; 3] = [
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_FROM_NUMBER",
];

/// Who dials.
pub enum Twilio {
    /// The simulator, this many times as fast as life.
    Simulated {
        /// 1 is life.
        speed: u32,
    },
    /// Twilio itself; the caller's environment names the account.
    Real,
}

/// Variables for every function of one run.
pub struct Environment {
    variables: BTreeMap<&'static str, String>,
    keep_callers: bool,
    /// The key whose hash is in `API_KEYS`.
    pub api_key: String,
    account: Credentials,
}

impl Environment {
    /// For functions that use this database and are reached at `public_url`. The caller's own variables show through
    /// until [`Environment::invent_twilio_account`] is called.
    pub fn new(mongo_uri: &str, database: &str, public_url: &str) -> Self {
        Self::with(Secrets::invent(), mongo_uri, database, public_url)
    }

    /// The same, with secrets of an earlier run.
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

    /// The caller's own variables, as they are.
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

    /// Uses an account of the simulator, and hides the caller's own settings.
    pub fn invent_twilio_account(&mut self) -> Credentials {
        let credentials = self.account.clone();
        self.keep_callers = false;
        self.set("TWILIO_ACCOUNT_SID", &credentials.account_sid);
        self.set("TWILIO_AUTH_TOKEN", &credentials.auth_token);
        // One of Twilio's own test numbers, valid as a caller.
        self.set("TWILIO_FROM_NUMBER", "+15005550006");
        credentials
    }

    /// Those that are set here, without the caller's.
    pub fn variables(&self) -> &BTreeMap<&'static str, String> {
        &self.variables
    }

    /// Gives a command these variables.
    pub fn apply(&self, command: &mut tokio::process::Command) {
        if !self.keep_callers {
            hide_callers_settings(command);
        }
        command.envs(&self.variables);
    }
}

/// Keeps the caller's service settings from a child process, and proxies off this machine's own addresses.
pub fn hide_callers_settings(command: &mut tokio::process::Command) {
    for name in VARIABLES.into_iter().chain(OF_AWS) {
        command.env_remove(name);
    }
    command.env("NO_PROXY", "127.0.0.1,localhost");
}

/// The variables of [`TWILIO_ACCOUNT`] that the caller has not set.
pub fn missing_account_variables() -> Vec<&'static str> {
    let is_missing = |name: &&str| variable(name).is_none();
    TWILIO_ACCOUNT.into_iter().filter(is_missing).collect()
}

/// Two lower-case digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
