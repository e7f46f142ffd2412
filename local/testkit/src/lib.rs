//! What the functions' tests stand on: a database of their own on a real server, a simulated Twilio, and requests that
//! come in as Lambda events do.

mod aws;
mod data;
mod document;
mod port;
mod proxy;
mod queue;
mod request;
mod secret;
mod server_uri;
mod stage;
mod twilio;

pub use data::{new_call, new_sid};
pub use document::ApiDocument;
pub use port::free_port;
pub use proxy::Proxy;
pub use queue::Queue;
pub use request::{Answer, Request, form};
pub use secret::{Secret, secret_with};
pub use server_uri::ServerUri;
pub use stage::{ACCOUNT_SID, API_KEY, AUTH_TOKEN, BASE_URL, FROM_NUMBER, Stage, api_key};
pub use twilio::Twilio;
