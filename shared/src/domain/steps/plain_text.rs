//! The text of steps, for readers that know no steps.

use super::{Action, Prompt, Steps, Words};
use crate::domain::{Script, script::SCRIPT_MAX};

impl Steps {
    /// The words of all `say` steps, at most 3,000 characters. Steps that only ask have the words of their first ask.
    ///
    /// A call with steps is stored with this script, because earlier versions can't read a call without one.
    #[must_use]
    pub fn plain_text(&self) -> Script {
        let of_kind = |kind| {
            let steps = self.iter().filter(move |step| step.kind() == kind);
            steps.filter_map(|step| match &step.action {
                Action::Say(prompt) => Some(text(prompt)),
                Action::Ask(ask) => Some(text(&ask.prompt)),
                Action::Transfer(_) | Action::HangUp => None,
            })
        };
        let says: Vec<_> = of_kind("say").collect();
        let all = if says.is_empty() {
            of_kind("ask").next().unwrap_or_default()
        } else {
            says.join(" ")
        };
        let text: String = all.chars().take(SCRIPT_MAX).collect();
        // The words of a prompt are valid scripts. Steps that only hang up have no words.
        text.parse().unwrap_or_else(|_| Script::silent())
    }
}

fn text(prompt: &Prompt) -> String {
    let words = prompt.parts().iter().map(|part| match &part.words {
        Words::Text(text) => text.as_str().to_owned(),
        Words::Ssml(ssml) => ssml.plain_text(),
        Words::Spell(spelled) => spelled.to_speech(),
    });
    words.collect::<Vec<_>>().join(" ")
}
