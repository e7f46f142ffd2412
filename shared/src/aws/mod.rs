//! AWS: the SDK's configuration and HTTP transport, and the secret in Secrets Manager.

mod sdk;
pub mod secret;
mod secrets_manager;
mod transport;

pub(crate) use sdk::unreachable;
pub use sdk::{Service, configuration, endpoint};
pub use transport::Transport;
