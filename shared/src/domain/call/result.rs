//! The result of a call with steps.

use crate::domain::{Action, Answer, Call, Delivery, OwnResult, Step, StepId, Then, TransferLeg};

impl Call {
    /// The result of a call with steps or `voicemail` that has ended: an outcome from the request, or the word of an [`OwnResult`]. `None` before
    /// the end, and for a call with a script alone.
    ///
    /// The last outcome in the order of the steps counts, whatever the order in which webhooks arrived.
    #[must_use]
    pub fn result(&self) -> Option<&str> {
        if !self.has_flow() || !self.status.is_terminal() {
            return None;
        }
        let (mut outcome, mut is_silent, mut says_no_more) = (None, false, false);
        let steps = self.steps.as_ref();
        let numbered = steps.into_iter().flat_map(|steps| {
            let numbered = steps.iter().enumerate();
            numbered.map(move |(index, step)| (steps, index, step))
        });
        for (steps, index, step) in numbered {
            let Some(then) = self.followed(step) else {
                continue;
            };
            outcome = then.outcome.as_ref().or(outcome);
            is_silent = self.is_unanswered(step);
            says_no_more = then.say.is_none() && steps.at(steps.after(index, then)).is_none();
        }
        let own = match outcome {
            _ if self.opted_out => OwnResult::OptedOut,
            Some(outcome) => return Some(outcome.as_str()),
            None if self.transfers.iter().any(TransferLeg::was_connected) => OwnResult::Transferred,
            None if self.voicemail_left => OwnResult::VoicemailLeft,
            None if self.voicemail.is_some() && self.is_answered_by_machine() => {
                OwnResult::VoicemailMissed
            }
            None if is_silent => OwnResult::NoInput,
            None if self.steps_ended || (self.cut_off && says_no_more) => OwnResult::Completed,
            None if self.cut_off || self.delivery == Some(Delivery::None) => OwnResult::Error,
            None if self.was_answered() => OwnResult::HungUp,
            None => OwnResult::NotReached,
        };
        Some(own.as_str())
    }

    /// The answers in the order of the steps.
    #[must_use]
    pub fn answers_in_order(&self) -> Vec<&Answer> {
        let position = |id: &StepId| self.steps.as_ref().and_then(|it| it.position(id.as_str()));
        let mut answers: Vec<_> = self.answers.iter().collect();
        answers.sort_by_key(|answer| (position(&answer.step), answer.nth));
        answers
    }

    /// The continuation that the call took after an ask or a transfer. `None`: none yet.
    fn followed<'a>(&'a self, step: &'a Step) -> Option<&'a Then> {
        const NOTHING: &Then = &Then {
            outcome: None,
            say: None,
            goto: None,
            block: false,
        };
        let ask = match &step.action {
            Action::Ask(ask) => ask,
            Action::Transfer(transfer) => {
                let leg = self.transfer_leg(step.id.as_ref()?)?;
                return leg.has_failed().then_some(&transfer.failed);
            }
            Action::Say(_) | Action::HangUp => return None,
        };
        match self.accepted(step) {
            Some(answer) => Some(ask.option(&answer.digits).unwrap_or(NOTHING)),
            None => self.is_unanswered(step).then_some(&ask.no_input),
        }
    }

    /// The answer to an ask that the ask accepts.
    fn accepted(&self, step: &Step) -> Option<&Answer> {
        let Action::Ask(ask) = &step.action else {
            return None;
        };
        let is_accepted = |answer: &&Answer| {
            step.id.as_ref() == Some(&answer.step)
                && (answer.is_accepted || ask.accepts(&answer.digits))
        };
        self.answers.iter().find(is_accepted)
    }

    fn is_unanswered(&self, step: &Step) -> bool {
        let id = step.id.as_ref();
        // The silence of a machine is no answer.
        !self.is_answered_by_machine()
            && id.is_some_and(|id| self.unanswered.contains(id))
            && self.accepted(step).is_none()
    }
}
