//! Response bodies of transfers: their legs.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{LegStatus, TransferLeg, rfc3339};

/// The leg of a `transfer`: the call to the other number.
#[derive(Serialize, ToSchema)]
#[schema(as = TransferLeg)]
pub struct TransferLegBody {
    /// The `id` of the step.
    #[schema(example = "agent")]
    pub step: String,
    /// Twilio's `CallSid` of the leg. Null until it is known, and if the number was not dialled.
    #[schema(example = "CA0123456789abcdef0123456789abcdee")]
    pub call_sid: Option<String>,
    /// How far it came.
    pub status: LegStatus,
    /// Whether both parties heard each other. Null: not known, or not yet.
    #[schema(example = true)]
    pub connected: Option<bool>,
    /// Seconds from the answer of the other party to the end.
    #[schema(example = 140)]
    pub duration_seconds: Option<i64>,
    /// Code of the rule that refused the transfer, or null.
    #[schema(example = "number_blocked")]
    pub reason: Option<String>,
    /// Time at which it began, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:25.000Z")]
    pub at: String,
}

impl From<&TransferLeg> for TransferLegBody {
    fn from(leg: &TransferLeg) -> Self {
        Self {
            step: leg.step.to_string(),
            call_sid: leg.call_sid.as_ref().map(ToString::to_string),
            status: leg.status,
            connected: leg.connected,
            duration_seconds: leg.duration_seconds,
            reason: leg.reason.clone(),
            at: rfc3339(leg.at),
        }
    }
}
