//! Response bodies of calls.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{AnswerBody, RetryBody, TransferLegBody};
use crate::domain::{
    Attempts, Call, CallEvent, CallStatus, Delivery, DialOutcome, EventSource, MachineDetection,
    Priority, StepBody, Steps, Voicemail, VoicemailBody, WaitingFor, rfc3339,
};

/// An outbound call.
#[expect(clippy::struct_excessive_bools, reason = "the fields of a response")]
#[derive(Serialize, ToSchema)]
#[schema(as = Call)]
pub struct CallBody {
    /// Unique identifier: a UUID.
    #[schema(format = Uuid, example = "1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
    pub call_id: String,
    /// The `id` of the user.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub user_id: String,
    /// Twilio's `CallSid`. Null until Twilio has reported it.
    #[schema(example = "CA0123456789abcdef0123456789abcdef")]
    pub twilio_sid: Option<String>,
    /// Called number, in E.164 format.
    #[schema(example = "+12125550123")]
    pub to_number: String,
    /// Caller ID, in E.164 format.
    #[schema(example = "+12125550100")]
    pub from_number: String,
    /// Status of the call.
    pub status: CallStatus,
    /// Why a call was canceled before it was dialled: `requested`, or the code of the rule that it broke. Null otherwise.
    #[schema(example = "number_blocked")]
    pub status_reason: Option<String>,
    /// Outcome of the request to Twilio to dial. Null for a call that waits, or has only waited.
    pub dial_outcome: Option<DialOutcome>,
    /// Text that is spoken. Null for a call with steps.
    #[schema(example = "Hello! Your order is ready.")]
    pub script: Option<String>,
    /// Steps from the request, with the defaults filled in. Null for a call with a script.
    #[schema(value_type = Option<Vec<StepBody>>, example = json!(null))]
    pub steps: Option<Steps>,
    /// Voice from the request, or null.
    #[schema(example = "Polly.Joanna-Neural")]
    pub voice: Option<String>,
    /// Language from the request, or null.
    #[schema(example = "en-US")]
    pub language: Option<String>,
    /// Answering machine detection from the request, or null.
    pub machine_detection: Option<MachineDetection>,
    /// Treatment of answering machines from the request, or null. The message is a list of parts.
    #[schema(value_type = Option<VoicemailBody>, example = json!(null))]
    pub voicemail: Option<Voicemail>,
    /// The client's own key-value pairs.
    #[schema(example = json!({"order": "A-17"}))]
    pub metadata: BTreeMap<String, String>,
    /// Whether the call is recorded.
    #[schema(example = true)]
    pub recording_enabled: bool,
    /// Whether the recording is transcribed.
    #[schema(example = false)]
    pub transcribe: bool,
    /// Whether the words, and the digits that the person presses, are erased after the call's end.
    #[schema(example = false)]
    pub sensitive: bool,
    /// When they were erased, in RFC 3339 format, or null. `script`, `steps` and the message of `voicemail` are null then, and
    /// `digits` that chose no option are empty.
    #[schema(format = DateTime, example = json!(null))]
    pub words_erased_at: Option<String>,
    /// Twilio's URL of the first completed recording. It needs Twilio's credentials; `/recordings/{recording_id}/media` returns one that doesn't.
    #[schema(
        example = "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Recordings/RE0123456789abcdef0123456789abcdef"
    )]
    pub recording_url: Option<String>,
    /// True if a client requested a hang-up before Twilio reported the `CallSid`, or stopped later attempts.
    #[schema(example = false)]
    pub hangup_requested: bool,
    /// Seconds from answer to end.
    #[schema(example = 17)]
    pub duration_seconds: Option<i64>,
    /// Result of answering machine detection: `human`, `machine_start`, `fax`, …
    #[schema(example = "human")]
    pub answered_by: Option<String>,
    /// SIP response code that ended the call.
    #[schema(example = 200)]
    pub sip_response_code: Option<i32>,
    /// How much the person heard. `none`: an apology instead. Null: unknown, as for every other script. `full` and `started` are for
    /// calls with steps: `full` is certain, and `started` may mean all.
    pub delivery: Option<Delivery>,
    /// Keys that the person pressed, in the order of the steps.
    #[schema(example = json!([]))]
    pub answers: Vec<AnswerBody>,
    /// Legs of its transfers, by the time at which they began.
    #[schema(example = json!([]))]
    pub transfers: Vec<TransferLegBody>,
    /// Result of a call with steps that has ended: an `outcome` of its steps, or `transferred`, `completed`, `no_input`, `hung_up`,
    /// `voicemail_left`, `voicemail_missed`, `not_reached` or `error`. Calls with `voicemail` have one too. Null before the end, and
    /// for other calls.
    #[schema(example = json!(null))]
    pub result: Option<String>,
    /// Twilio's error code, if the call failed with one.
    pub error_code: Option<i32>,
    /// Why the call failed.
    pub error_message: Option<String>,
    /// Timeline of the call.
    #[schema(example = json!([
        {"status": "initiated", "at": "2026-01-02T03:04:06.000Z", "source": "twilio"},
        {"status": "ringing", "at": "2026-01-02T03:04:07.000Z", "source": "twilio"},
        {"status": "in-progress", "at": "2026-01-02T03:04:12.000Z", "source": "twilio"},
        {"status": "completed", "at": "2026-01-02T03:04:29.000Z", "source": "twilio"},
    ]))]
    pub events: Vec<EventBody>,
    /// Number of events that the timeline omits. It has at most 64.
    #[schema(example = 0)]
    pub events_dropped: i64,
    /// Time at which the client wants the call, in RFC 3339 format. Null: as soon as possible.
    #[schema(format = DateTime, example = "2026-12-01T14:00:00.000Z")]
    pub scheduled_at: Option<String>,
    /// Time from which the call may be dialled: `scheduled_at`, or later if it has to wait for something. Null for a call that
    /// was dialled at once.
    #[schema(format = DateTime, example = "2026-12-01T14:00:00.000Z")]
    pub due_at: Option<String>,
    /// Time from which the call is no longer dialled. Null for a call that was dialled at once.
    #[schema(format = DateTime, example = "2026-12-01T23:00:00.000Z")]
    pub expires_at: Option<String>,
    /// Reason for the wait of a scheduled call. Null for others.
    pub waiting_for: Option<WaitingFor>,
    /// Time at which the dial began. Null if it did not begin, or is not known.
    #[schema(format = DateTime, example = "2026-12-01T14:00:00.250Z")]
    pub dial_begun_at: Option<String>,
    /// Urgency among the calls that wait for a permit to dial.
    pub priority: Priority,
    /// Number of the attempt, from 1.
    #[schema(example = 1)]
    pub attempt: u32,
    /// The call of the first attempt.
    #[schema(format = Uuid, example = "1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
    pub first_call_id: String,
    /// The call of the attempt before this one, or null.
    #[schema(format = Uuid)]
    pub previous_call_id: Option<String>,
    /// The call of the attempt after this one, or null.
    #[schema(format = Uuid)]
    pub next_call_id: Option<String>,
    /// Retries from the request, or null.
    pub retry: Option<RetryBody>,
    /// Number of attempts that were dialled. For a call with `retry`, only `GET /calls/{call_id}` counts them; null elsewhere.
    #[schema(example = 1)]
    pub attempts: Option<u32>,
    /// True if a person answered one of the attempts. Null while it is unknown, or an attempt may follow. For a call with `retry`,
    /// only `GET /calls/{call_id}` looks at them all; null elsewhere.
    #[schema(example = true)]
    pub reached: Option<bool>,
    /// The `id` of the call's batch, or null.
    #[schema(format = Uuid)]
    pub batch_id: Option<String>,
    /// The client's own id of the recipient in the batch, or null.
    #[schema(example = "customer-4711")]
    pub external_id: Option<String>,
    /// Name of the API key that placed the call.
    #[schema(example = "backend")]
    pub created_by: Option<String>,
    /// Time of creation, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub created_at: String,
    /// Time of the last change, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:31.250Z")]
    pub updated_at: String,
}

impl From<Call> for CallBody {
    fn from(call: Call) -> Self {
        // The only attempt of a call without retries.
        let attempts = (!call.is_in_a_series()).then(|| Attempts::of([&call]));
        let is_wordless = call.is_wordless();
        Self {
            answers: call
                .answers_in_order()
                .into_iter()
                .map(AnswerBody::from)
                .collect(),
            transfers: call.transfers.iter().map(TransferLegBody::from).collect(),
            result: call.result().map(str::to_owned),
            script: call.own_script().map(|it| it.as_str().to_owned()),
            attempts: attempts.map(|attempts| attempts.dialled),
            reached: attempts.and_then(|attempts| attempts.reached),
            attempt: call.attempt(),
            first_call_id: call.first_call_id().to_string(),
            events: call.timeline().into_iter().map(EventBody::from).collect(),
            call_id: call.call_id.to_string(),
            user_id: call.user_id,
            twilio_sid: call.twilio_sid.map(|sid| sid.to_string()),
            to_number: call.to_number.as_str().to_owned(),
            from_number: call.from_number.as_str().to_owned(),
            status: call.status,
            status_reason: call.status_reason,
            dial_outcome: call.dial_outcome,
            steps: call.steps.filter(|_| !is_wordless),
            voice: call.voice.map(|voice| voice.as_str().to_owned()),
            language: call.language.map(|language| language.as_str().to_owned()),
            machine_detection: call.machine_detection,
            voicemail: call.voicemail.map(|voicemail| Voicemail {
                message: voicemail.message.filter(|_| !is_wordless),
                ..voicemail
            }),
            metadata: call.metadata.into_entries(),
            recording_enabled: call.recording_enabled,
            transcribe: call.transcribe,
            sensitive: call.sensitive,
            words_erased_at: call.words_erased_at.map(rfc3339),
            recording_url: call.recording_url,
            hangup_requested: call.hangup_requested,
            duration_seconds: call.duration_seconds,
            answered_by: call.answered_by,
            sip_response_code: call.sip_response_code,
            delivery: call.delivery,
            error_code: call.error_code,
            error_message: call.error_message,
            events_dropped: call.events_dropped,
            scheduled_at: call.scheduled_at.map(rfc3339),
            due_at: call.due_at.map(rfc3339),
            expires_at: call.expires_at.map(rfc3339),
            waiting_for: call.waiting_for,
            dial_begun_at: call.dial_begun_at.map(rfc3339),
            priority: call.priority.unwrap_or_default(),
            previous_call_id: call.previous_call_id.map(|id| id.to_string()),
            next_call_id: call.next_call_id.map(|id| id.to_string()),
            retry: call.retry.map(RetryBody::from),
            batch_id: call.batch_id.map(|id| id.to_string()),
            external_id: call.external_id,
            created_by: call.created_by,
            created_at: rfc3339(call.created_at),
            updated_at: rfc3339(call.updated_at),
        }
    }
}

impl CallBody {
    /// Adds the sum of all attempts.
    #[must_use]
    pub fn with_attempts(self, attempts: Attempts) -> Self {
        Self {
            attempts: Some(attempts.dialled),
            reached: attempts.reached,
            ..self
        }
    }
}

/// One entry of a call's timeline.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// Status that the call entered.
    pub status: CallStatus,
    /// Time of the change, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:29.000Z")]
    pub at: String,
    /// Source of the information.
    pub source: EventSource,
}

impl From<&CallEvent> for EventBody {
    fn from(event: &CallEvent) -> Self {
        Self {
            status: event.status,
            at: rfc3339(event.at),
            source: event.source,
        }
    }
}
