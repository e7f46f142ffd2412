//! What a called party heard, and when; and what of that a machine has recorded.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answerer::Greeting;

/// A sentence that a called party heard. Times are milliseconds from the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Heard {
    /// The sentence.
    pub text: String,
    /// When it began.
    pub from_ms: u64,
    /// When it ended, or was cut off.
    pub to_ms: u64,
    /// True if it was played to its end.
    pub whole: bool,
}

impl Heard {
    /// The part of this sentence that a machine records if it records from `began_ms` on. `None`: nothing.
    fn recorded(&self, began_ms: u64) -> Option<Value> {
        let is_whole = self.whole && self.from_ms >= began_ms;
        (self.to_ms > began_ms).then(|| json!({ "text": self.text, "whole": is_whole }))
    }
}

/// An answering machine that picked up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Milliseconds from the answer to the end of the greeting.
    pub greeting_ms: u64,
    /// True if it ends with a beep.
    pub beeps: bool,
}

impl Machine {
    /// The machine with this greeting.
    #[must_use]
    pub fn with(greeting: Greeting) -> Self {
        Self {
            greeting_ms: millis(greeting.length),
            beeps: greeting.beeps,
        }
    }

    /// The report at `/_sim/calls`.
    #[must_use]
    pub fn report(self, heard: &[Heard]) -> Value {
        let recorded = heard.iter().filter_map(|it| it.recorded(self.greeting_ms));
        json!({
            "greeting_ms": self.greeting_ms,
            "beeps": self.beeps,
            "recorded": recorded.collect::<Vec<_>>(),
        })
    }
}

/// Whole milliseconds.
#[must_use]
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
