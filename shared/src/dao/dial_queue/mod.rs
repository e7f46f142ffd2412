//! The dial queue: calls of status `scheduled`, in lanes ordered by `due_at`.

mod callee;
mod change;
mod claim;
mod dial;
mod end;
mod look;

pub use callee::{BatchState, QueuedCallee};
pub use change::ReadCall;
pub use claim::Claim;
pub(super) use end::{end, end_these};
pub(super) use look::in_lane_order;
pub use look::{DueCall, LaneHead, Look, LookRequest};

use mongodb::bson::{Document, doc};

use crate::domain::CallStatus;

/// The filter of the calls that wait: also that of their partial indexes.
pub(super) fn waiting() -> Document {
    doc! { "status": CallStatus::Scheduled.as_str() }
}

/// The filter of the calls that a claim holds, or held: that of their partial index.
pub(super) fn claimed() -> Document {
    let mut claimed = waiting();
    claimed.insert("lease_until", doc! { "$exists": true });
    claimed
}

/// The fields of a lease, to remove them.
pub(super) fn without_lease() -> Document {
    doc! { "lease_id": "", "lease_until": "" }
}
