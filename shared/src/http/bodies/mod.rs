//! Response bodies, by resource: what clients see of the stored documents.

mod blocked_numbers;
mod calls;
mod recordings;
mod users;

pub use blocked_numbers::{BlockedNumberBody, BlockedNumberList};
pub use calls::{CallBody, CallList, CallPage, EventBody};
pub use recordings::{MediaBody, RecordingBody, RecordingList};
pub use users::{UserBody, UserList};
