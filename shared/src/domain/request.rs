use deserr::{DeserializeError, Deserr, IntoValue, MergeWithError, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};

use super::{
    Email, InvalidValue, Language, Metadata, PhoneNumber, Script, UserName, Voice, from_json_string,
};

/// The body of `POST /users`.
#[derive(Debug, Clone, Deserr, Serialize)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct UserCreate {
    /// The person's name.
    pub name: UserName,
    /// The person's address: unique among users, whatever its case.
    pub email: Email,
    /// The person's number.
    pub phone_number: PhoneNumber,
}

/// The body of `PATCH /users/{user_id}`: what is absent stays as it is.
#[derive(Debug, Clone, Default, Deserr)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct UserUpdate {
    /// The new name.
    #[deserr(default)]
    pub name: Changed<UserName>,
    /// The new address.
    #[deserr(default)]
    pub email: Changed<Email>,
    /// The new number.
    #[deserr(default)]
    pub phone_number: Changed<PhoneNumber>,
}

/// A field of a change: absent, or a value. Unlike an `Option` it takes no `null`.
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

/// The body of `POST /calls/outbound`.
///
/// Its serialized form is what an idempotency key is compared by: two bodies that mean the same are the same request.
#[derive(Debug, Clone, Deserr, Serialize)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct OutboundCallRequest {
    /// Whom the call concerns. Any text is taken here: one that names no user is told apart by the handler.
    pub user_id: String,
    /// Who is called.
    pub to_number: PhoneNumber,
    /// What is spoken.
    pub script: Script,
    /// Whether the call is recorded.
    #[deserr(default)]
    pub recording_enabled: bool,
    /// The voice; the configured one where none is given.
    #[deserr(default)]
    pub voice: Option<Voice>,
    /// The language; the configured one where none is given.
    #[deserr(default)]
    pub language: Option<Language>,
    /// Whether Twilio listens for an answering machine.
    #[deserr(default)]
    pub machine_detection: Option<MachineDetection>,
    /// The caller's own notes.
    #[deserr(default)]
    pub metadata: Metadata,
}

/// What Twilio does to tell a person from a machine: its `MachineDetection` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum MachineDetection {
    /// Tells which of them answered.
    Enable,
    /// Waits for the end of a machine's greeting.
    DetectMessageEnd,
}

impl MachineDetection {
    /// Twilio's word.
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
