//! The simulator's data: calls, recordings, callbacks and commands to a running call.

mod call;
mod call_request;
mod callback;
mod command;
mod heard;
mod notification;
mod recording;
mod sid;
mod status;
mod transcript;

pub use call::{Call, EndedBy};
pub use call_request::{CallRequest, MachineDetection, Origin, RecordingOptions, TwimlSource};
pub use callback::Callback;
pub use command::{Command, RecordingChange, Update};
pub use heard::{Heard, Machine, millis};
pub use notification::Notification;
pub use recording::Recording;
pub use sid::{new_sid, sid_of};
pub use status::Status;
pub use transcript::{Sentence, Service, Transcript};
