//! The comparison: what the simulator knows against what the database says and what was answered.

mod calls;
mod delivery;
mod recordings;
#[cfg(test)]
mod tests;
mod webhooks;

pub use delivery::courses;
use serde::Serialize;

use super::evidence::Evidence;

/// What must never be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Twilio has a call that the database does not know.
    CallWithoutRecord,
    /// More than one call for one key.
    DialledTwice,
    /// The database says another status than Twilio.
    StatusDiffers,
    /// A dial that nobody has settled.
    LeftUnknown,
    /// A status gave way to an earlier one.
    StatusWentBack,
    /// A recording that Twilio has and the database has not, or not as completed.
    RecordingMissing,
    /// A recording that is there twice, or that Twilio does not have.
    RecordingDoubled,
    /// A call that came to its own end without its script, and whose record does not say so.
    ScriptNotSpoken,
    /// A record that says that the script was not spoken, though it was.
    DeliveryDenied,
    /// A webhook that was answered 2xx and has left no trace.
    WebhookNotApplied,
    /// A webhook that replaying has given up.
    DeadLetter,
    /// A webhook that waits in the queue at the end.
    StillQueued,
    /// A key that never got a final answer.
    StuckKey,
    /// An answer that no client deserved.
    WrongAnswer,
}

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::CallWithoutRecord,
        Self::DialledTwice,
        Self::StatusDiffers,
        Self::LeftUnknown,
        Self::StatusWentBack,
        Self::RecordingMissing,
        Self::RecordingDoubled,
        Self::ScriptNotSpoken,
        Self::DeliveryDenied,
        Self::WebhookNotApplied,
        Self::DeadLetter,
        Self::StillQueued,
        Self::StuckKey,
        Self::WrongAnswer,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::CallWithoutRecord => "accepted calls without a record",
            Self::DialledTwice => "calls dialled twice under one key",
            Self::StatusDiffers => "statuses that differ",
            Self::LeftUnknown => "dials left unknown",
            Self::StatusWentBack => "statuses that went back",
            Self::RecordingMissing => "recordings missing",
            Self::RecordingDoubled => "recordings doubled",
            Self::ScriptNotSpoken => "scripts not spoken and not told",
            Self::DeliveryDenied => "scripts spoken and told as not delivered",
            Self::WebhookNotApplied => "webhooks answered 2xx and not applied",
            Self::DeadLetter => "dead letters",
            Self::StillQueued => "webhooks still queued",
            Self::StuckKey => "keys that are stuck",
            Self::WrongAnswer => "wrong answers to clients",
        }
    }
}

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// What is broken.
    pub kind: Kind,
    /// The key, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Our name of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Twilio's name of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_sid: Option<String>,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Violation {
    fn new(kind: Kind, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            kind,
            key: None,
            call_id: None,
            call_sid: None,
            expected: expected.into(),
            found: found.into(),
        }
    }

    fn of_call(mut self, call_id: impl Into<Option<String>>) -> Self {
        self.call_id = call_id.into();
        self
    }

    fn of_sid(mut self, call_sid: impl Into<Option<String>>) -> Self {
        self.call_sid = call_sid.into();
        self
    }

    fn of_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }
}

/// Everything that is wrong, by kind.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = calls::violations(evidence);
    found.extend(delivery::violations(evidence));
    found.extend(recordings::violations(evidence));
    found.extend(webhooks::violations(evidence));
    for (kind, count) in [
        (Kind::DeadLetter, evidence.dead_letters),
        (Kind::StillQueued, evidence.queued),
    ] {
        found.extend((1..=count).map(|nth| {
            Violation::new(kind, "an empty queue", format!("message {nth} of {count}"))
        }));
    }
    found.sort();
    found.dedup();
    found
}
