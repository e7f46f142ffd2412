//! Response bodies of batches.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::RetryBody;
use crate::{
    dao::{BatchCounts, RecipientResult},
    domain::{
        Batch, BatchStatus, CallStatus, Delivery, MachineDetection, StepBody, Steps, Voicemail,
        VoicemailBody, rfc3339,
    },
};

/// A batch of calls.
#[derive(Serialize, ToSchema)]
#[schema(as = Batch)]
pub struct BatchBody {
    /// Unique identifier: a UUID.
    #[schema(format = Uuid, example = "6fa459ea-ee8a-4ca4-894e-db77e160355e")]
    pub batch_id: String,
    /// The client's own name for the batch.
    #[schema(example = "December reminders")]
    pub name: String,
    /// State of the batch.
    pub status: BatchStatus,
    /// The `id` of the user whom the calls are for.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub user_id: String,
    /// Text that is spoken, with its variables. Null for a batch with steps.
    #[schema(example = "Hello {{ first_name }}! Your order is ready.")]
    pub script: Option<String>,
    /// Steps, with their variables, or null.
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
    /// Treatment of answering machines from the request, or null.
    #[schema(value_type = Option<VoicemailBody>, example = json!(null))]
    pub voicemail: Option<Voicemail>,
    /// The client's own key-value pairs of every call.
    #[schema(example = json!({"campaign": "december"}))]
    pub metadata: BTreeMap<String, String>,
    /// Whether the calls are recorded.
    #[schema(example = false)]
    pub recording_enabled: bool,
    /// Whether the recordings are transcribed.
    #[schema(example = false)]
    pub transcribe: bool,
    /// Whether the words of each call are erased after its end.
    #[schema(example = false)]
    pub sensitive: bool,
    /// When a call is tried again, or null.
    pub retry: Option<RetryBody>,
    /// Urgency of the calls.
    #[schema(example = "bulk")]
    pub priority: &'static str,
    /// Time from which the calls are dialled, in RFC 3339 format. Null: from the start of the batch.
    #[schema(format = DateTime, example = "2026-12-01T14:00:00.000Z")]
    pub scheduled_at: Option<String>,
    /// Time from which the calls are no longer dialled, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-12-08T14:00:00.000Z")]
    pub expires_at: String,
    /// The most calls that are dialled in a second. Null: only the limit of the service applies.
    #[schema(example = 0.5)]
    pub calls_per_second: Option<f64>,
    /// How far the batch has come. Absent in lists and in the responses to changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub progress: Option<BatchProgressBody>,
    /// Name of the API key that created the batch.
    #[schema(example = "backend")]
    pub created_by: Option<String>,
    /// Time of creation, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-11-28T10:00:00.000Z")]
    pub created_at: String,
    /// Time of the first start, in RFC 3339 format. Null: not started.
    #[schema(format = DateTime, example = "2026-11-28T11:30:00.000Z")]
    pub started_at: Option<String>,
    /// Time of the last change of `status`, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-11-28T11:30:00.000Z")]
    pub updated_at: String,
}

impl From<Batch> for BatchBody {
    fn from(batch: Batch) -> Self {
        Self {
            batch_id: batch.id.to_string(),
            name: batch.name.as_str().to_owned(),
            status: batch.status,
            script: batch.own_script().map(|script| script.as_str().to_owned()),
            steps: batch.steps,
            voice: batch.voice.map(|voice| voice.as_str().to_owned()),
            language: batch.language.map(|language| language.as_str().to_owned()),
            machine_detection: batch.machine_detection,
            voicemail: batch.voicemail,
            metadata: batch.metadata.into_entries(),
            recording_enabled: batch.recording_enabled,
            transcribe: batch.transcribe,
            sensitive: batch.sensitive,
            retry: batch.retry.map(RetryBody::from),
            priority: batch.priority.as_str(),
            scheduled_at: batch.scheduled_at.map(rfc3339),
            expires_at: rfc3339(batch.expires_at),
            calls_per_second: batch.calls_per_second,
            progress: None,
            user_id: batch.user_id,
            created_by: batch.created_by,
            created_at: rfc3339(batch.created_at),
            started_at: batch.started_at.map(rfc3339),
            updated_at: rfc3339(batch.updated_at),
        }
    }
}

/// How far a batch has come.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchProgress)]
pub struct BatchProgressBody {
    /// Number of recipients.
    #[schema(example = 250)]
    pub recipients: u64,
    /// Number of calls: one for each attempt.
    #[schema(example = 262)]
    pub attempts: u64,
    /// Numbers of recipients by the status of their last call.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"scheduled": 190, "completed": 55, "no-answer": 5}))]
    pub by_status: BTreeMap<&'static str, u64>,
    /// Numbers of recipients by the `result` of their last call, for the 20 most frequent ones. A result counts some seconds
    /// after the end of the call.
    #[schema(example = json!({"voicemail_left": 12, "completed": 40}))]
    pub by_result: BTreeMap<String, u64>,
    /// Number of recipients whose last call has any other result.
    #[schema(example = 0)]
    pub other_results: u64,
    /// When the last waiting call can be dialled, in RFC 3339 format: an estimate from the pace and the calling hours of the
    /// user's time zone. Null: the batch does not run, nothing waits, or the calls expire before that.
    #[schema(format = DateTime, example = "2026-12-01T14:06:20.000Z")]
    pub eta: Option<String>,
}

impl BatchProgressBody {
    /// Takes the counts, and the estimate if there is one.
    #[must_use]
    pub fn new(counts: &BatchCounts, eta: Option<String>) -> Self {
        let by_status = counts.by_status.iter();
        Self {
            recipients: counts.recipients,
            attempts: counts.attempts,
            by_status: by_status
                .map(|(status, &count)| (status.as_str(), count))
                .collect(),
            by_result: counts.results.by_result.clone(),
            other_results: counts.results.others,
            eta,
        }
    }
}

/// A page of batches, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchList)]
pub struct BatchList {
    /// Batches on this page.
    pub batches: Vec<BatchBody>,
    /// Number of batches on all pages. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub total: Option<u64>,
    /// The page's number, from 1. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub page: Option<u32>,
    /// Maximum number of batches on a page.
    #[schema(example = 20)]
    pub page_size: u32,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}

/// The result of adding recipients.
#[derive(Serialize, ToSchema)]
#[schema(as = RecipientsAdded)]
pub struct RecipientsAdded {
    /// Number of new recipients.
    #[schema(example = 250)]
    pub added: u32,
    /// Number of recipients in the request that the batch had already, or that the request repeats. They stay unchanged.
    #[schema(example = 0)]
    pub duplicates: u32,
    /// Number of recipients that the batch has now.
    #[schema(example = 250)]
    pub total: u64,
}

/// The result for one recipient.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResult)]
pub struct BatchResultBody {
    /// The first call.
    #[schema(format = Uuid, example = "1b4e28ba-2fa1-51d2-883f-0016d3cca427")]
    pub call_id: String,
    /// The last call: the first one, or the last attempt after it.
    #[schema(format = Uuid, example = "1b4e28ba-2fa1-51d2-883f-0016d3cca427")]
    pub last_call_id: String,
    /// The client's own id of the recipient.
    #[schema(example = "customer-4711")]
    pub external_id: Option<String>,
    /// Called number, in E.164 format.
    #[schema(example = "+12125550123")]
    pub to_number: String,
    /// Status of the last call.
    pub status: CallStatus,
    /// Why the last call was canceled: the code of a rule, `requested` or `batch_canceled`.
    #[schema(example = "number_blocked")]
    pub status_reason: Option<String>,
    /// Number of attempts that were dialled.
    #[schema(example = 1)]
    pub attempts: u32,
    /// Whether a person answered one of the attempts. Null: unknown, or an attempt may follow.
    #[schema(example = true)]
    pub reached: Option<bool>,
    /// Result of answering machine detection in the last call: `human`, `machine_start`, `fax`, …
    #[schema(example = "human")]
    pub answered_by: Option<String>,
    /// Seconds from answer to end of the last call.
    #[schema(example = 17)]
    pub duration_seconds: Option<i64>,
    /// How much of the script the person heard in the last call. Null: unknown.
    pub delivery: Option<Delivery>,
    /// Result of the last call. Null before its end, and for a call with a script alone.
    #[schema(example = "confirmed")]
    pub result: Option<String>,
    /// Twilio's error code, if the last call failed with one.
    pub error_code: Option<i32>,
    /// Time of the last change, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-12-01T14:02:31.250Z")]
    pub updated_at: String,
}

impl From<RecipientResult> for BatchResultBody {
    fn from(result: RecipientResult) -> Self {
        let RecipientResult {
            call_id,
            last,
            attempts,
        } = result;
        let computed = last.result().map(str::to_owned);
        Self {
            call_id: call_id.to_string(),
            result: computed.or(last.stored_result),
            last_call_id: last.call_id.to_string(),
            external_id: last.external_id,
            to_number: last.to_number.as_str().to_owned(),
            status: last.status,
            status_reason: last.status_reason,
            attempts: attempts.dialled,
            reached: attempts.reached,
            answered_by: last.answered_by,
            duration_seconds: last.duration_seconds,
            delivery: last.delivery,
            error_code: last.error_code,
            updated_at: rfc3339(last.updated_at),
        }
    }
}

/// A page of a batch's results.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResultList)]
pub struct BatchResultList {
    /// Results on this page: one for each recipient.
    pub results: Vec<BatchResultBody>,
    /// Maximum number of results on a page.
    #[schema(example = 1000)]
    pub page_size: u32,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}
