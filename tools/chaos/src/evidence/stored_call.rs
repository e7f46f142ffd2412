//! The documents of calls and recordings, with the fields that are compared.

use std::collections::BTreeMap;

use mongodb::bson::{self, DateTime, Document};
use outdial::domain::{
    Action, Answer, Call, Prompt, Retry, RetryReason, Steps, Voicemail, VoicemailAction, Words,
};
use serde::Deserialize;

/// The fields of a call's document that are compared.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct StoredCall {
    /// The public id.
    pub call_id: String,
    /// The `CallSid`, once it is known.
    #[serde(default)]
    pub twilio_sid: Option<String>,
    /// The call's status.
    pub status: String,
    /// The text to speak.
    #[serde(default)]
    pub script: String,
    /// The part of the script that the person heard, if known.
    #[serde(default)]
    pub delivery: Option<String>,
    /// True if a client hung up before the `CallSid` was known.
    #[serde(default)]
    pub hangup_requested: bool,
    /// The outcome of the dial.
    #[serde(default)]
    pub dial_outcome: Option<String>,
    /// Twilio's URL of the first completed recording.
    #[serde(default)]
    pub recording_url: Option<String>,
    /// The hash of the idempotency key.
    #[serde(default)]
    pub idempotency_scope: Option<String>,
    /// The timeline.
    #[serde(default)]
    pub events: Vec<Event>,
    /// The number of events that didn't fit into the timeline.
    #[serde(default)]
    pub events_dropped: i64,
    /// Machine detection before the first word, if the client asks for it.
    #[serde(default)]
    pub machine_detection: Option<String>,
    /// The steps of a call that listens.
    #[serde(default)]
    pub steps: Option<Steps>,
    /// The treatment of answering machines.
    #[serde(default)]
    pub voicemail: Option<Voicemail>,
    /// True if a machine has recorded the message, as far as the service knows.
    #[serde(default)]
    pub voicemail_left: bool,
    /// The answers of a call that listens.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// Its result, once it has ended.
    #[serde(skip)]
    pub result: Option<String>,
    /// The result that lists and counts use.
    #[serde(skip)]
    pub stored_result: Option<String>,
    /// The fields of the dial queue.
    #[serde(skip)]
    pub queue: QueueFields,
}

/// The fields of a call's document that concern the dial queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QueueFields {
    /// The client's own notes: the key of its order.
    pub metadata: BTreeMap<String, String>,
    /// The `_id` of the user.
    pub user_id: String,
    /// The called number.
    pub to_number: String,
    /// The rank of the status.
    pub status_rank: i32,
    /// The lane, if the call waits or waited.
    pub lane: Option<String>,
    /// The time from which it may be dialled, as requested.
    pub scheduled_at: Option<DateTime>,
    /// The time from which it may be dialled.
    pub due_at: Option<DateTime>,
    /// The time from which it may not be dialled.
    pub expires_at: Option<DateTime>,
    /// The UTC day whose caps counted it. Absent: the day on which it was stored.
    pub counted_on: Option<String>,
    /// The reason why it waits.
    pub waiting_for: Option<String>,
    /// The reason for its end.
    pub status_reason: Option<String>,
    /// The number of the attempt. Absent: 1.
    pub attempt: Option<u32>,
    /// The call of the first attempt. Absent: this call.
    pub first_call_id: Option<String>,
    /// The call of the next attempt.
    pub next_call_id: Option<String>,
    /// The retries.
    pub retry: Option<Retry>,
    /// The batch.
    pub batch_id: Option<String>,
    /// The result of answering machine detection, if it was on.
    pub answered_by: Option<String>,
    /// Twilio's error code.
    pub error_code: Option<i32>,
    /// The HTTP status of the response to the client.
    pub answered_status: Option<i32>,
    /// The time when the call was stored.
    pub created_at: Option<DateTime>,
    /// The time of the last change.
    pub updated_at: Option<DateTime>,
}

impl StoredCall {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// If a field is missing, or has another type.
    pub fn read(document: Document) -> bson::error::Result<Self> {
        let queue = bson::deserialize_from_document(document.clone())?;
        let whole: Call = bson::deserialize_from_document(document.clone())?;
        let call = bson::deserialize_from_document(document)?;
        Ok(Self {
            queue,
            result: whole.result().map(str::to_owned),
            stored_result: whole.stored_result,
            ..call
        })
    }

    /// Returns whether the call listens: it has steps, or treats answering machines.
    pub fn listens(&self) -> bool {
        self.steps.is_some() || self.voicemail.is_some()
    }

    /// The texts of the message for a machine.
    pub fn message(&self) -> Option<Vec<String>> {
        let voicemail = self.voicemail.as_ref()?;
        let leaves = voicemail.action == VoicemailAction::LeaveMessage;
        leaves.then(|| texts_of(voicemail.message.iter()))
    }

    /// Returns whether it may hang up on a machine, because another attempt may follow.
    pub fn tries_machines_again(&self) -> bool {
        let retry = self.queue.retry.as_ref();
        retry.is_some_and(|it| it.on.contains(&RetryReason::Voicemail))
    }

    /// Returns whether silence at an ask has this outcome.
    pub fn is_outcome_of_silence(&self, outcome: &str) -> bool {
        let asks = self.steps.iter().flat_map(Steps::iter);
        let mut silent = asks.filter_map(|step| match &step.action {
            Action::Ask(ask) => ask.no_input.outcome.as_ref(),
            _ => None,
        });
        silent.any(|it| it.as_str() == outcome)
    }

    /// The texts that a call says if no key cuts it short. A call that listens says nothing else before an answer.
    pub fn texts(&self) -> Vec<String> {
        let Some(steps) = &self.steps else {
            return vec![self.script.clone()];
        };
        let prompts = steps.iter().filter_map(|step| match &step.action {
            Action::Say(prompt) => Some(prompt),
            Action::Ask(ask) => Some(&ask.prompt),
            Action::Transfer(_) | Action::HangUp => None,
        });
        texts_of(prompts)
    }

    /// The number of the attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.queue.attempt.unwrap_or(1)
    }

    /// Returns whether it waits or waited in the dial queue.
    pub fn has_waited(&self) -> bool {
        self.queue.lane.is_some()
    }

    /// The `call_id` of the first attempt, which names the series.
    pub fn first_call_id(&self) -> &str {
        self.queue.first_call_id.as_deref().unwrap_or(&self.call_id)
    }
}

fn texts_of<'a>(prompts: impl Iterator<Item = &'a Prompt>) -> Vec<String> {
    let parts = prompts.flat_map(Prompt::parts);
    let texts = parts.filter_map(|part| match &part.words {
        Words::Text(text) => Some(text.as_str().to_owned()),
        Words::Ssml(_) | Words::Spell(_) => None,
    });
    texts.collect()
}

/// An entry of a call's timeline.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Event {
    /// The callback's `SequenceNumber`.
    #[serde(default)]
    pub sequence: Option<i64>,
}

/// The fields of a recording's document that are compared.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct StoredRecording {
    /// The `RecordingSid`.
    pub twilio_sid: String,
    /// `processing`, `completed`, `absent`, `failed` or `deleted`.
    pub status: String,
}
