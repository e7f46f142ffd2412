//! Validating the parameters of a new call.

use std::time::Duration;

use super::error::RestError;
use super::params::Params;
use crate::model::{CallRequest, MachineDetection, Origin, RecordingOptions, TwimlSource};
use crate::phone_number::e164;
use crate::sim::Sim;
use crate::twiml::MAX_INLINE;
use crate::webhook::WebhookTarget;

const STATUS_EVENTS: &[&str] = &["initiated", "ringing", "answered", "completed"];
const RECORDING_EVENTS: &[&str] = &["in-progress", "completed", "absent"];
/// The parameters that tune machine detection. They have no effect here.
const MILLISECONDS: &[(&str, std::ops::RangeInclusive<u64>)] = &[
    ("MachineDetectionSpeechThreshold", 1_000..=6_000),
    ("MachineDetectionSpeechEndThreshold", 500..=5_000),
    ("MachineDetectionSilenceTimeout", 2_000..=10_000),
];
const RING_TIMEOUT: Duration = Duration::from_mins(1);
const TIME_LIMIT: Duration = Duration::from_hours(4);
/// The `From` that Twilio refuses for test credentials.
const INVALID_FROM: &str = "+15005550001";

/// Reads the form of POST Calls.json: the call, and its status callback.
///
/// # Errors
///
/// Twilio's error for the first invalid parameter.
pub(super) fn read(
    sim: &Sim,
    form: &Params,
) -> Result<(CallRequest, Option<WebhookTarget>), RestError> {
    let to = read_to(form)?;
    let from = read_from(sim, form)?;
    let url = form.webhook_target(sim, "Url", "Method", 21205)?;
    let source = match (url, form.get("Twiml"), form.get("ApplicationSid")) {
        (Some(target), ..) => TwimlSource::Url(target),
        (None, Some(twiml), _) if twiml.chars().count() > MAX_INLINE => {
            return Err(RestError::bad(
                32018,
                format!("Twiml is longer than {MAX_INLINE} characters"),
            ));
        }
        (None, Some(twiml), _) => TwimlSource::Inline(twiml.to_owned()),
        (None, None, Some(sid)) => {
            return Err(RestError::bad(
                21218,
                format!("ApplicationSid {sid} is not valid"),
            ));
        }
        (None, None, None) => return Err(RestError::bad(21205, "Url parameter is required.")),
    };
    let status_callback =
        form.webhook_target(sim, "StatusCallback", "StatusCallbackMethod", 21609)?;
    let request = CallRequest {
        origin: Origin::Api,
        to,
        from,
        source,
        fallback: form.webhook_target(sim, "FallbackUrl", "FallbackMethod", 21205)?,
        status_events: events(form.all("StatusCallbackEvent"), STATUS_EVENTS),
        recording: {
            let options = recording_options(sim, form)?;
            form.flag("Record")?.then_some(options)
        },
        timeout: form
            .seconds("Timeout", 1..=600, 21208)?
            .unwrap_or(RING_TIMEOUT),
        time_limit: form
            .seconds("TimeLimit", 1..=86_400, 20001)?
            .unwrap_or(TIME_LIMIT),
        send_digits: send_digits(form)?,
        detection: detection(sim, form)?,
    };
    Ok((request, status_callback))
}

fn read_to(form: &Params) -> Result<String, RestError> {
    let Some(text) = form.get("To") else {
        return Err(RestError::bad(21201, "No 'To' number is specified"));
    };
    let Some(to) = parse_party(text) else {
        let message = format!("The phone number you are attempting to call, {text}, is not valid.");
        return Err(RestError::bad(21211, message));
    };
    let refusal = match to.as_str() {
        "+15005550001" => (
            21217,
            format!("Phone number {to} does not appear to be valid"),
        ),
        "+15005550002" => (21214, format!("'To' phone number {to} cannot be reached")),
        "+15005550003" => (
            21215,
            format!("Account not authorized to call {to}. Geo permission is not enabled"),
        ),
        "+15005550004" => (
            21216,
            format!("Account not allowed to call {to}: it is blocked"),
        ),
        _ => return Ok(to),
    };
    Err(RestError::bad(refusal.0, refusal.1))
}

fn read_from(sim: &Sim, form: &Params) -> Result<String, RestError> {
    let Some(text) = form.get("From") else {
        return Err(RestError::bad(21213, "No 'From' number is specified"));
    };
    let Some(from) = parse_party(text).filter(|from| from != INVALID_FROM) else {
        let message =
            format!("The 'From' phone number provided ({text}) is not a valid phone number.");
        return Err(RestError::bad(21212, message));
    };
    if from.starts_with('+') && sim.number(&from).is_none() && !sim.config.any_from {
        let message = format!(
            "The source phone number provided, {from}, is not yet verified for your account. \
             You may only make calls from phone numbers that you've verified or purchased from Twilio."
        );
        return Err(RestError::bad(21210, message));
    }
    Ok(from)
}

/// Parses a phone number, a SIP address or a client.
fn parse_party(text: &str) -> Option<String> {
    let other = ["sip:", "sips:", "client:"].iter().any(|scheme| {
        text.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    });
    if other {
        Some(text.to_owned())
    } else {
        e164(text)
    }
}

/// Returns the requested events: `completed` by default, none if one of the names is unknown.
fn events(given: Vec<String>, known: &[&str]) -> Vec<String> {
    match given {
        given if given.is_empty() => vec!["completed".to_owned()],
        given if given.iter().any(|event| !known.contains(&event.as_str())) => Vec::new(),
        given => given,
    }
}

/// Reads the parameters that say how to record.
///
/// # Errors
///
/// Twilio's error for the first invalid parameter.
pub(super) fn recording_options(sim: &Sim, form: &Params) -> Result<RecordingOptions, RestError> {
    let callback = form.webhook_target(
        sim,
        "RecordingStatusCallback",
        "RecordingStatusCallbackMethod",
        21609,
    )?;
    let channels = if form.one_of("RecordingChannels", &["mono", "dual"])? == "dual" {
        2
    } else {
        1
    };
    let track = form
        .one_of("RecordingTrack", &["both", "inbound", "outbound"])?
        .to_owned();
    form.one_of("Trim", &["trim-silence", "do-not-trim"])?;
    let requested = form.all("RecordingStatusCallbackEvent");
    let requested = requested
        .iter()
        .flat_map(|value| value.split_whitespace())
        .map(str::to_owned)
        .collect();
    Ok(RecordingOptions {
        channels,
        track,
        callback,
        events: events(requested, RECORDING_EVENTS),
    })
}

fn send_digits(form: &Params) -> Result<Option<String>, RestError> {
    match form.get("SendDigits") {
        Some(keys)
            if keys.len() > 32 || !keys.chars().all(|c| "0123456789ABCD#*wW".contains(c)) =>
        {
            Err(RestError::bad(
                21206,
                format!("SendDigits is not valid: {keys}"),
            ))
        }
        keys => Ok(keys.map(str::to_owned)),
    }
}

fn detection(sim: &Sim, form: &Params) -> Result<Option<MachineDetection>, RestError> {
    let callback = form.webhook_target(
        sim,
        "AsyncAmdStatusCallback",
        "AsyncAmdStatusCallbackMethod",
        21609,
    )?;
    let mode = form.one_of("MachineDetection", &["none", "Enable", "DetectMessageEnd"])?;
    let in_background = form.flag("AsyncAmd")?;
    let timeout = form.seconds("MachineDetectionTimeout", 3..=59, 21234)?;
    for (name, range) in MILLISECONDS {
        form.number(name, range.clone(), 21234)?;
    }
    let detection = MachineDetection {
        message_end: mode == "DetectMessageEnd",
        timeout: timeout.unwrap_or_else(MachineDetection::default_timeout),
        in_background,
        callback,
    };
    Ok((mode != "none").then_some(detection))
}
