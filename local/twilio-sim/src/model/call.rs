//! A call as the REST API and the inspection API report it.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{CallRequest, Callback, Command, Heard, Machine, Notification, Status, new_sid};
use crate::webhook::WebhookTarget;

/// The cause of the end of an answered call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The instructions hung up or ran out.
    Instructions,
    /// No instructions could be fetched or read.
    Error,
    /// The REST API.
    Update,
    /// The called party.
    Callee,
    /// The time limit.
    TimeLimit,
    /// The end of the other leg: the call whose Dial this call was made for.
    OtherLeg,
}

impl EndedBy {
    /// The value of `ended_by` at `/_sim/calls`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Error => "error",
            Self::Update => "update",
            Self::Callee => "callee",
            Self::TimeLimit => "time_limit",
            Self::OtherLeg => "other_leg",
        }
    }
}

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    /// `CA…`.
    pub sid: String,
    /// The parameters of the request that created the call.
    pub request: CallRequest,
    /// The status callback; an update can change it.
    pub status_callback: Option<WebhookTarget>,
    /// The current status.
    pub status: Status,
    /// The milliseconds in the queue, or their expected number until the call is dialled.
    #[serde(default)]
    pub queue_time_ms: u64,
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
    /// The result of machine detection.
    pub answered_by: Option<Cow<'static, str>>,
    /// The cause of the end, if the call was answered.
    pub ended_by: Option<EndedBy>,
    /// The sentences that the called party heard in full.
    pub spoken: Vec<String>,
    /// The sentences that were cut off.
    pub interrupted: Vec<String>,
    /// All sentences in order, with their times.
    #[serde(default)]
    pub heard: Vec<Heard>,
    /// The answering machine that picked up.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// When the REST API gave it other instructions, in milliseconds from the answer.
    #[serde(default)]
    pub redirected_ms: Vec<u64>,
    /// The whole seconds for which a leg of a Dial was connected with the call that dialled it. `None`: it was not.
    #[serde(default)]
    pub bridged_seconds: Option<u64>,
    /// Callbacks sent; retries are not counted.
    pub callbacks_sent: u64,
    /// Callbacks answered with 2xx.
    pub callbacks_delivered: u64,
    /// Callbacks without an answer so far. The next run sends them again. Empty without a data file.
    #[serde(default)]
    pub unanswered: Vec<Callback>,
    /// The entries of the Events resource.
    pub events: Vec<Value>,
    /// The errors and warnings, oldest first.
    #[serde(default)]
    pub notifications: Vec<Notification>,
    /// The channel to the task that plays the call; closed after the end.
    #[serde(skip, default = "closed_channel")]
    pub commands: mpsc::UnboundedSender<Command>,
}

fn closed_channel() -> mpsc::UnboundedSender<Command> {
    mpsc::unbounded_channel().0
}

impl Call {
    /// Creates a queued call that was accepted at `now`. `creation` is its first event, if a request created it.
    #[must_use]
    pub fn new(
        request: CallRequest,
        status_callback: Option<WebhookTarget>,
        creation: Option<Value>,
        now: DateTime<Utc>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Self {
            sid: new_sid("CA"),
            request,
            status_callback,
            status: Status::Queued,
            queue_time_ms: 0,
            created: now,
            updated: now,
            started: None,
            answered: None,
            ended: None,
            duration: None,
            answered_by: None,
            ended_by: None,
            spoken: Vec::new(),
            interrupted: Vec::new(),
            heard: Vec::new(),
            machine: None,
            redirected_ms: Vec::new(),
            bridged_seconds: None,
            callbacks_sent: 0,
            callbacks_delivered: 0,
            unanswered: Vec::new(),
            events: creation.into_iter().collect(),
            notifications: Vec::new(),
            commands,
        }
    }

    /// Sets the time in the queue.
    pub fn set_queue_time(&mut self, time: Duration) {
        self.queue_time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    }

    /// Ends a call that an earlier run left open, at the time of its last change; returns whether it was open.
    ///
    /// An answered call becomes `completed`, any other `failed`.
    pub fn end_interrupted(&mut self) -> bool {
        if self.status.has_ended() {
            return false;
        }
        let answered = self.answered.unwrap_or(self.updated);
        let lasted = (self.updated - answered).num_seconds();
        self.status = if self.answered.is_some() {
            Status::Completed
        } else {
            Status::Failed
        };
        self.duration = Some(u64::try_from(lasted).unwrap_or_default());
        self.ended = Some(self.updated);
        true
    }
}
