//! Stretches: consecutive steps up to an ask or the end.

use super::{Action, Ask, Prompt, StepId, Steps};

/// Consecutive steps that one document of TwiML plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The prompts before the ask.
    pub says: Vec<&'a Prompt>,
    /// The ask at its end. `None`: the call ends, or a transfer follows.
    pub ask: Option<(&'a StepId, &'a Ask)>,
    /// The transfer at its end.
    pub transfer: Option<&'a StepId>,
    /// The place of its first step.
    pub from: usize,
    /// The place after its last step.
    pub until: usize,
}

impl Steps {
    /// The stretch that starts with this step. Past the last step, nothing is left to say.
    #[must_use]
    pub fn stretch(&self, from: usize) -> Stretch<'_> {
        let mut stretch = Stretch {
            says: Vec::new(),
            ask: None,
            transfer: None,
            from,
            until: from,
        };
        for step in self.iter().skip(from) {
            stretch.until += 1;
            match &step.action {
                Action::Say(prompt) => stretch.says.push(prompt),
                Action::Ask(ask) => {
                    stretch.ask = step.id.as_ref().map(|id| (id, ask));
                    break;
                }
                Action::Transfer(_) => {
                    stretch.transfer = step.id.as_ref();
                    break;
                }
                Action::HangUp => break,
            }
        }
        stretch
    }
}
