//! AWS: the SDK's configuration and HTTP transport, the secret in Secrets Manager, and queues in SQS.

mod sdk;
pub mod secret;
mod secrets_manager;
pub mod sqs;
mod transport;

pub(crate) use sdk::unreachable;
pub use sdk::{Service, configuration, endpoint};
pub use transport::Transport;
