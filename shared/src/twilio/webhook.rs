use std::{borrow::Cow, collections::HashMap, str::FromStr};

use chrono::DateTime as ChronoDateTime;
use mongodb::bson::DateTime;

use crate::domain::{
    CallSid, CallStatus, EventSource, InvalidValue, RecordingStatus, RecordingUpdate, StatusUpdate,
};

/// Which field of a webhook's form was not what Twilio sends. It holds no value: values are personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidForm {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: InvalidValue,
}

/// The names and values of a form, in the order in which they came. Bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn form_pairs(body: &[u8]) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(body)
}

/// Reads a voice request: which call asks what to say, by Twilio's name.
///
/// # Errors
///
/// Without a `CallSid`.
pub fn parse_voice(body: &[u8]) -> Result<CallSid, InvalidForm> {
    Form::parse(body).required("CallSid")
}

/// Reads a status callback. `token` is the header `I-Twilio-Idempotency-Token`; `now` stands in for a `Timestamp` that
/// is not there or not RFC 2822. `Duration`, which is in minutes, is not read.
///
/// # Errors
///
/// Without a `CallSid`, or a `CallStatus` that we know. Other fields that make no sense count as absent: what the
/// callback says of the status is worth more than they are.
pub fn parse_status(
    body: &[u8],
    token: Option<&str>,
    now: DateTime,
) -> Result<StatusUpdate, InvalidForm> {
    let form = Form::parse(body);
    let word: String = form.required("CallStatus")?;
    let status = CallStatus::from_word(&word)
        .ok_or_else(|| invalid("CallStatus", "must be a call status of Twilio's"))?;
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

/// Reads a recording callback.
///
/// # Errors
///
/// Without a `CallSid`, a `RecordingSid` or a `RecordingStatus`. Other fields that make no sense count as absent.
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

/// A form's fields by name; of a repeated one the first, of an empty one nothing.
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

    /// Twilio writes 0 where there is no error.
    fn error_code(&self) -> Option<i32> {
        self.optional("ErrorCode").filter(|&code| code != 0)
    }

    fn time(&self, field: &str) -> Option<DateTime> {
        rfc2822(self.0.get(field)?)
    }
}

/// A time as Twilio writes it.
pub(super) fn rfc2822(text: &str) -> Option<DateTime> {
    let time = ChronoDateTime::parse_from_rfc2822(text).ok()?;
    Some(DateTime::from_millis(time.timestamp_millis()))
}

fn invalid(field: &'static str, problem: &str) -> InvalidForm {
    InvalidForm {
        field,
        problem: InvalidValue(problem.to_owned()),
    }
}
