//! Types that cannot be wrong: what comes from outside is parsed into them once, at the edge.
//!
//! Reading a stored document does not validate again: the database may hold what an earlier service wrote.

mod allowed_voices;
mod blocked;
mod call;
mod contact;
mod hours;
mod id;
mod languages;
mod recording;
mod request;
mod speech;
mod text;
mod time_range;
mod update;
mod user;
mod voices;

pub use allowed_voices::AllowedVoices;
pub use blocked::{BlockReason, BlockedNumber, BlockedNumberCreate};
pub use call::{Call, CallEvent, CallStatus, Delivery, DialOutcome, EventSource};
pub use contact::{Email, PhoneNumber, UserName};
pub use hours::{CallingHours, Clocks, TimeZone};
pub use id::{CallId, CallSid, RecordingId, RecordingSid, UserId};
pub use recording::{Recording, RecordingStatus};
pub use request::{Changed, MachineDetection, OutboundCallRequest, UserCreate, UserUpdate};
pub use speech::Speech;
pub use text::{Language, Metadata, Script, Voice, is_xml_char};
pub use time_range::TimeRange;
pub use update::{DialResult, RecordingUpdate, Refusal, StatusUpdate};
pub use user::User;
pub use voices::VoiceClass;

/// Why a value was refused, as a sentence without its subject: `must be …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub String);

impl InvalidValue {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The text without the blanks at its ends, which count for its length.
fn one_line(text: &str, max_characters: usize) -> Result<String, InvalidValue> {
    let line = text.trim();
    if line.is_empty() || text.chars().count() > max_characters {
        return Err(InvalidValue::new(format!(
            "must have 1 to {max_characters} characters, not all of them blank"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidValue::new("must not contain control characters"));
    }
    Ok(line.to_owned())
}

/// Lets a field error of a domain type take its place among all the errors of a JSON body.
macro_rules! from_json_string {
    ($($name:ty),+) => {$(
        impl<E: deserr::DeserializeError + deserr::MergeWithError<crate::domain::InvalidValue>> deserr::Deserr<E> for $name {
            fn deserialize_from_value<V: deserr::IntoValue>(
                value: deserr::Value<V>,
                location: deserr::ValuePointerRef,
            ) -> Result<Self, E> {
                let text = String::deserialize_from_value(value, location)?;
                text.parse()
                    .map_err(|error| deserr::take_cf_content(E::merge(None, error, location)))
            }
        }
    )+};
}
use from_json_string;
