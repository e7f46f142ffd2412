//! Configuration: variables parsed into types, one file per concern.
//!
//! Functions read [`Settings`] once, in the init phase. Values from the secret are [`Reloadable`]: they are parsed again
//! when the secret changes. A missing or malformed variable is a [`ConfigError`] that names it.

mod calls;
mod database;
mod dev_stack;
mod environment;
mod inbound;
mod keys;
mod media;
mod pace;
mod queue;
mod reloadable;
mod settings;
mod speech;
#[cfg(test)]
mod tests;
mod transcription;
mod twilio;
mod urls;

pub use self::{
    calls::{CallConfig, ReconcileConfig},
    database::MongoConfig,
    dev_stack::dev_variables_file,
    environment::Environment,
    keys::{ApiKey, ApiKeys, Scope},
    reloadable::Reloadable,
    settings::Settings,
    speech::{DEFAULT_APOLOGY, OpeningConfig, SpeechConfig},
    transcription::TranscriptionConfig,
    twilio::TwilioConfig,
    urls::{PublicUrls, WebhookKind, webhook_url},
};
pub use crate::{
    aws::secret::{RefreshPolicy, RefreshReason},
    variables::{ConfigError, SECRET_VARIABLES, VARIABLES, environment, trimmed, variable},
};
