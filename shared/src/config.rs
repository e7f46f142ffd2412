//! Configuration: read once, at start, into types that cannot be wrong.

use secrecy::SecretString;
use url::Url;

/// Where the database is.
#[derive(Debug, Clone)]
pub struct MongoConfig {
    /// `MONGO_URI`, a connection string whose syntax has been checked.
    pub uri: SecretString,
    /// `MONGO_DB`.
    pub database: String,
}

/// How Twilio is reached, and how its webhooks are told from forgeries.
#[derive(Debug, Clone)]
pub struct TwilioConfig {
    /// `TWILIO_ACCOUNT_SID`.
    pub account_sid: String,
    /// `TWILIO_AUTH_TOKEN`, and `TWILIO_AUTH_TOKEN_SECONDARY` where it is set: each of them may sign a webhook.
    pub auth_tokens: Vec<SecretString>,
    /// `TWILIO_API_KEY_SID` and `TWILIO_API_KEY_SECRET`: they go before the auth token at the REST API.
    pub api_key: Option<(String, SecretString)>,
    /// `TWILIO_API_BASE_URL`.
    pub api_base_url: Url,
}
