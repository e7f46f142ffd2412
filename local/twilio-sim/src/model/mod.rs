//! The simulator's data: calls, recordings, callbacks and commands to a running call.

mod call;
mod call_request;
mod callback;
mod command;
mod recording;
mod sid;
mod status;

pub use call::{Call, EndedBy};
pub use call_request::{CallRequest, MachineDetection, Origin, RecordingOptions, TwimlSource};
pub use callback::Callback;
pub use command::{Command, Update};
pub use recording::Recording;
pub use sid::new_sid;
pub use status::Status;
