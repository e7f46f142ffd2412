//! The kinds of violations, and one violation. Each kind is something that must never happen.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

/// A kind of violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Twilio has a call that isn't in the database.
    CallWithoutRecord,
    /// One idempotency key has placed more than one call.
    DialledTwice,
    /// The database and Twilio have different statuses.
    StatusDiffers,
    /// The outcome of a dial is still unknown.
    LeftUnknown,
    /// A status was replaced by an earlier one.
    StatusWentBack,
    /// A recording at Twilio isn't in the database, or not as completed.
    RecordingMissing,
    /// A recording is in the database twice, or isn't at Twilio.
    RecordingDoubled,
    /// A call ended normally without its script, and the database doesn't say so.
    ScriptNotSpoken,
    /// The database says that the script wasn't spoken, but it was.
    DeliveryDenied,
    /// A person's answer was acknowledged, but it isn't in the database.
    AnswerLost,
    /// The database has an answer that the person didn't give.
    AnswerInvented,
    /// The database says that everything was spoken, but it wasn't.
    FullUnproven,
    /// A person waited in silence after the answer.
    LongSilence,
    /// The database says that a machine has recorded the message, but it has not recorded all of it.
    VoicemailUnproven,
    /// A machine has not recorded the message, although nothing failed.
    MessageMissed,
    /// The silence of a machine counts as that of a person.
    MachineSilenceCounted,
    /// A result of machine detection cut a person off who had shown to be one, or a call twice.
    CutOffByVerdict,
    /// A transfer was dialled twice.
    TransferDialledTwice,
    /// A transfer was dialled to a blocked number.
    TransferToBlocked,
    /// A person's opt-out was acknowledged, but the number isn't blocked.
    OptOutLost,
    /// A number was dialled again after its opt-out.
    DialledAfterOptOut,
    /// The result is an outcome that the person did not choose.
    OutcomeInvented,
    /// The result contradicts Twilio's call.
    ResultDiffers,
    /// A webhook was answered 2xx, but it isn't in the database.
    WebhookNotApplied,
    /// `replay` has given up a webhook.
    DeadLetter,
    /// A webhook is in the queue at the end.
    StillQueued,
    /// A key has no final response.
    StuckKey,
    /// A client got a response that it must not get.
    WrongAnswer,
    /// A function panicked.
    Panicked,
    /// A call was dialled after the response to its cancellation.
    DialledAfterCancel,
    /// A call was dialled when it had expired.
    DialledExpired,
    /// A call was dialled before its time.
    DialledEarly,
    /// A call was dialled outside the calling hours.
    DialledOutsideHours,
    /// A call was dialled while its batch was paused, or dialling was switched off.
    DialledWhilePaused,
    /// A blocked number was dialled.
    DialledBlocked,
    /// A call was sent to be dialled again, while its first message was under way.
    SentWhileLeased,
    /// A call was dialled over the daily cap of its number or user.
    DialledOverCap,
    /// A series has more attempts than allowed.
    RetriesExceeded,
    /// An attempt followed an answer, or one that was only given up.
    RetriedNeedlessly,
    /// An attempt that the budget allows did not follow.
    NextAttemptMissing,
    /// A scheduled call still waits, or has ended without reason.
    Forgotten,
    /// A response of 202 was replayed as another one.
    ReplayDiffers,
    /// Twilio got more requests to dial within a second than allowed.
    PaceExceeded,
    /// An urgent call waited behind bulk ones.
    UrgentWaited,
    /// A batch's counts differ from its calls.
    BatchCountsDiffer,
    /// The stored result of a call is not the one that follows from the call.
    StoredResultDiffers,
}

impl Kind {
    /// The kinds of every run, in the order of the table.
    pub const USUAL: [Self; 29] = [
        Self::CallWithoutRecord,
        Self::DialledTwice,
        Self::StatusDiffers,
        Self::LeftUnknown,
        Self::StatusWentBack,
        Self::RecordingMissing,
        Self::RecordingDoubled,
        Self::ScriptNotSpoken,
        Self::DeliveryDenied,
        Self::AnswerLost,
        Self::AnswerInvented,
        Self::FullUnproven,
        Self::LongSilence,
        Self::VoicemailUnproven,
        Self::MessageMissed,
        Self::MachineSilenceCounted,
        Self::CutOffByVerdict,
        Self::TransferDialledTwice,
        Self::TransferToBlocked,
        Self::OptOutLost,
        Self::DialledAfterOptOut,
        Self::OutcomeInvented,
        Self::ResultDiffers,
        Self::WebhookNotApplied,
        Self::DeadLetter,
        Self::StillQueued,
        Self::StuckKey,
        Self::WrongAnswer,
        Self::Panicked,
    ];

    /// The further kinds of a run that uses the dial queue.
    pub const OF_QUEUE: [Self; 17] = [
        Self::DialledAfterCancel,
        Self::DialledExpired,
        Self::DialledEarly,
        Self::DialledOutsideHours,
        Self::DialledWhilePaused,
        Self::DialledBlocked,
        Self::DialledOverCap,
        Self::SentWhileLeased,
        Self::RetriesExceeded,
        Self::RetriedNeedlessly,
        Self::NextAttemptMissing,
        Self::Forgotten,
        Self::ReplayDiffers,
        Self::PaceExceeded,
        Self::UrgentWaited,
        Self::BatchCountsDiffer,
        Self::StoredResultDiffers,
    ];

    /// Returns whether such a violation may end by waiting. A wrong dial or response stays, and a panic;
    /// and what only the simulator's log can tell.
    pub fn may_settle(self) -> bool {
        let of_queue = [
            Self::NextAttemptMissing,
            Self::Forgotten,
            Self::StoredResultDiffers,
        ];
        let stays = [
            Self::DialledTwice,
            Self::ScriptNotSpoken,
            Self::AnswerInvented,
            Self::FullUnproven,
            Self::LongSilence,
            Self::VoicemailUnproven,
            Self::MessageMissed,
            Self::CutOffByVerdict,
            Self::TransferDialledTwice,
            Self::TransferToBlocked,
            Self::DialledAfterOptOut,
            Self::OutcomeInvented,
            Self::ResultDiffers,
            Self::WrongAnswer,
            Self::Panicked,
        ];
        let is_usual = Self::USUAL.contains(&self) && !stays.contains(&self);
        is_usual || of_queue.contains(&self)
    }

    /// Returns the label in the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::CallWithoutRecord => "accepted calls without a record",
            Self::DialledTwice => "calls dialled twice under one key",
            Self::StatusDiffers => "statuses that differ from Twilio's",
            Self::LeftUnknown => "dials with an unknown outcome",
            Self::StatusWentBack => "statuses that went backwards",
            Self::RecordingMissing => "missing recordings",
            Self::RecordingDoubled => "duplicate recordings",
            Self::ScriptNotSpoken => "scripts not spoken and not reported",
            Self::DeliveryDenied => "spoken scripts reported as not spoken",
            Self::AnswerLost => "answers acknowledged and not stored",
            Self::AnswerInvented => "answers that nobody gave",
            Self::FullUnproven => "full deliveries that were cut short",
            Self::LongSilence => "people who waited in silence",
            Self::VoicemailUnproven => "messages reported and not recorded whole",
            Self::MessageMissed => "messages missed although nothing failed",
            Self::MachineSilenceCounted => "machines whose silence was an answer",
            Self::CutOffByVerdict => "people cut off by machine detection",
            Self::TransferDialledTwice => "transfers dialled twice",
            Self::TransferToBlocked => "transfers to blocked numbers",
            Self::OptOutLost => "opt-outs acknowledged and not stored",
            Self::DialledAfterOptOut => "calls dialled after an opt-out",
            Self::OutcomeInvented => "outcomes that nobody chose",
            Self::ResultDiffers => "results that differ from the call",
            Self::WebhookNotApplied => "webhooks answered 2xx and not applied",
            Self::DeadLetter => "dead letters",
            Self::StillQueued => "webhooks left in the queue",
            Self::StuckKey => "keys without a final response",
            Self::WrongAnswer => "wrong responses to clients",
            Self::Panicked => "panics of functions",
            Self::DialledAfterCancel => "calls dialled after their cancellation",
            Self::DialledExpired => "calls dialled after they expired",
            Self::DialledEarly => "calls dialled before their time",
            Self::DialledOutsideHours => "calls dialled outside the hours",
            Self::DialledWhilePaused => "calls dialled while paused or off",
            Self::DialledBlocked => "blocked numbers dialled",
            Self::DialledOverCap => "calls dialled over a daily cap",
            Self::SentWhileLeased => "calls sent again while leased",
            Self::RetriesExceeded => "retry budgets exceeded",
            Self::RetriedNeedlessly => "needless attempts",
            Self::NextAttemptMissing => "missing attempts",
            Self::Forgotten => "scheduled calls forgotten",
            Self::ReplayDiffers => "responses replayed differently",
            Self::PaceExceeded => "seconds with too many dials",
            Self::UrgentWaited => "urgent calls behind bulk ones",
            Self::BatchCountsDiffer => "wrong counts of batches",
            Self::StoredResultDiffers => "stored results that differ",
        }
    }
}

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// The kind of violation.
    pub kind: Kind,
    /// The idempotency key concerned, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The call's `call_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The call's `CallSid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_sid: Option<String>,
    /// The correct state.
    pub expected: String,
    /// The actual state.
    pub found: String,
}

impl Violation {
    /// Creates a violation that names no call and no key.
    pub fn new(kind: Kind, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            kind,
            key: None,
            call_id: None,
            call_sid: None,
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// Names the call by its `call_id`.
    pub fn of_call(mut self, call_id: impl Into<Option<String>>) -> Self {
        self.call_id = call_id.into();
        self
    }

    /// Names the call by its `CallSid`.
    pub fn of_sid(mut self, call_sid: impl Into<Option<String>>) -> Self {
        self.call_sid = call_sid.into();
        self
    }

    /// Names the idempotency key.
    pub fn of_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = [
            ("key", &self.key),
            ("call_id", &self.call_id),
            ("CallSid", &self.call_sid),
        ];
        for (name, value) in names {
            if let Some(value) = value {
                write!(f, "{name} {value}  ")?;
            }
        }
        write!(f, "expected: {}; found: {}", self.expected, self.found)
    }
}
