//! Calls and recordings, as they stand.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::faults::CallbackKind;
use crate::twiml::Source;
use crate::wav::{Sound, Wav};

/// A new identifier such as `CA0123…`: the prefix and 32 hex digits.
#[must_use]
pub fn new_sid(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::new_v4().simple())
}

/// Where a call stands. Twilio's REST API says `queued` of a call that has been initiated but doesn't ring yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Accepted, not dialled yet.
    Queued,
    /// Being dialled.
    Initiated,
    /// Ringing.
    Ringing,
    /// Answered.
    InProgress,
    /// Ended after it was answered.
    Completed,
    /// The line was busy.
    Busy,
    /// The carrier couldn't place it.
    Failed,
    /// Nobody picked up in time.
    NoAnswer,
    /// Given up by the caller before it was answered.
    Canceled,
}

impl Status {
    /// The word in a callback.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
        }
    }

    /// The word in the REST API.
    #[must_use]
    pub fn rest_word(self) -> &'static str {
        if self == Self::Initiated {
            "queued"
        } else {
            self.word()
        }
    }

    /// Whether nothing more will come.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(
            self,
            Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress
        )
    }
}

/// What ended a call that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Its instructions: they hung up, or came to their end.
    Instructions,
    /// The want of instructions: none could be had or read.
    Error,
    /// The REST API.
    Update,
    /// The called party.
    Callee,
    /// Its time limit.
    TimeLimit,
}

impl EndedBy {
    /// The word at `/_sim/calls`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Error => "error",
            Self::Update => "update",
            Self::Callee => "callee",
            Self::TimeLimit => "time_limit",
        }
    }
}

/// A webhook as the application configured it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hook {
    /// As given, with its fragment.
    pub url: String,
    /// Whether it is asked with GET; POST otherwise.
    pub get: bool,
}

/// What was asked for when the call was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The called number.
    pub to: String,
    /// The calling number.
    pub from: String,
    /// Where the first instructions come from.
    pub source: Source,
    /// Asked where the instructions can't be had or read.
    pub fallback: Option<Hook>,
    /// The status events wanted; none where a wrong one was named.
    pub status_events: Vec<String>,
    /// Whether the whole call is recorded, and how.
    pub recording: Option<RecordingOptions>,
    /// How long it may ring.
    pub timeout: Duration,
    /// How long it may last.
    pub time_limit: Duration,
    /// Keys to send once it is answered.
    pub send_digits: Option<String>,
    /// Answering machine detection.
    pub detection: Option<Detection>,
}

/// How to record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordingOptions {
    /// 1 or 2.
    pub channels: u16,
    /// `both`, `inbound` or `outbound`.
    pub track: String,
    /// Where to tell about it.
    pub callback: Option<Hook>,
    /// Which of in-progress, completed and absent to tell.
    pub events: Vec<String>,
}

/// Answering machine detection, as asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Detection {
    /// Wait for the end of a machine's greeting.
    pub message_end: bool,
    /// Don't hold the call up for it.
    pub in_background: bool,
    /// Where the result of a background detection goes.
    pub callback: Option<Hook>,
}

/// What the REST API asks of a call while it is played.
#[derive(Debug)]
pub struct Command {
    /// What to do.
    pub order: Order,
    /// Answered once it is done.
    pub done: oneshot::Sender<()>,
}

/// See [`Command`].
#[derive(Debug)]
pub enum Order {
    /// Hang up if the call has not been answered.
    Cancel,
    /// Hang up.
    Complete,
    /// Go on with other instructions.
    Redirect(Source),
    /// The time limit is another one now.
    Limit(Duration),
}

/// A request to the application about a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callback {
    /// What it is for.
    pub kind: CallbackKind,
    /// The status that it tells.
    pub event: String,
    /// Where it goes.
    pub hook: Hook,
    /// Its parameters.
    pub form: Vec<(String, String)>,
    /// Its `I-Twilio-Idempotency-Token`, which tells a duplicate from another callback.
    pub token: String,
}

/// A call and what is known about it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    /// `CA…`.
    pub sid: String,
    /// What was asked for.
    pub request: Request,
    /// Where status callbacks go; an update may change it.
    pub status_callback: Option<Hook>,
    /// Where it stands.
    pub status: Status,
    /// When it was accepted.
    pub created: DateTime<Utc>,
    /// When it last changed.
    pub updated: DateTime<Utc>,
    /// When it was dialled.
    pub started: Option<DateTime<Utc>>,
    /// When it was answered.
    pub answered: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// Whole seconds from answer to end.
    pub duration: Option<u64>,
    /// What machine detection found.
    pub answered_by: Option<Cow<'static, str>>,
    /// What ended it after it was answered.
    pub ended_by: Option<EndedBy>,
    /// What the called party heard to its end, sentence by sentence.
    pub spoken: Vec<String>,
    /// What the called party heard the beginning of, sentence by sentence.
    pub interrupted: Vec<String>,
    /// Callbacks sent, each counted once however often it was tried.
    pub callbacks_sent: u64,
    /// Callbacks answered with 2xx.
    pub callbacks_delivered: u64,
    /// Callbacks that nobody has answered yet, where they are kept for the next run.
    #[serde(default)]
    pub unanswered: Vec<Callback>,
    /// The requests made on behalf of this call and their answers, as the Events resource tells them.
    pub events: Vec<Value>,
    /// Reaches whoever plays the call, if anybody does.
    #[serde(skip, default = "nobody")]
    pub commands: mpsc::UnboundedSender<Command>,
}

fn nobody() -> mpsc::UnboundedSender<Command> {
    mpsc::unbounded_channel().0
}

/// A recording.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recording {
    /// `RE…`.
    pub sid: String,
    /// The call it is of.
    pub call_sid: String,
    /// in-progress, processing, completed or absent.
    pub status: Cow<'static, str>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it last changed.
    pub updated: DateTime<Utc>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// Whole seconds, once it has ended.
    pub seconds: Option<u32>,
    /// 1 or 2.
    pub channels: u16,
    /// `OutboundAPI` or `RecordVerb`.
    pub source: Cow<'static, str>,
    /// `both`, `inbound` or `outbound`.
    pub track: String,
    /// Why it is absent: 16101 too short, 16102 silent.
    pub error_code: Option<u32>,
    /// What is heard in it.
    pub sounds: Vec<Sound>,
}

impl Recording {
    /// Decides what a stopped recording has become: completed, or absent.
    pub fn process(&mut self) {
        let is_absent = self.error_code.is_some();
        self.status = if is_absent { "absent" } else { "completed" }.into();
    }

    /// Its audio, once it has been completed.
    #[must_use]
    pub fn audio(&self) -> Option<Wav> {
        (self.status == "completed").then(|| Wav {
            channels: self.channels,
            seconds: self.seconds.unwrap_or_default(),
            sounds: self.sounds.clone(),
        })
    }
}
