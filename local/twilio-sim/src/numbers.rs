//! What happens to a call is told by the number that it goes to.

use std::time::Duration;

/// How the far end behaves.
#[derive(Clone, Debug)]
pub struct Callee {
    /// How long the call stays queued before it is dialled.
    pub queued: Duration,
    /// How long the phone rings before `outcome`.
    pub rings: Duration,
    /// What comes of the ringing.
    pub outcome: Outcome,
    /// What answering machine detection finds.
    pub answered_by: AnsweredBy,
    /// The callee hangs up this long after answering.
    pub hangs_up_after: Option<Duration>,
    /// The key pressed when a Gather listens for keys.
    pub presses: Option<&'static str>,
    /// What is said when a Gather listens for speech.
    pub says: Option<&'static str>,
    /// Whether anything is heard from this side at all.
    pub silent: bool,
    /// Whether recordings of the call come out absent.
    pub recording_absent: bool,
}

/// What comes of dialling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody or something picks up.
    Answers,
    /// The line is busy.
    Busy,
    /// It rings until the caller gives up.
    NeverAnswers,
    /// The carrier can't place the call.
    Fails,
}

/// Who picked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A person.
    Human,
    /// An answering machine.
    Machine,
    /// A fax.
    Fax,
    /// Silence: the detection gives up.
    Unknown,
}

impl AnsweredBy {
    /// Twilio's word, which depends on whether the detection waits for the end of the machine's greeting.
    #[must_use]
    pub fn word(self, detect_message_end: bool) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Machine if detect_message_end => "machine_end_beep",
            Self::Machine => "machine_start",
            Self::Fax => "fax",
            Self::Unknown => "unknown",
        }
    }

    /// How long the detection takes.
    #[must_use]
    pub fn detection_time(self, detect_message_end: bool) -> Duration {
        Duration::from_secs(match self {
            Self::Human => 2,
            Self::Machine if detect_message_end => 8,
            Self::Machine => 4,
            Self::Fax => 3,
            Self::Unknown => 5,
        })
    }
}

/// The documented numbers, with what they do.
pub const TABLE: &[(&str, &str)] = &[
    ("+12125550101", "busy"),
    ("+12125550102", "rings until Timeout: no-answer"),
    ("+12125550103", "the carrier can't place it: failed"),
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
    (
        "+12125550110",
        "answers; its recordings come out absent (16102)",
    ),
    ("+12125550111", "a fax picks up"),
    ("+12125550112", "rings for 25 seconds, then answers"),
    ("+15005550001", "refused with 21217"),
    ("+15005550002", "refused with 21214"),
    ("+15005550003", "refused with 21215"),
    ("+15005550004", "refused with 21216"),
];

/// Who is behind `number`: the table's, or somebody who answers after three seconds and listens.
#[must_use]
pub fn callee(number: &str) -> Callee {
    let listener = Callee {
        queued: Duration::from_millis(200),
        rings: Duration::from_secs(3),
        outcome: Outcome::Answers,
        answered_by: AnsweredBy::Human,
        hangs_up_after: None,
        presses: None,
        says: None,
        silent: false,
        recording_absent: false,
    };
    match number {
        "+12125550101" => Callee {
            outcome: Outcome::Busy,
            ..listener
        },
        "+12125550102" => Callee {
            outcome: Outcome::NeverAnswers,
            ..listener
        },
        "+12125550103" => Callee {
            outcome: Outcome::Fails,
            ..listener
        },
        "+12125550104" => Callee {
            answered_by: AnsweredBy::Machine,
            ..listener
        },
        "+12125550105" => Callee {
            hangs_up_after: Some(Duration::from_secs(4)),
            ..listener
        },
        "+12125550106" => Callee {
            presses: Some("1"),
            ..listener
        },
        "+12125550107" => Callee {
            says: Some("yes"),
            ..listener
        },
        "+12125550108" => Callee {
            silent: true,
            answered_by: AnsweredBy::Unknown,
            ..listener
        },
        "+12125550109" => Callee {
            queued: Duration::from_secs(30),
            ..listener
        },
        "+12125550110" => Callee {
            recording_absent: true,
            ..listener
        },
        "+12125550111" => Callee {
            answered_by: AnsweredBy::Fax,
            ..listener
        },
        "+12125550112" => Callee {
            rings: Duration::from_secs(25),
            ..listener
        },
        _ => listener,
    }
}

/// A number in E.164 form, from the ways in which Twilio accepts it: with a plus sign, or ten digits of a US number,
/// with spaces, dots, dashes and parentheses anywhere.
#[must_use]
pub fn e164(text: &str) -> Option<String> {
    let (plus, rest) = match text.trim().strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    };
    if !rest
        .chars()
        .all(|c| c.is_ascii_digit() || " .-()".contains(c))
    {
        return None;
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    match (plus, digits.len()) {
        (true, 7..=15) if !digits.starts_with('0') => Some(format!("+{digits}")),
        (false, 10) if !digits.starts_with(['0', '1']) => Some(format!("+1{digits}")),
        (false, 11) if digits.starts_with('1') => Some(format!("+{digits}")),
        _ => None,
    }
}

/// A number as Twilio shows it: North American ones in their national form, others as they are.
#[must_use]
pub fn formatted(number: &str) -> String {
    match number.strip_prefix("+1") {
        Some(national) if national.len() == 10 && national.is_ascii() => {
            format!(
                "({}) {}-{}",
                &national[..3],
                &national[3..6],
                &national[6..]
            )
        }
        _ => number.to_owned(),
    }
}
