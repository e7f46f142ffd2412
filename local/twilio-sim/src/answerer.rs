//! Who picks up a call: a person, or a machine with its greeting. And what machine detection finds, and when.

use std::time::Duration;

use serde::Deserialize;

/// A person or a kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answerer {
    /// A person.
    Person,
    /// An answering machine.
    Machine,
    /// A fax.
    Fax,
    /// Silence, so detection finds nothing.
    Silence,
}

/// The greeting of an answering machine. The machine records from its end on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The time from the answer to the end of the greeting, which is the beep if there is one.
    pub length: Duration,
    /// True if it ends with a beep.
    pub beeps: bool,
}

impl Greeting {
    /// The greeting of a machine that has no other.
    pub const USUAL: Self = Self {
        length: Duration::from_secs(7),
        beeps: true,
    };
}

/// The result of machine detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Twilio's `AnsweredBy`.
    pub answered_by: &'static str,
    /// The time from the answer.
    pub after: Duration,
}

/// The time from the end of a greeting until detection notices it.
const NOTICES_END: Duration = Duration::from_secs(1);

impl Answerer {
    /// Returns what machine detection says about this party. `message_end` waits for the end of a greeting, for at most `timeout`.
    #[must_use]
    pub fn verdict(self, greeting: Greeting, message_end: Option<Duration>) -> Verdict {
        let (answered_by, after) = match (self, message_end) {
            (Self::Person, _) => ("human", Duration::from_secs(2)),
            (Self::Fax, _) => ("fax", Duration::from_secs(3)),
            (Self::Silence, _) => ("unknown", Duration::from_secs(5)),
            (Self::Machine, None) => ("machine_start", Duration::from_secs(4)),
            (Self::Machine, Some(timeout)) => match greeting.length + NOTICES_END {
                after if after > timeout => ("machine_end_other", timeout),
                after if greeting.beeps => ("machine_end_beep", after),
                after => ("machine_end_silence", after),
            },
        };
        Verdict { answered_by, after }
    }

    /// The party that detection takes this one for if it is wrong.
    #[must_use]
    pub fn mistaken(self) -> Self {
        match self {
            Self::Person | Self::Silence => Self::Machine,
            Self::Machine | Self::Fax => Self::Person,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_greeting_is_cut_off_by_the_timeout() {
        let seconds = Duration::from_secs;
        let greeting = |length, beeps| Greeting {
            length: seconds(length),
            beeps,
        };
        for (greeting, timeout, answered_by, after) in [
            (greeting(7, true), 30, "machine_end_beep", 8),
            (greeting(7, false), 30, "machine_end_silence", 8),
            (greeting(29, true), 30, "machine_end_beep", 30),
            (greeting(30, true), 30, "machine_end_other", 30),
            (greeting(30, true), 59, "machine_end_beep", 31),
        ] {
            let verdict = Answerer::Machine.verdict(greeting, Some(seconds(timeout)));
            let after = seconds(after);
            assert_eq!(verdict, Verdict { answered_by, after });
        }
    }
}
