//! The body of `PATCH /calls/{call_id}`: changes of a call that waits in the dial queue.

use deserr::{Deserr, MergeWithError};
use utoipa::ToSchema;

use super::{
    Changed, InvalidValue, Language, MachineDetection, Metadata, OutsideCallingHours, Priority,
    RequestedTime, RetryRequest, Script, Steps, Voice, Voicemail, request::metadata,
    steps::StepBody, voicemail::VoicemailBody,
};

/// The body of `PATCH /calls/{call_id}`. Absent fields stay unchanged. Null restores the default, where a field accepts it.
#[derive(Debug, Clone, Default, Deserr, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct CallUpdate {
    /// New time to dial: RFC 3339 with an offset, up to 365 days ahead. A time in the past means as soon as possible.
    #[deserr(default)]
    #[schema(value_type = String, required = false, format = DateTime, example = "2026-12-02T09:00:00-05:00")]
    pub scheduled_at: Changed<RequestedTime>,
    /// New time from which the call is no longer dialled. Null: 24 hours after the first allowed minute.
    #[deserr(default)]
    #[schema(value_type = Option<String>, required = false, format = DateTime, example = "2026-12-02T18:00:00-05:00")]
    pub expires_at: Changed<Option<RequestedTime>>,
    /// New urgency. A call of a batch stays behind the calls without a batch.
    #[deserr(default)]
    #[schema(value_type = Priority, required = false)]
    pub priority: Changed<Priority>,
    /// New text to speak. It replaces `steps`.
    #[deserr(default)]
    #[schema(value_type = String, required = false, pattern = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]*[^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\u0009\u000a\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]*$", min_length = 1, max_length = 3000, example = "Hello! Your order has arrived.")]
    pub script: Changed<Script>,
    /// New steps. They replace `script`.
    #[deserr(default)]
    #[schema(value_type = Vec<StepBody>, required = false, min_items = 1, max_items = 20)]
    pub steps: Changed<Steps>,
    /// New voice. Null: a voice that speaks the language.
    #[deserr(default)]
    #[schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "Polly.Joanna-Neural")]
    pub voice: Changed<Option<Voice>>,
    /// New language tag. Null: the configured language, or the voice's own.
    #[deserr(default)]
    #[schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9-]{1,64}$", example = "en-US")]
    pub language: Changed<Option<Language>>,
    /// Whether to record the call.
    #[deserr(default)]
    #[schema(value_type = bool, required = false, example = true)]
    pub recording_enabled: Changed<bool>,
    /// Whether to transcribe the recording; needs `recording_enabled`.
    #[deserr(default)]
    #[schema(value_type = bool, required = false, example = true)]
    pub transcribe: Changed<bool>,
    /// New answering machine detection. Null: off.
    #[deserr(default)]
    #[schema(value_type = Option<MachineDetection>, inline, required = false)]
    pub machine_detection: Changed<Option<MachineDetection>>,
    /// New treatment of answering machines. Null: none.
    #[deserr(default)]
    #[schema(value_type = Option<VoicemailBody>, required = false)]
    pub voicemail: Changed<Option<Voicemail>>,
    /// New key-value pairs, which replace all others.
    #[deserr(default)]
    #[schema(schema_with = metadata, required = false)]
    pub metadata: Changed<Metadata>,
    /// New retries. Null: none.
    #[deserr(default)]
    #[schema(value_type = Option<RetryRequest>, required = false)]
    pub retry: Changed<Option<RetryRequest>>,
    /// Effect of closed calling hours at the new time. Default: `wait`.
    #[deserr(default)]
    #[schema(value_type = OutsideCallingHours, required = false)]
    pub outside_calling_hours: Changed<OutsideCallingHours>,
}
