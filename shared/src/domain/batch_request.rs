//! The request bodies of batches.

use deserr::{Deserr, MergeWithError};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    BatchName, InvalidValue, Language, MachineDetection, Metadata, Pace, Priority, Recipient,
    RequestedTime, RetryRequest, ScriptTemplate, Voice, request::RecordingEnabled,
};

/// The body of `POST /batches`.
#[derive(Debug, Clone, Deserr, Serialize, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct BatchCreate {
    /// Your own name for the batch.
    #[schema(value_type = String, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$", min_length = 1, max_length = 200, example = "December reminders")]
    pub name: BatchName,
    // A string, not a UserId: a malformed id is a 404, not a 422.
    /// The `id` of the user whom the calls are for.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub user_id: String,
    /// Text to speak, with variables of each recipient: `{{ first_name }}`, or `{{ first_name | default("customer") }}`. The
    /// filters are `default`, `upper`, `lower`, `title`, `capitalize` and `trim`.
    #[schema(value_type = String, min_length = 1, max_length = 3000, example = "Hello {{ first_name }}! Your order is ready.")]
    pub script: ScriptTemplate,
    /// Whether to record the calls. Default: `false`.
    #[deserr(default)]
    #[schema(value_type = RecordingEnabled, required = false)]
    pub recording_enabled: bool,
    /// Voice, which must be allowed. Default: a voice that speaks the language.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "Polly.Joanna-Neural")]
    pub voice: Option<Voice>,
    /// Language tag, as Twilio defines it. Default: the configured language if the voice speaks it, otherwise the voice's own.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9-]{1,64}$", example = "en-US")]
    pub language: Option<Language>,
    /// Answering machine detection. Default: off.
    #[deserr(default)]
    #[schema(inline)]
    pub machine_detection: Option<MachineDetection>,
    /// Your own key-value pairs for every call. A recipient's own pairs replace those with the same key.
    #[deserr(default)]
    #[schema(schema_with = super::request::metadata, required = false)]
    pub metadata: Metadata,
    /// When to try a call again if it does not reach the person. Default: never.
    #[deserr(default)]
    pub retry: Option<RetryRequest>,
    /// Urgency of the calls: only `bulk`, which is after all other calls.
    #[deserr(default = Priority::Bulk, try_from(Priority) = bulk -> InvalidValue)]
    #[schema(value_type = String, required = false, pattern = "^bulk$", example = "bulk")]
    pub priority: Priority,
    /// When to begin to dial: RFC 3339 with an offset, up to 365 days ahead. Default: when the batch is started.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T09:00:00-05:00")]
    pub scheduled_at: Option<RequestedTime>,
    /// The calls are not dialled at this time or later: they become `expired`. Default: seven days after `scheduled_at` or, without
    /// one, after the batch is created.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-08T09:00:00-05:00")]
    pub expires_at: Option<RequestedTime>,
    /// The most calls to dial in a second. Default: only the limit of the service applies.
    #[deserr(default, try_from(Option<f64>) = pace -> InvalidValue)]
    #[schema(minimum = 0.1, maximum = 1000, example = 0.5)]
    pub calls_per_second: Option<f64>,
}

fn bulk(priority: Priority) -> Result<Priority, InvalidValue> {
    if priority == Priority::Bulk {
        return Ok(priority);
    }
    Err(InvalidValue::new(
        "must be bulk: the calls of a batch are dialled after all others",
    ))
}

fn pace(dials: Option<f64>) -> Result<Option<f64>, InvalidValue> {
    let pace = dials.map(Pace::per_second).transpose()?;
    Ok(pace.map(Pace::dials_per_second))
}

/// The JSON body of `POST /batches/{batch_id}/recipients`.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct RecipientsAdd {
    /// The recipients.
    #[schema(min_items = 1, max_items = 1000)]
    pub recipients: Vec<Recipient>,
}

impl RecipientsAdd {
    /// The most recipients of one request.
    pub const MAX: usize = 1_000;

    /// Checks the number of recipients of one request.
    ///
    /// # Errors
    ///
    /// If there are none or too many.
    pub fn check_count(count: usize) -> Result<(), InvalidValue> {
        if (1..=Self::MAX).contains(&count) {
            return Ok(());
        }
        Err(InvalidValue::new(format!(
            "must have 1 to {} recipients",
            Self::MAX
        )))
    }
}
