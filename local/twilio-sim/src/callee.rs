//! The called party: the number decides how it behaves.

use std::time::Duration;

use crate::answerer::{Answerer, Greeting};
use crate::presses::Presses;

/// The behaviour of the called party.
#[derive(Clone, Debug)]
pub struct Callee {
    /// The time in the queue before dialling.
    pub queued: Duration,
    /// The time of ringing before the outcome.
    pub rings: Duration,
    /// The outcome of dialling.
    pub outcome: Outcome,
    /// Who picks up.
    pub answerer: Answerer,
    /// The greeting of a machine.
    pub greeting: Greeting,
    /// Whom answering machine detection takes it for.
    pub detected_as: Option<Answerer>,
    /// The time from the answer until detection has its result. `None`: as long as it usually takes.
    pub detected_after: Option<Duration>,
    /// The time from the answer until the called party hangs up.
    pub hangs_up_after: Option<Duration>,
    /// The time that the called party talks when a Dial has connected it. Then it hangs up.
    pub talks: Duration,
    /// The keys that the called party presses at Gathers for keys.
    pub presses: Presses,
    /// The words that the called party says at a Gather for speech.
    pub says: Option<String>,
    /// What the called party says, and how long after the answer.
    pub remarks: Vec<(Duration, String)>,
    /// True if the called party is silent.
    pub silent: bool,
    /// True if recordings of the call are absent.
    pub recording_absent: bool,
}

/// The outcome of dialling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A person or a machine picks up.
    Answers,
    /// The line is busy.
    Busy,
    /// The phone rings until the timeout.
    NeverAnswers,
    /// The carrier can't place the call.
    Fails,
}

/// The special numbers and their descriptions in the help text.
pub const TABLE: &[(&str, &str)] = &[
    ("+12125550101", "busy"),
    ("+12125550102", "rings until Timeout, then no-answer"),
    ("+12125550103", "failed: the carrier can't place the call"),
    (
        "+12125550104",
        "an answering machine picks up (AnsweredBy machine_start, or machine_end_beep)",
    ),
    ("+12125550105", "answers and hangs up after 4 seconds"),
    ("+12125550106", "presses 1 at a Gather"),
    ("+12125550107", "says \"yes\" at a Gather"),
    (
        "+12125550108",
        "answers and stays silent (AnsweredBy unknown)",
    ),
    ("+12125550109", "stays queued for 30 seconds, then answers"),
    ("+12125550110", "answers; its recordings are absent (16102)"),
    ("+12125550111", "a fax picks up"),
    ("+12125550112", "rings for 25 seconds, then answers"),
    (
        "+12125550113",
        "presses no key at the first Gather, and 1 at the second",
    ),
    (
        "+12125550114",
        "presses 9 at the first Gather, and 1 at the second",
    ),
    (
        "+12125550115",
        "presses * at the first Gather, and 1 at the second",
    ),
    ("+12125550116", "enters 4711# at a Gather"),
    (
        "+12125550117",
        "an answering machine whose greeting takes 45 seconds",
    ),
    ("+12125550118", "an answering machine without a beep"),
    (
        "+12125550119",
        "a person whom detection takes for an answering machine",
    ),
    (
        "+12125550120",
        "presses 1 at a Gather, and talks for ten seconds when a Dial has connected it",
    ),
    (
        "+12125550129",
        "answers, and says \"Hello?\" and \"Yes, that works for me. Thank you.\"",
    ),
    (TRANSCRIPTS_FAIL, "answers; its transcripts fail"),
    (
        "+1AAA555015N",
        "an answering machine picks up the first N calls, a person the others",
    ),
    ("+1AAA555016N", "busy for the first N calls, then answers"),
    (
        "+1AAA555017N",
        "doesn't answer the first N calls, then answers",
    ),
    (
        "+1AAA555018N",
        "the first N calls fail, the others are answered",
    ),
    ("+15005550001", "refused with 21217"),
    ("+15005550002", "refused with 21214"),
    ("+15005550003", "refused with 21215"),
    ("+15005550004", "refused with 21216"),
];

/// The number whose recordings can't be transcribed.
const TRANSCRIPTS_FAIL: &str = "+12125550130";

/// Returns true if the recordings of calls to this number can't be transcribed.
#[must_use]
pub fn transcripts_fail(number: &str) -> bool {
    number == TRANSCRIPTS_FAIL
}

/// The called party that answers after three seconds and listens.
const LISTENER: Callee = Callee {
    queued: Duration::from_millis(200),
    rings: Duration::from_secs(3),
    outcome: Outcome::Answers,
    answerer: Answerer::Person,
    greeting: Greeting::USUAL,
    detected_as: None,
    detected_after: None,
    hangs_up_after: None,
    talks: Duration::from_secs(30),
    presses: Presses::NONE,
    says: None,
    remarks: Vec::new(),
    silent: false,
    recording_absent: false,
};

fn machine(greeting: Greeting) -> Callee {
    Callee {
        answerer: Answerer::Machine,
        greeting,
        ..LISTENER
    }
}

/// Returns the called party behind `number`. Without an entry in [`TABLE`] it answers after three seconds and listens.
///
/// `earlier_calls` counts the calls that the simulator has created to the number before.
#[must_use]
pub fn callee(number: &str, earlier_calls: impl FnOnce() -> usize) -> Callee {
    match number {
        "+12125550101" => Callee {
            outcome: Outcome::Busy,
            ..LISTENER
        },
        "+12125550102" => Callee {
            outcome: Outcome::NeverAnswers,
            ..LISTENER
        },
        "+12125550103" => Callee {
            outcome: Outcome::Fails,
            ..LISTENER
        },
        "+12125550104" => Callee {
            answerer: Answerer::Machine,
            ..LISTENER
        },
        "+12125550105" => Callee {
            hangs_up_after: Some(Duration::from_secs(4)),
            ..LISTENER
        },
        "+12125550106" => Callee {
            presses: Presses::always("W1"),
            ..LISTENER
        },
        "+12125550107" => Callee {
            says: Some("yes".to_owned()),
            ..LISTENER
        },
        "+12125550108" => Callee {
            silent: true,
            answerer: Answerer::Silence,
            ..LISTENER
        },
        "+12125550109" => Callee {
            queued: Duration::from_secs(30),
            ..LISTENER
        },
        "+12125550110" => Callee {
            recording_absent: true,
            ..LISTENER
        },
        "+12125550111" => Callee {
            answerer: Answerer::Fax,
            ..LISTENER
        },
        "+12125550112" => Callee {
            rings: Duration::from_secs(25),
            ..LISTENER
        },
        "+12125550113" => Callee {
            presses: Presses::at_gathers(&["", "W1"]),
            ..LISTENER
        },
        "+12125550114" => Callee {
            presses: Presses::at_gathers(&["W9", "W1"]),
            ..LISTENER
        },
        "+12125550115" => Callee {
            presses: Presses::at_gathers(&["W*", "W1"]),
            ..LISTENER
        },
        "+12125550116" => Callee {
            presses: Presses::always("W4w7w1w1#"),
            ..LISTENER
        },
        "+12125550117" => machine(Greeting {
            length: Duration::from_secs(45),
            beeps: true,
        }),
        "+12125550118" => machine(Greeting {
            beeps: false,
            ..Greeting::USUAL
        }),
        "+12125550119" => Callee {
            detected_as: Some(Answerer::Machine),
            ..LISTENER
        },
        "+12125550120" => Callee {
            presses: Presses::always("W1"),
            talks: Duration::from_secs(10),
            ..LISTENER
        },
        "+12125550129" => Callee {
            remarks: [(1, "Hello?"), (9, "Yes, that works for me. Thank you.")]
                .map(|(after, words)| (Duration::from_secs(after), words.to_owned()))
                .into(),
            ..LISTENER
        },
        _ => match FirstCalls::of(number) {
            Some(first) if earlier_calls() < first.calls => Callee {
                outcome: first.outcome,
                answerer: first.answerer,
                ..LISTENER
            },
            _ => LISTENER,
        },
    }
}

/// How a number behaves for its first calls, if it then changes.
struct FirstCalls {
    /// The number of these calls.
    calls: usize,
    outcome: Outcome,
    answerer: Answerer,
}

impl FirstCalls {
    /// Parses `+1AAA555015N` to `+1AAA555018N`.
    fn of(number: &str) -> Option<Self> {
        let digits = number.strip_prefix("+1")?;
        let mut end = digits.get(3..)?.strip_prefix("55501")?.chars();
        let (kind, calls) = (end.next()?, end.next()?.to_digit(10)?);
        let (outcome, answerer) = match kind {
            '5' => (Outcome::Answers, Answerer::Machine),
            '6' => (Outcome::Busy, Answerer::Person),
            '7' => (Outcome::NeverAnswers, Answerer::Person),
            '8' => (Outcome::Fails, Answerer::Person),
            _ => return None,
        };
        end.next().is_none().then_some(Self {
            calls: calls as usize,
            outcome,
            answerer,
        })
    }
}
