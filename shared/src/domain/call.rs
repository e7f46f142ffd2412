//! A call: its document in the database, and its timeline.

mod derived;
mod machines;
mod new;
mod result;
mod sensitive;

use std::fmt;

use bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};

pub use new::NewCall;

use super::{
    Answer, BatchId, CallId, CallSid, CallStatus, Delivery, DialOutcome, Effect, EventSource, Lane,
    Language, MachineDetection, Metadata, PhoneNumber, Priority, Retry, Script, StepId, Steps,
    TimeZone, TransferLeg, Voice, Voicemail, WaitingFor,
};

/// An entry in a call's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// The call's new status.
    pub status: CallStatus,
    /// Time of the change, UTC: the callback's `Timestamp`.
    pub at: DateTime,
    /// Source of the event.
    pub source: EventSource,
    /// The callback's `SequenceNumber`, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// The callback's `I-Twilio-Idempotency-Token`, the same in each retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The right of one result of machine detection to end a call, or to give it other instructions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoicemailClaim {
    /// Random id of the request that brought the result.
    pub id: String,
    /// Time of the claim, UTC.
    pub at: DateTime,
}

/// A call: a document of `calls`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields of a stored document"
)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The document's `_id`: [`CallId::object_id`], except in documents of the earlier service.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The call's public id.
    pub call_id: CallId,
    /// The `_id` of the user, as 24 hexadecimal digits.
    pub user_id: String,
    /// Twilio's id of the call, absent until it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twilio_sid: Option<CallSid>,
    /// The called number.
    pub to_number: PhoneNumber,
    /// The spelling of the called number that the daily cap counts, if it is not `to_number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_number: Option<PhoneNumber>,
    /// The number that the call comes from.
    pub from_number: PhoneNumber,
    /// The call's status.
    pub status: CallStatus,
    /// [`CallStatus::rank`] of `status`. Missing in documents of the earlier service.
    #[serde(default)]
    pub status_rank: i32,
    /// The text to speak. If the call has steps, it is their text, which only earlier versions of this service read:
    /// [`Call::own_script`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
    /// The steps, which count instead of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// The voice, if the request has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
    /// The language, if the request has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Answering machine detection, if it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_detection: Option<MachineDetection>,
    /// The treatment of an answering machine, if the request asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voicemail: Option<Voicemail>,
    /// The result of machine detection that took the call over, if one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voicemail_claim: Option<VoicemailClaim>,
    /// True if a machine has recorded the message to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voicemail_left: bool,
    /// The client's own notes.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// True if Twilio records the call.
    #[serde(default)]
    pub recording_enabled: bool,
    /// True if the recording is transcribed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transcribe: bool,
    /// True if the words and the keys are erased after the call's end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// True while a sensitive call has its words, or keys that came late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub words_open: bool,
    /// Time at which the words were erased, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words_erased_at: Option<DateTime>,
    /// URL of the first completed recording at Twilio.
    #[serde(default)]
    pub recording_url: Option<String>,
    /// Outcome of our request to dial. Missing in documents of the earlier service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dial_outcome: Option<DialOutcome>,
    /// Time until which the request that stored the call may still ask Twilio or wait for it, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dial_deadline: Option<DateTime>,
    /// True if we store `dial_begun_at` before we ask Twilio: for calls with an idempotency key. Older versions of this service
    /// stored neither field.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announces_dial: bool,
    /// Time at which the request that stored the call went on to ask Twilio, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dial_begun_at: Option<DateTime>,
    /// HTTP status of our response to the request that placed the call, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_status: Option<i32>,
    /// True if a hang-up waits until the `CallSid` is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hangup_requested: bool,
    /// Twilio's error code, if the call failed with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<i32>,
    /// Why the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// HTTP status of the refusal; absent if Twilio was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_status: Option<i32>,
    /// Length of the call in seconds, from the answer to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
    /// `human`, `machine_start`, `fax`, … if answering machine detection was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// Code of the SIP response that ended the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_response_code: Option<i32>,
    /// How much of the script the person heard, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The keys that the person pressed at each try of an ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    /// The asks whose tries ended without an answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<StepId>,
    /// True if the steps went on to their end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub steps_ended: bool,
    /// True if the person asked for no further calls.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opted_out: bool,
    /// The legs of its transfers, by the time at which they began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<TransferLeg>,
    /// The spellings of each number that a transfer may dial; the first is the number itself. So `voice` finds them on the block
    /// list without the numbering plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfer_lines: Vec<Vec<PhoneNumber>>,
    /// True if a failure ended the steps early: the person heard an apology or general thanks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_off: bool,
    /// [`Call::result`] as the function `effects` has stored it, for lists and counts. Absent until the call has ended.
    #[serde(default, rename = "result", skip_serializing_if = "Option::is_none")]
    pub stored_result: Option<String>,
    /// The timeline, sorted by time, then by `SequenceNumber`; at most [`Call::EVENTS_MAX`] entries.
    #[serde(default)]
    pub events: Vec<CallEvent>,
    /// Number of events that the timeline has no room for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub events_dropped: i64,
    /// Hash of the API key's name, the route and the idempotency key; unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_scope: Option<String>,
    /// Hash of the request with the idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// Name of the API key that placed the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// The queue in which the call waits, or waited. Absent on calls that never waited, like the fields below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Time at which the client wants the call, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<DateTime>,
    /// Time from which the call may be dialled, UTC: `scheduled_at`, or later if it has to wait for something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime>,
    /// Time from which the call is no longer dialled, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime>,
    /// Urgency. Absent: normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Random id of the lease: only the message that has it dials the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<String>,
    /// End of the lease, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<DateTime>,
    /// UTC day, such as `2026-12-01`, whose caps counted the call. Absent: the day of `created_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_on: Option<String>,
    /// Random id by which the caps counted the call. Absent: `_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_as: Option<ObjectId>,
    /// What a scheduled call waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// Number of the attempt, from 1. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The call of the first attempt: this call, if it is the first one. Absent on calls without retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_call_id: Option<CallId>,
    /// The call of the attempt before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_call_id: Option<CallId>,
    /// The call of the attempt after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_call_id: Option<CallId>,
    /// The retries, if the client wants any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The batch of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The client's own id of the recipient in the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The recipient's own time zone, which replaces the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// Code of the rule that ended the call, or `requested` if a client did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Why no attempt follows the call, whatever its end: `answered`, if an earlier attempt was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_stopped: Option<String>,
    /// True while changes of the call may have effects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub effects_open: bool,
    /// Number of the last effect.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub effects_n: i64,
    /// The effects that are still to be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// Time at which the call was stored, UTC.
    pub created_at: DateTime,
    /// Time of the document's last change, UTC.
    pub updated_at: DateTime,
}

/// Shows the fields that identify the call, and nothing that was spoken.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("call_id", &self.call_id)
            .field("twilio_sid", &self.twilio_sid)
            .field("to_number", &self.to_number)
            .field("status", &self.status)
            .field("dial_outcome", &self.dial_outcome)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(count: &i64) -> bool {
    *count == 0
}
