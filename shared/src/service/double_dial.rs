//! Reports calls that Twilio may have dialled twice.

use tracing::field;

use crate::{
    domain::CallSid,
    telemetry::metrics::{self, Count},
};

/// The evidence that a call was dialled twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubleDial {
    /// The stored call has another `CallSid`, or another call has this one.
    OtherCallSid,
    /// Twilio lists several calls with the same `call_id` in their webhook URLs.
    SameCallId,
}

/// Counts and logs a suspected double dial, with the `CallSid` of the second call if it is known.
pub fn report_double_dial(evidence: DoubleDial, call_sid: Option<&CallSid>) {
    metrics::count(Count::SuspectedDoubleDial);
    let reason = match evidence {
        DoubleDial::OtherCallSid => "another CallSid",
        DoubleDial::SameCallId => "several calls with this call_id",
    };
    let call_sid = call_sid.map(field::display);
    tracing::error!(call_sid, reason, "suspected double dial");
}
