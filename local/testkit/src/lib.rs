//! Support for the functions' tests: a database for each test on a real server, a simulated Twilio, AWS services, and
//! requests in the form of Lambda events.

mod api_document;
mod aws;
mod documents;
mod identity;
mod proxy;
mod queue;
mod request;
mod samples;
mod secret;
mod sent_commands;
mod stage;
mod twilio;

pub use address::{ServerUri, free_port};
pub use api_document::ApiDocument;
pub use identity::{ACCOUNT_SID, API_KEY, AUTH_TOKEN, BASE_URL, FROM_NUMBER, api_key};
pub use proxy::Proxy;
pub use queue::Queue;
pub use request::{Answer, Request, form};
pub use samples::{new_call, new_listening_call, new_scheduled_call, new_sid, new_user};
pub use secret::{Secret, secret_with};
pub use sent_commands::SentCommands;
pub use stage::Stage;
pub use twilio::{TRANSCRIPTION_SERVICES, Twilio};
