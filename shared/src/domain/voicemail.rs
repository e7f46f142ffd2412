//! The treatment of answering machines that a request asks for.

use deserr::{DeserializeError, Deserr, IntoValue, MergeWithError, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    InvalidValue,
    fields::Fields,
    from_json_string,
    steps::{Prompt, PromptBody, message_faults},
};

/// The treatment of an answering machine that answers a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voicemail {
    /// The action.
    pub action: VoicemailAction,
    /// The message for the machine to record. Only [`VoicemailAction::LeaveMessage`] has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Prompt>,
}

/// What follows if an answering machine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "leave_message")]
pub enum VoicemailAction {
    /// The machine records a message after its greeting.
    LeaveMessage,
    /// The call ends.
    HangUp,
    /// Nobody looks for machines: they hear what people hear.
    #[serde(other)]
    Ignore,
}

impl Voicemail {
    /// The fault of a request that has `machine_detection` too.
    pub const NOT_WITH_DETECTION: &str = "can't be combined with machine_detection";

    /// The treatment, or `None` if it is the default: to ignore machines.
    #[must_use]
    pub fn unless_ignored(self) -> Option<Self> {
        Some(self).filter(|voicemail| voicemail.action != VoicemailAction::Ignore)
    }
}

/// The treatment of an answering machine.
#[derive(ToSchema)]
#[schema(as = Voicemail, example = json!({
    "action": "leave_message",
    "message": "This is Dr. Gray's office. Please call us back.",
}))]
#[expect(dead_code, reason = "only a schema, never a value")]
pub(crate) struct VoicemailBody {
    /// `leave_message`: the machine records `message` after its greeting. `hang_up`: the call ends. `ignore`: machines are not
    /// detected.
    action: VoicemailAction,
    /// Message for the machine, as the words of a step. Required for `leave_message`, and refused otherwise.
    #[schema(required = false, nullable = false)]
    message: Option<PromptBody>,
}

impl VoicemailAction {
    /// The word for the value, in the database, in requests and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeaveMessage => "leave_message",
            Self::HangUp => "hang_up",
            Self::Ignore => "ignore",
        }
    }
}

impl std::str::FromStr for VoicemailAction {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "leave_message" => Ok(Self::LeaveMessage),
            "hang_up" => Ok(Self::HangUp),
            "ignore" => Ok(Self::Ignore),
            _ => Err(InvalidValue::new(
                "must be leave_message, hang_up or ignore",
            )),
        }
    }
}

from_json_string!(VoicemailAction);

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for Voicemail {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let mut fields = Fields::of(value, location)?;
        let action = fields.required("action");
        let message = fields.optional::<Prompt>("message");
        match (action, fields.is_present("message")) {
            (Some(VoicemailAction::LeaveMessage), false) => {
                fields.refuse("message", "is missing: leave_message needs it");
            }
            (Some(VoicemailAction::HangUp | VoicemailAction::Ignore), true) => {
                fields.refuse("message", "is only for leave_message");
            }
            _ => {}
        }
        for (field, fault) in message.iter().flat_map(message_faults) {
            fields.refuse(&field, fault);
        }
        fields.finish(action.map(|action| Self { action, message }))
    }
}
