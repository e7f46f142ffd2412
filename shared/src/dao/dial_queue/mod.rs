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

use mongodb::bson::{Bson, Document, bson, doc};

use crate::domain::CallStatus;

/// The filter of the calls that wait: also that of their partial indexes.
pub(super) fn waiting() -> Document {
    doc! { "status": CallStatus::Scheduled.as_str() }
}

/// The expression of [`waiting`], for updates of many calls by `_id`. With the filter, a database may choose an index of the
/// status, and compare every waiting call with each `_id`.
fn still_waits() -> Bson {
    bson!({ "$eq": ["$status", CallStatus::Scheduled.as_str()] })
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
