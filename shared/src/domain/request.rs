//! Request bodies: what clients may send, checked field by field.
//!
//! They are domain types because the idempotency key hashes them, and the DAO takes changes in this form.

mod content;
mod outbound_call;

pub(super) use content::ContentFields;

use deserr::{DeserializeError, Deserr, IntoValue, MergeWithError, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{
    ToSchema,
    openapi::schema::{Object, Type},
};

use super::{
    Email, InvalidValue, Language, Metadata, PhoneNumber, Priority, RequestedTime, RetryRequest,
    Script, Steps, TimeZone, UserName, Voice, Voicemail, from_json_string, steps::StepBody,
    voicemail::VoicemailBody,
};

/// The body of `POST /users`.
#[derive(Debug, Clone, Deserr, Serialize, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct UserCreate {
    /// The person's name.
    #[schema(value_type = String, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$", min_length = 1, max_length = 200, example = "Ada Lovelace")]
    pub name: UserName,
    /// The person's e-mail address. Unique among users, in any case.
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.com")]
    pub email: Email,
    /// The person's phone number, in E.164 format.
    #[schema(value_type = String, pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123")]
    pub phone_number: PhoneNumber,
    // Not serialized if absent, so that the hash of such a body equals that of versions without this field.
    /// IANA time zone of the person. Calling hours apply in it.
    #[deserr(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub time_zone: Option<TimeZone>,
}

/// The body of `PATCH /users/{user_id}`. Absent fields stay unchanged.
#[derive(Debug, Clone, Default, Deserr, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct UserUpdate {
    /// New name.
    #[deserr(default)]
    #[schema(value_type = String, required = false, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$", min_length = 1, max_length = 200, example = "Ada King")]
    pub name: Changed<UserName>,
    /// New e-mail address.
    #[deserr(default)]
    #[schema(value_type = String, required = false, format = Email, max_length = 254, example = "ada@example.org")]
    pub email: Changed<Email>,
    /// New phone number, in E.164 format.
    #[deserr(default)]
    #[schema(value_type = String, required = false, pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550124")]
    pub phone_number: Changed<PhoneNumber>,
    /// New IANA time zone. Null removes it.
    #[deserr(default)]
    #[schema(value_type = Option<TimeZone>, required = false)]
    pub time_zone: Changed<Option<TimeZone>>,
}

/// A field of a change: absent, or a new value. Unlike `Option`, it accepts `null` only if `T` does.
#[derive(Debug, Clone)]
pub struct Changed<T>(pub Option<T>);

impl<T> Default for Changed<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Deserr<E>, E: DeserializeError> Deserr<E> for Changed<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        T::deserialize_from_value(value, location).map(|value| Self(Some(value)))
    }
}

// The idempotency key's request hash is over the serialized form, so that two spellings of a body are the same request.
/// The body of `POST /calls/outbound`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "user_id": "65f0a1b2c3d4e5f601234567",
    "to_number": "+12125550123",
    "script": "Hello! Your order is ready.",
    "recording_enabled": true,
    "transcribe": true,
    "voice": "Polly.Joanna-Neural",
    "language": "en-US",
    "machine_detection": "Enable",
    "metadata": {"order": "A-17"},
    "scheduled_at": "2026-12-01T09:00:00-05:00",
    "expires_at": "2026-12-01T18:00:00-05:00",
    "max_wait_seconds": 3600,
    "outside_calling_hours": "wait",
    "priority": "normal",
    "retry": {"max_attempts": 3, "on": ["busy", "no-answer"], "delays_seconds": [300, 3600]},
}))]
pub struct OutboundCallRequest {
    // A string, not a UserId: a malformed id is a 404, not a 422.
    /// The `id` of the user whom the call is for.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub user_id: String,
    /// Number to call, in E.164 format.
    #[schema(value_type = String, pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123")]
    pub to_number: PhoneNumber,
    /// Text to speak. A call has either `script` or `steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, pattern = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]*[^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\u0009\u000a\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]*$", min_length = 1, max_length = 3000, example = "Hello! Your order is ready.")]
    pub script: Option<Script>,
    /// Steps instead of a script: words and questions, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<StepBody>, required = false, min_items = 1, max_items = 20)]
    pub steps: Option<Steps>,
    /// Whether to record the call. Default: `false`.
    #[schema(value_type = RecordingEnabled, required = false)]
    pub recording_enabled: bool,
    // Not serialized if false, so that the hash of such a body equals that of versions without this field.
    /// Whether to transcribe the recording; needs `recording_enabled`. Default: `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = Transcribe, required = false)]
    pub transcribe: bool,
    /// Whether to erase the words, and the digits that the person presses, after the call's end. It can't be combined with
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
    /// What to do if an answering machine answers. Default: nothing. It can't be combined with `machine_detection`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<VoicemailBody>)]
    pub voicemail: Option<Voicemail>,
    /// Your own key-value pairs of strings, at most 2,048 bytes in total.
    #[schema(schema_with = metadata, required = false)]
    pub metadata: Metadata,
    // The fields below are not serialized at their defaults, so that the hash of such a body equals that of versions without them.
    /// When to dial: RFC 3339 with an offset, up to 365 days ahead. A time in the past means as soon as possible. The response
    /// is a 202 then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T09:00:00-05:00")]
    pub scheduled_at: Option<RequestedTime>,
    /// The call is not dialled at this time or later: it becomes `expired`. Default: 24 hours after the first allowed minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T18:00:00-05:00")]
    pub expires_at: Option<RequestedTime>,
    /// How many seconds a call without `scheduled_at` may wait for a permit to dial. Default: 3600. 0: dial now, or refuse with
    /// `pace_exceeded`.
    #[serde(skip_serializing_if = "is_default_wait")]
    #[schema(value_type = Option<u32>, maximum = 86400, example = 3600)]
    pub max_wait_seconds: Option<u32>,
    /// What to do outside the calling hours. Default: `wait` with `scheduled_at`, otherwise `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub outside_calling_hours: Option<OutsideCallingHours>,
    /// Urgency among the calls that wait for a permit to dial. Default: `normal`.
    #[serde(skip_serializing_if = "Priority::is_normal")]
    #[schema(required = false)]
    pub priority: Priority,
    /// When to try the call again if it does not reach the person. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryRequest>,
}

impl OutboundCallRequest {
    /// How long a call without `scheduled_at` waits by default, in seconds.
    pub const DEFAULT_WAIT_SECONDS: u32 = 3_600;
    /// The longest such wait: a day, in seconds.
    pub const MAX_WAIT_SECONDS: u32 = 86_400;

    /// The effect of closed calling hours if the request does not name it.
    #[must_use]
    pub fn default_outside_calling_hours(&self) -> OutsideCallingHours {
        match self.scheduled_at {
            Some(_) => OutsideCallingHours::Wait,
            None => OutsideCallingHours::Refuse,
        }
    }

    /// The request without a default that depends on another field, so that its hash does not depend on whether the client names
    /// the default.
    #[must_use]
    pub fn without_defaults(mut self) -> Self {
        let default = self.default_outside_calling_hours();
        self.outside_calling_hours = self.outside_calling_hours.filter(|it| *it != default);
        self
    }
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference to the field"
)]
fn is_default_wait(seconds: &Option<u32>) -> bool {
    seconds.is_none_or(|seconds| seconds == OutboundCallRequest::DEFAULT_WAIT_SECONDS)
}

/// What happens to a call outside the calling hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "wait")]
pub enum OutsideCallingHours {
    /// It is refused.
    Refuse,
    /// It waits until they allow it.
    Wait,
}

impl std::str::FromStr for OutsideCallingHours {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "wait" => Ok(Self::Wait),
            _ => Err(InvalidValue::new("must be refuse or wait")),
        }
    }
}

from_json_string!(OutsideCallingHours);

// A schema of its own: client generators treat a property with an inline default as always present.
/// Whether a call is recorded.
#[derive(ToSchema)]
#[schema(default = false, example = true)]
#[expect(dead_code, reason = "only a schema, never a value")]
pub(super) struct RecordingEnabled(bool);

/// Whether the recording of a call is transcribed.
#[derive(ToSchema)]
#[schema(default = false, example = true)]
#[expect(dead_code, reason = "only a schema, never a value")]
pub(super) struct Transcribe(bool);

/// Whether the words of a call are erased after its end.
#[derive(ToSchema)]
#[schema(default = false, example = false)]
#[expect(dead_code, reason = "only a schema, never a value")]
pub(super) struct Sensitive(bool);

/// The fault of `transcribe` without a recording.
pub(crate) const NEEDS_RECORDING: &str = "needs recording_enabled: true";

pub(super) fn metadata() -> Object {
    let name = Object::builder()
        .schema_type(Type::String)
        .min_length(Some(1))
        .pattern(Some(r"^[^\u0000]*$"));
    Object::builder()
        .schema_type(Type::Object)
        .additional_properties(Some(Object::builder().schema_type(Type::String)))
        .property_names(Some(name))
        .description(Some(
            "Your own key-value pairs of strings, at most 2,048 bytes in total.",
        ))
        .examples([json!({"order": "A-17"})])
        .build()
}

/// Answering machine detection: Twilio's `MachineDetection` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = "Enable")]
pub enum MachineDetection {
    /// Reports as soon as Twilio knows whether a person or a machine answered.
    Enable,
    /// Waits for the end of a machine's greeting.
    DetectMessageEnd,
}

impl MachineDetection {
    /// The value for Twilio.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enable => "Enable",
            Self::DetectMessageEnd => "DetectMessageEnd",
        }
    }
}

impl std::str::FromStr for MachineDetection {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "Enable" => Ok(Self::Enable),
            "DetectMessageEnd" => Ok(Self::DetectMessageEnd),
            _ => Err(InvalidValue::new("must be Enable or DetectMessageEnd")),
        }
    }
}

from_json_string!(MachineDetection);
