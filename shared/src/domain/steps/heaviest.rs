//! The most that a person can hear of the steps.

use super::{Action, AskPlace, Prompt, Step, Steps};

impl Steps {
    /// The largest total weight of the prompts that one call can play: every step, each as often as keys and silence repeat it, and
    /// the heaviest of its continuations.
    ///
    /// `repeats_words` is true if keys repeat words that ask nothing: calls with an opt-out key.
    #[must_use]
    pub fn heaviest(&self, repeats_words: bool, weight: impl Fn(&Prompt) -> u64) -> u64 {
        let of_step = |(index, step): (usize, &Step)| {
            let plays = match &step.action {
                Action::Say(_) if !repeats_words && !self.leads_to_ask(index) => 1,
                Action::Say(_) | Action::Ask(_) => AskPlace::MAX_PLAYS,
                Action::Transfer(_) | Action::HangUp => 1,
            };
            let own = step.own_prompt().map_or(0, |(_, prompt)| weight(prompt));
            let says = step.thens().filter_map(|(_, then)| then.say.as_ref());
            own * u64::from(plays) + says.map(&weight).max().unwrap_or_default()
        };
        self.iter().enumerate().map(of_step).sum()
    }

    /// Returns true if the step is repeated with the ask that follows it.
    fn leads_to_ask(&self, index: usize) -> bool {
        self.stretch(index).ask.is_some()
    }
}
