//! The messages of the dial queue.

use outdial::domain::CallId;
use serde::Deserialize;

/// A call to dial, under a lease.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DialMessage {
    /// The call.
    pub(crate) call_id: CallId,
    /// The lease under which `dispatch` claimed the call.
    pub(crate) lease_id: String,
}
