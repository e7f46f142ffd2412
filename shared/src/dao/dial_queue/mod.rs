//! The dial queue: calls of status `scheduled`, in lanes ordered by `due_at`.

mod callee;
mod change;
mod claim;
mod dial;
mod end;

pub use callee::{BatchState, QueuedCallee};
pub use change::ReadCall;
pub(super) use claim::in_lane_order;
pub use claim::{Claim, DueCall};
pub(super) use end::{REQUESTED, end};

use mongodb::bson::{Document, doc};

use crate::domain::CallStatus;

/// The filter of the calls that wait: also that of their partial indexes.
pub(super) fn waiting() -> Document {
    doc! { "status": CallStatus::Scheduled.as_str() }
}

/// The fields of a lease, to remove them.
pub(super) fn without_lease() -> Document {
    doc! { "lease_id": "", "lease_until": "" }
}
