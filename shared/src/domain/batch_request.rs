//! The request bodies of batches.

use deserr::{DeserializeError, Deserr, IntoValue, MergeWithError, Value, ValuePointerRef};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    BatchName, CallTemplate, InvalidValue, Language, MachineDetection, Metadata, Pace, Priority,
    Recipient, RequestedTime, RetryRequest, ScriptTemplate, Steps, Voice, Voicemail,
    fields::Fields,
    request::{ContentFields, RecordingEnabled, Sensitive, Transcribe},
    steps::StepBody,
    voicemail::VoicemailBody,
};

/// The body of `POST /batches`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "December reminders",
    "user_id": "65f0a1b2c3d4e5f601234567",
    "script": "Hello {{ first_name }}! Your order is ready.",
    "metadata": {"campaign": "december"},
    "retry": {"max_attempts": 3, "on": ["busy", "no-answer"], "delays_seconds": [300, 3600]},
    "scheduled_at": "2026-12-01T09:00:00-05:00",
    "calls_per_second": 0.5,
}))]
pub struct BatchCreate {
    /// Your own name for the batch.
    #[schema(value_type = String, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$", min_length = 1, max_length = 200, example = "December reminders")]
    pub name: BatchName,
    // A string, not a UserId: a malformed id is a 404, not a 422.
    /// The `id` of the user whom the calls are for.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub user_id: String,
    /// Text to speak, with variables of each recipient: `{{ first_name }}`, or `{{ first_name | default("customer") }}`. The
    /// filters are `default`, `upper`, `lower`, `title`, `capitalize`, `trim` and `spell`. A batch has either `script` or `steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 3000, example = "Hello {{ first_name }}! Your order is ready.")]
    pub script: Option<ScriptTemplate>,
    // The fields below that earlier versions did not know are not serialized at their defaults, so that the hash of a body stays.
    /// Steps instead of a script. Their texts and SSML may have variables too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<StepBody>, required = false, min_items = 1, max_items = 20)]
    pub steps: Option<Steps>,
    /// Whether to record the calls. Default: `false`.
    #[schema(value_type = RecordingEnabled, required = false)]
    pub recording_enabled: bool,
    /// Whether to transcribe the recordings; needs `recording_enabled`. Default: `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = Transcribe, required = false)]
    pub transcribe: bool,
    /// Whether to erase the words, and the digits that people press, after each call's end. It can't be combined with
    /// `recording_enabled`. Default: `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = Sensitive, required = false)]
    pub sensitive: bool,
    /// Voice, which must be allowed. Default: a voice that speaks the language.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "Polly.Joanna-Neural")]
    pub voice: Option<Voice>,
    /// Language tag, as Twilio defines it. Default: the configured language if the voice speaks it, otherwise the voice's own.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9-]{1,64}$", example = "en-US")]
    pub language: Option<Language>,
    /// Answering machine detection. Default: off.
    #[schema(inline)]
    pub machine_detection: Option<MachineDetection>,
    /// What to do if an answering machine answers. Default: nothing. It can't be combined with `machine_detection`. The message may
    /// have variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<VoicemailBody>)]
    pub voicemail: Option<Voicemail>,
    /// Your own key-value pairs for every call. A recipient's own pairs replace those with the same key.
    #[schema(schema_with = super::request::metadata, required = false)]
    pub metadata: Metadata,
    /// When to try a call again if it does not reach the person. Default: never.
    pub retry: Option<RetryRequest>,
    /// Urgency of the calls: only `bulk`, which is after all other calls.
    #[schema(value_type = String, required = false, pattern = "^bulk$", example = "bulk")]
    pub priority: Priority,
    /// When to begin to dial: RFC 3339 with an offset, up to 365 days ahead. Default: when the batch is started.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T09:00:00-05:00")]
    pub scheduled_at: Option<RequestedTime>,
    /// The calls are not dialled at this time or later: they become `expired`. Default: seven days after `scheduled_at` or, without
    /// one, after the batch is created.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-08T09:00:00-05:00")]
    pub expires_at: Option<RequestedTime>,
    /// The most calls to dial in a second. Default: only the limit of the service applies.
    #[schema(minimum = 0.1, maximum = 1000, example = 0.5)]
    pub calls_per_second: Option<f64>,
}

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for BatchCreate {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let mut fields = Fields::of(value, location)?;
        let (name, user_id) = (fields.required("name"), fields.required("user_id"));
        let content = ContentFields::<ScriptTemplate>::read(&mut fields);
        let (steps, voicemail) = (content.steps.as_ref(), content.voicemail.as_ref());
        if let Err(faults) = CallTemplate::of(None, steps, voicemail) {
            for fault in faults {
                fields.refuse(&fault.field, fault.message);
            }
        }
        let metadata = fields.optional("metadata");
        let retry = fields.optional::<Option<_>>("retry");
        let priority = fields.optional("priority").unwrap_or(Priority::Bulk);
        if priority != Priority::Bulk {
            let message = "must be bulk: the calls of a batch are dialled after all others";
            fields.refuse("priority", message);
        }
        let scheduled_at = fields.optional::<Option<_>>("scheduled_at");
        let expires_at = fields.optional::<Option<_>>("expires_at");
        let dials = fields.optional::<Option<f64>>("calls_per_second").flatten();
        let pace = dials.and_then(|dials| {
            let pace = Pace::per_second(dials);
            let refused =
                pace.map_err(|fault| fields.refuse("calls_per_second", fault.to_string()));
            refused.ok()
        });
        let ids = name.zip(user_id);
        fields.finish(ids.map(|(name, user_id)| Self {
            name,
            user_id,
            script: content.script,
            steps: content.steps,
            recording_enabled: content.recording_enabled,
            transcribe: content.transcribe,
            sensitive: content.sensitive,
            voice: content.voice,
            language: content.language,
            machine_detection: content.machine_detection,
            voicemail: content.voicemail,
            metadata: metadata.unwrap_or_default(),
            retry: retry.flatten(),
            priority,
            scheduled_at: scheduled_at.flatten(),
            expires_at: expires_at.flatten(),
            calls_per_second: pace.map(Pace::dials_per_second),
        }))
    }
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
