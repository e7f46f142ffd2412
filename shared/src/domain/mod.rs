//! Domain types: values that are parsed once, at the edge, and then always valid; and the stored documents.
//!
//! Nothing here knows the database's driver or HTTP. Reading a stored document does not validate its values again, because
//! earlier versions of the service may have stored others.

mod allowed_voices;
mod attempts;
mod audio_url;
mod batch;
mod batch_request;
mod blocked;
mod call;
mod call_refusal;
mod call_status;
mod call_template;
mod call_update;
mod calling_hours;
mod checked_text;
mod contact;
mod default_voices;
mod dial_queue;
mod effect;
mod fields;
mod id;
mod idempotency;
mod invalid_value;
mod languages;
mod machine_verdict;
mod metadata;
mod notices;
mod opt_out_key;
mod pace;
mod recipient;
mod recording;
mod request;
mod requested_time;
mod retry_request;
mod say_size;
mod script;
mod script_template;
mod script_variables;
mod speech;
mod speech_names;
mod speech_price;
mod ssml;
mod status_reason;
mod steps;
mod string_map;
mod text_place;
mod time_format;
mod time_range;
mod time_zone;
mod timing;
mod transcript;
mod twilio_refusal;
mod update;
mod user;
mod voicemail;
mod voices;
mod words;

pub use allowed_voices::AllowedVoices;
pub use attempts::Attempts;
pub use audio_url::{AudioHosts, AudioUrl};
pub use batch::{Batch, BatchName, BatchStatus};
pub use batch_request::{BatchCreate, RecipientsAdd};
pub use blocked::{BlockReason, BlockedNumber, BlockedNumberCreate};
pub use call::{Call, CallEvent, NewCall, VoicemailClaim};
pub use call_refusal::{CallRefusal, RefusalCode, RuleError};
pub use call_status::{CallStatus, Delivery, DialOutcome, EventSource};
pub use call_template::{CallTemplate, RenderedCall};
pub use call_update::CallUpdate;
pub use calling_hours::{CallingCalendar, CallingHours, Holidays};
pub use contact::{Email, PhoneNumber, UserName};
pub use default_voices::DefaultVoices;
pub use dial_queue::{Lane, Priority, Retry, RetryReason, WaitingFor};
pub use effect::{Effect, EffectKind};
pub use id::{
    BatchId, CallId, CallSid, RecordingId, RecordingSid, ServiceSid, TranscriptSid, UserId,
};
pub use idempotency::Idempotency;
pub use invalid_value::InvalidValue;
pub use machine_verdict::MachineVerdict;
pub use metadata::Metadata;
pub use notices::{Notice, Notices};
pub use opt_out_key::OptOutKey;
pub use pace::Pace;
pub use recipient::{ExternalId, InvalidField, Recipient, RecipientParts};
pub use recording::{Recording, RecordingStatus};
pub(crate) use request::NEEDS_RECORDING;
pub use request::{
    Changed, MachineDetection, OutboundCallRequest, OutsideCallingHours, UserCreate, UserUpdate,
};
pub use requested_time::RequestedTime;
pub use retry_request::RetryRequest;
pub use say_size::SaySize;
pub use script::{Script, is_xml_char};
pub use script_template::{RenderError, ScriptTemplate};
pub use script_variables::ScriptVariables;
pub use speech::Speech;
pub use speech_names::{Language, Voice};
pub use speech_price::SpeechPrice;
pub use ssml::{Ssml, SsmlElement, SsmlNode};
pub use status_reason::StatusReason;
pub use steps::{
    Action, Answer, Ask, AskPlace, Asking, Keys, LegEnd, LegMoment, LegStatus, Outcome, OwnResult,
    Part, Place, Playing, Prompt, SaidPlace, Spelled, Step, StepId, Steps, Stretch, Then, Transfer,
    TransferLeg, TransferPlace, Words,
};
pub use time_format::rfc3339;
pub use time_range::TimeRange;
pub use time_zone::{Clocks, TimeZone};
pub use timing::{FieldFault, Timing};
pub use transcript::{
    HeardSentence, Sentence, Speaker, Transcript, TranscriptStatus, TranscriptionServices, speakers,
};
pub use twilio_refusal::TwilioRefusal;
pub use update::{DialResult, RecordingUpdate, StatusUpdate};
pub use user::User;
pub(crate) use voicemail::VoicemailBody;
pub use voicemail::{Voicemail, VoicemailAction};
pub use voices::VoiceClass;

use checked_text::checked_text;
use invalid_value::{from_json_string, one_line};
pub(crate) use steps::StepBody;
use steps::one_by_one;
use string_map::string_map;
pub(crate) use time_format::{parse_rfc2822, with_milliseconds};
