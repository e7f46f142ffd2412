//! Domain types: values that are parsed once, at the edge, and then always valid; and the stored documents.
//!
//! Nothing here knows the database's driver or HTTP. Reading a stored document does not validate its values again, because
//! earlier versions of the service may have stored others.

mod allowed_voices;
mod blocked;
mod call;
mod call_refusal;
mod call_status;
mod calling_hours;
mod contact;
mod id;
mod idempotency;
mod invalid_value;
mod languages;
mod metadata;
mod recording;
mod request;
mod script;
mod speech;
mod speech_names;
mod time_format;
mod time_range;
mod time_zone;
mod twilio_refusal;
mod update;
mod user;
mod voices;

pub use allowed_voices::AllowedVoices;
pub use blocked::{BlockReason, BlockedNumber, BlockedNumberCreate};
pub use call::{Call, CallEvent, NewCall};
pub use call_refusal::{CallRefusal, RefusalCode, RuleError};
pub use call_status::{CallStatus, Delivery, DialOutcome, EventSource};
pub use calling_hours::CallingHours;
pub use contact::{Email, PhoneNumber, UserName};
pub use id::{CallId, CallSid, RecordingId, RecordingSid, UserId};
pub use idempotency::Idempotency;
pub use invalid_value::InvalidValue;
pub use metadata::Metadata;
pub use recording::{Recording, RecordingStatus};
pub use request::{Changed, MachineDetection, OutboundCallRequest, UserCreate, UserUpdate};
pub use script::{Script, is_xml_char};
pub use speech::Speech;
pub use speech_names::{Language, Voice};
pub use time_format::rfc3339;
pub use time_range::TimeRange;
pub use time_zone::{Clocks, TimeZone};
pub use twilio_refusal::TwilioRefusal;
pub use update::{DialResult, RecordingUpdate, StatusUpdate};
pub use user::User;
pub use voices::VoiceClass;

use invalid_value::{from_json_string, one_line};
pub(crate) use time_format::{parse_rfc2822, with_milliseconds};
