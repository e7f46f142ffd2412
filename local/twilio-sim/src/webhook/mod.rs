//! Webhooks: their URLs, signatures, retries and delivery to the application.

mod audio;
mod overrides;
mod response;
mod sender;
pub mod signature;
mod target;
mod urls;

pub use response::{WebhookError, WebhookResponse};
pub use sender::{WebhookRequest, WebhookSender};
pub use target::WebhookTarget;
pub use urls::resolve;
