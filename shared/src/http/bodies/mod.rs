//! Response bodies, by resource: what clients see of the stored documents.

mod answers;
mod batches;
mod blocked_numbers;
mod call_lists;
mod calls;
mod recordings;
mod retries;
mod transfers;
mod users;

pub use answers::AnswerBody;
pub use batches::{
    BatchBody, BatchList, BatchProgressBody, BatchResultBody, BatchResultList, RecipientsAdded,
};
pub use blocked_numbers::{BlockedNumberBody, BlockedNumberList};
pub use call_lists::{CallList, CallPage};
pub use calls::{CallBody, EventBody};
pub use recordings::{MediaBody, RecordingBody, RecordingList};
pub use retries::RetryBody;
pub use transfers::TransferLegBody;
pub use users::{UserBody, UserList};
