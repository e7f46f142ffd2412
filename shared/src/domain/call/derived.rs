//! What follows from the fields of a call: its place in a series, whether it was dialled and answered, its timeline in order.

use crate::domain::{
    Call, CallEvent, CallId, CallStatus, DialOutcome, PhoneNumber, Script, StepId, Steps,
    TransferLeg, machine_verdict::answered_by_machine,
};

impl Call {
    /// Maximum number of events in a timeline. `events_dropped` counts the others.
    pub const EVENTS_MAX: usize = 64;

    /// The client's script. `None`: the call has steps, or its words are erased.
    #[must_use]
    pub fn own_script(&self) -> Option<&Script> {
        let has_own = self.steps.is_none() && !self.is_wordless();
        self.script.as_ref().filter(|_| has_own)
    }

    /// Returns the script to store with these, of which a call has one.
    pub(crate) fn stored_script(script: Option<Script>, steps: Option<&Steps>) -> Option<Script> {
        steps.map(Steps::plain_text).or(script)
    }

    /// Number of the attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt.unwrap_or(1)
    }

    /// The call of the first attempt: this one, if there is no earlier one.
    #[must_use]
    pub fn first_call_id(&self) -> CallId {
        self.first_call_id.unwrap_or(self.call_id)
    }

    /// Returns true if the call is one of several attempts, or may become one.
    #[must_use]
    pub fn is_in_a_series(&self) -> bool {
        self.retry.is_some() || self.attempt() > 1
    }

    /// Returns true if Twilio was asked to dial the call, or is about to be. False for a call that waits, or has only waited.
    #[must_use]
    pub fn was_dialled(&self) -> bool {
        self.due_at.is_none() || self.dial_outcome.is_some()
    }

    /// Returns whether a person answered: `None` while that is not known, or may change.
    ///
    /// Without answering machine detection, everyone who answers counts as a person.
    #[must_use]
    pub fn reached(&self) -> Option<bool> {
        if !self.was_dialled() {
            return self.status.is_terminal().then_some(false);
        }
        if self.is_answered_by_machine() {
            return Some(false);
        }
        if self.was_answered() {
            let is_known = !self.detects_machines() || self.answered_by.is_some();
            return is_known.then_some(true);
        }
        (self.status_rank == CallStatus::ENDED_RANK).then_some(false)
    }

    /// Returns true if a person or a machine answered.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        self.status.is_answer() || self.events.iter().any(|event| event.status.is_answer())
    }

    /// Returns true if answering machine detection has found a machine: `machine_start`, `machine_end_beep`, …, or `fax`.
    #[must_use]
    pub fn is_answered_by_machine(&self) -> bool {
        let answered_by = self.answered_by.as_deref();
        answered_by.is_some_and(answered_by_machine)
    }

    /// The number that the daily cap counts: the same for all spellings of a line.
    #[must_use]
    pub fn counted_number(&self) -> &PhoneNumber {
        self.counted_number.as_ref().unwrap_or(&self.to_number)
    }

    /// Returns true if we have certainly not asked Twilio to dial, and no hang-up is requested.
    ///
    /// The request that stored the call may still ask, until `dial_deadline`.
    #[must_use]
    pub fn is_undialled(&self) -> bool {
        self.announces_dial
            && self.dial_begun_at.is_none()
            && self.dial_outcome == Some(DialOutcome::Pending)
            && !self.hangup_requested
    }

    /// The leg of this transfer, if it has begun.
    #[must_use]
    pub fn transfer_leg(&self, step: &StepId) -> Option<&TransferLeg> {
        self.transfers.iter().find(|leg| leg.step == *step)
    }

    /// The spellings of a number that a transfer dials.
    #[must_use]
    pub fn transfer_line<'a>(&'a self, to: &'a PhoneNumber) -> &'a [PhoneNumber] {
        let stored = self.transfer_lines.iter();
        let mut lines = stored.filter(|line| line.first() == Some(to));
        lines.next().map_or(std::slice::from_ref(to), Vec::as_slice)
    }

    /// The longest duration of the call in seconds: `limit`, and the longest connection of its transfers, of which it has at most
    /// one. Twilio's own maximum is four hours.
    #[must_use]
    pub fn time_limit(&self, limit: u32) -> u32 {
        const TWILIOS: u32 = 14_400;
        let transfers = self.steps.iter().flat_map(Steps::transfers);
        let longest = transfers.map(|(_, transfer)| transfer.max_seconds).max();
        match longest {
            Some(seconds) => limit.saturating_add(seconds).min(limit.max(TWILIOS)),
            None => limit,
        }
    }

    /// Returns the timeline in Twilio's order: by `SequenceNumber` if there is one, then by time.
    #[must_use]
    pub fn timeline(&self) -> Vec<&CallEvent> {
        let mut events: Vec<_> = self.events.iter().collect();
        events.sort_by_key(|event| (event.sequence.unwrap_or(i64::MAX), event.at));
        events
    }
}
