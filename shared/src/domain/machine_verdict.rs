//! The result of machine detection in the background.

use super::CallSid;

/// The result of machine detection in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineVerdict {
    /// Twilio's `CallSid`.
    pub call_sid: CallSid,
    /// Twilio's `AnsweredBy`: `human`, `machine_start`, `machine_end_beep`, …
    pub answered_by: String,
}

impl MachineVerdict {
    const FAX: &str = "fax";
    /// The result that does not wait for the end of the greeting.
    const START: &str = "machine_start";

    /// Returns true for an answering machine or a fax.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        answered_by_machine(&self.answered_by)
    }

    /// Returns true if a machine is about to record.
    #[must_use]
    pub fn may_record(&self) -> bool {
        self.is_machine() && self.answered_by != Self::FAX && self.answered_by != Self::START
    }
}

/// Returns true if this `AnsweredBy` is an answering machine or a fax.
pub(super) fn answered_by_machine(answered_by: &str) -> bool {
    answered_by.starts_with("machine_") || answered_by == MachineVerdict::FAX
}
