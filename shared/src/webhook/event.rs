//! Webhook events, parsed from the forms that Twilio sends.

use std::{borrow::Cow, collections::HashMap, str::FromStr};

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{fallback::parse_fallback, queue::INSTEAD_OF_ALL};
use crate::{
    config::WebhookKind,
    dao::StepEvent,
    domain::{
        CallSid, CallStatus, EventSource, InvalidValue, MachineVerdict, PhoneNumber, Place,
        RecordingStatus, RecordingUpdate, StatusUpdate, parse_rfc2822,
    },
    service::steps::event,
    twilio::form_pairs,
};

/// The field of a queued step whose call was cut off.
pub(super) const CUT_OFF: &str = "cut_off";
/// The field of a queued step with the keys that ask for no further calls.
pub(super) const OPTED_OUT: &str = "opted_out";

/// The topic of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookTopic {
    /// The status of a call.
    Status,
    /// A recording.
    Recording,
    /// The result of machine detection in the background.
    Machine,
    /// An apology that a person heard instead of the script. `voice` sends this, not Twilio.
    Undelivered,
    /// An event of a call with steps, which the database could not store. `voice` sends this, with the keys.
    Step,
    /// A person called our number and asked for no further calls, and the database could not store it. `voice` sends this.
    Inbound,
    /// A request for the fallback URL. `fallback` sends this, unverified.
    Fallback,
}

impl WebhookTopic {
    /// The function that these webhooks come from or to.
    pub(super) fn kind(self) -> WebhookKind {
        match self {
            Self::Status => WebhookKind::Status,
            Self::Recording => WebhookKind::Recording,
            Self::Machine => WebhookKind::Machine,
            Self::Undelivered | Self::Step | Self::Fallback => WebhookKind::Voice,
            Self::Inbound => WebhookKind::Inbound,
        }
    }
}

/// A parsed webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookEvent {
    /// A status callback.
    Status(StatusUpdate),
    /// A recording callback.
    Recording(RecordingUpdate),
    /// The result of machine detection in the background.
    Machine(MachineVerdict),
    /// An apology that a person heard instead of the script.
    Undelivered {
        /// The `CallSid`, if it is known.
        call_sid: Option<CallSid>,
        /// True if the person certainly heard nothing else.
        is_certain: bool,
    },
    /// Events of a call with steps.
    Step(CallSid, Vec<StepEvent>),
    /// A person called our number and asked for no further calls.
    CallerOptedOut {
        /// The `CallSid` of that call.
        call_sid: CallSid,
        /// The number of the person.
        number: PhoneNumber,
        /// When the person called.
        at: DateTime,
    },
}

impl WebhookEvent {
    /// Parses a form. `token` is the header `I-Twilio-Idempotency-Token`. `received_at` replaces a missing `Timestamp`.
    ///
    /// # Errors
    ///
    /// If a required field is missing or malformed.
    pub fn parse(
        topic: WebhookTopic,
        form: &[u8],
        token: Option<&str>,
        received_at: DateTime,
    ) -> Result<Self, InvalidForm> {
        Ok(match topic {
            WebhookTopic::Status => Self::Status(parse_status(form, token, received_at)?),
            WebhookTopic::Recording => Self::Recording(parse_recording(form)?),
            WebhookTopic::Machine => Self::Machine(parse_machine(form)?),
            WebhookTopic::Undelivered => Self::Undelivered {
                call_sid: parse_voice(form).ok(),
                is_certain: form_pairs(form).any(|(name, _)| name == INSTEAD_OF_ALL),
            },
            WebhookTopic::Step => parse_step(form, received_at)?,
            WebhookTopic::Inbound => {
                let form = Form::parse(form);
                Self::CallerOptedOut {
                    call_sid: form.required("CallSid")?,
                    number: form.required("From")?,
                    at: received_at,
                }
            }
            WebhookTopic::Fallback => parse_fallback(form, received_at)?,
        })
    }

    /// The `CallSid`, if it is known.
    #[must_use]
    pub fn call_sid(&self) -> Option<&CallSid> {
        match self {
            Self::Status(update) => Some(&update.call_sid),
            Self::Recording(update) => Some(&update.call_sid),
            Self::Machine(verdict) => Some(&verdict.call_sid),
            Self::Undelivered { call_sid, .. } => call_sid.as_ref(),
            Self::Step(sid, _) => Some(sid),
            Self::CallerOptedOut { call_sid, .. } => Some(call_sid),
        }
    }

    /// Returns true if a person asks for no further calls.
    #[must_use]
    pub fn is_opt_out(&self) -> bool {
        match self {
            Self::CallerOptedOut { .. } => true,
            Self::Step(_, events) => events.iter().any(|it| matches!(it, StepEvent::OptedOut(_))),
            _ => false,
        }
    }
}

/// The field of a webhook's form that is missing or malformed. Holds no value, because values are personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidForm {
    /// The field's name.
    pub field: &'static str,
    /// The reason, as a phrase that follows the name.
    pub problem: InvalidValue,
}

/// Parses a voice request: returns the `CallSid`.
///
/// # Errors
///
/// If the `CallSid` is missing or malformed.
pub fn parse_voice(body: &[u8]) -> Result<CallSid, InvalidForm> {
    Form::parse(body).required("CallSid")
}

/// Returns true if a form is about a call that has no record: the leg of a transfer, which one of our calls dialled, or a call to our
/// number.
#[must_use]
pub fn is_of_unrecorded_call(body: &[u8]) -> bool {
    let form = Form::parse(body).0;
    form.contains_key("ParentCallSid") || form.get("Direction").is_some_and(|it| it == "inbound")
}

/// A call to our number, as Twilio's form describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundForm {
    /// The `CallSid`, if it is well-formed.
    pub call_sid: Option<CallSid>,
    /// The number of the person, if it is one in E.164 format.
    pub from: Option<PhoneNumber>,
    /// Our number.
    pub to: Option<PhoneNumber>,
    /// The keys, if the person pressed some.
    pub keys: Option<String>,
}

/// Parses the request of a call to our number. Malformed fields count as absent, because a person is listening.
#[must_use]
pub fn parse_inbound(body: &[u8]) -> InboundForm {
    let form = Form::parse(body);
    InboundForm {
        call_sid: form.optional("CallSid"),
        from: form.optional("From"),
        to: form.optional("To"),
        keys: form.optional("Digits"),
    }
}

/// Parses the form of [`QueuedWebhook::step`](super::QueuedWebhook::step).
fn parse_step(form: &[u8], received_at: DateTime) -> Result<WebhookEvent, InvalidForm> {
    let sid = parse_voice(form)?;
    let pairs: Vec<_> = form_pairs(form).into_owned().collect();
    let find = |name: &str| pairs.iter().find(|(other, _)| other == name);
    let keys = find("Digits").map(|(_, keys)| keys.as_str());
    let event = match Place::of_pairs(&pairs) {
        // A later version knows it.
        None | Some(Place::Unknown) => return Err(invalid("step", "must be a known step")),
        Some(place) => event(&place, keys, find(OPTED_OUT).is_some(), received_at),
    };
    // A place after the start proves that the first words were said.
    let cut_off = find(CUT_OFF).map(|_| [StepEvent::Started, StepEvent::CutOff]);
    Ok(WebhookEvent::Step(
        sid,
        event
            .into_iter()
            .chain(cut_off.into_iter().flatten())
            .collect(),
    ))
}

/// Parses a status callback. `token` is the header `I-Twilio-Idempotency-Token`. `now` replaces a `Timestamp` that is missing or not
/// in RFC 2822 format. `Duration`, which is in minutes, is not read.
///
/// # Errors
///
/// If the `CallSid` or the `CallStatus` is missing or malformed. Other malformed fields count as absent, so that the status is not
/// lost.
pub fn parse_status(
    body: &[u8],
    token: Option<&str>,
    now: DateTime,
) -> Result<StatusUpdate, InvalidForm> {
    let form = Form::parse(body);
    let word: String = form.required("CallStatus")?;
    let status = CallStatus::of_twilio(&word)
        .ok_or_else(|| invalid("CallStatus", "must be a Twilio call status"))?;
    Ok(StatusUpdate {
        call_sid: form.required("CallSid")?,
        status,
        at: form.time("Timestamp").unwrap_or(now),
        source: EventSource::Twilio,
        sequence: form.count("SequenceNumber"),
        token: token.filter(|token| !token.is_empty()).map(str::to_owned),
        duration_seconds: form.count("CallDuration"),
        answered_by: form.optional("AnsweredBy"),
        sip_response_code: form.optional("SipResponseCode"),
        error_code: form.error_code(),
        error_message: form.optional("ErrorMessage"),
    })
}

/// Parses a recording callback.
///
/// # Errors
///
/// If the `CallSid`, the `RecordingSid` or the `RecordingStatus` is missing or malformed. Other malformed fields count as absent.
pub fn parse_recording(body: &[u8]) -> Result<RecordingUpdate, InvalidForm> {
    let form = Form::parse(body);
    let recording_status: String = form.required("RecordingStatus")?;
    Ok(RecordingUpdate {
        call_sid: form.required("CallSid")?,
        recording_sid: form.required("RecordingSid")?,
        recording_url: form.optional("RecordingUrl"),
        status: RecordingStatus::from_twilio(&recording_status),
        recording_status,
        duration_seconds: form.count("RecordingDuration"),
        channels: form
            .optional("RecordingChannels")
            .filter(|&count| count > 0),
        error_code: form.error_code(),
        started_at: form.time("RecordingStartTime"),
    })
}

/// Parses the callback of machine detection in the background.
///
/// # Errors
///
/// If the `CallSid` or `AnsweredBy` is missing or malformed.
pub fn parse_machine(body: &[u8]) -> Result<MachineVerdict, InvalidForm> {
    const LONGEST: usize = 64;
    let form = Form::parse(body);
    let answered_by: String = form.required("AnsweredBy")?;
    let is_word = |b: u8| b.is_ascii_lowercase() || b == b'_';
    if answered_by.len() > LONGEST || !answered_by.bytes().all(is_word) {
        let expected = "must have only lower-case letters and underscores, at most 64";
        return Err(invalid("AnsweredBy", expected));
    }
    Ok(MachineVerdict {
        call_sid: form.required("CallSid")?,
        answered_by,
    })
}

/// A form's fields by name. A repeated field has its first value; an empty field is absent.
struct Form<'a>(HashMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Form<'a> {
    fn parse(body: &'a [u8]) -> Self {
        let mut fields = HashMap::new();
        for (name, value) in form_pairs(body) {
            fields.entry(name).or_insert(value);
        }
        fields.retain(|_, value| !value.is_empty());
        Self(fields)
    }

    fn required<T: FromStr>(&self, field: &'static str) -> Result<T, InvalidForm>
    where
        T::Err: ToString,
    {
        let value = self
            .0
            .get(field)
            .ok_or_else(|| invalid(field, "is missing"))?;
        value
            .parse()
            .map_err(|error: T::Err| invalid(field, &error.to_string()))
    }

    fn optional<T: FromStr>(&self, field: &str) -> Option<T> {
        self.0.get(field)?.parse().ok()
    }

    fn count(&self, field: &str) -> Option<i64> {
        self.optional(field).filter(|&count| count >= 0)
    }

    /// The error code. Twilio sends 0 if there is no error.
    fn error_code(&self) -> Option<i32> {
        self.optional("ErrorCode").filter(|&code| code != 0)
    }

    fn time(&self, field: &str) -> Option<DateTime> {
        parse_rfc2822(self.0.get(field)?)
    }
}

fn invalid(field: &'static str, problem: &str) -> InvalidForm {
    InvalidForm {
        field,
        problem: InvalidValue(problem.to_owned()),
    }
}
