//! Dialling: the request that creates a call.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{
    TwilioClient,
    attempt::{Failure, RetryPolicy, parse},
    webhook_url::{callback, fallback, first_step, voice},
};
use crate::domain::{CallId, CallStatus, DialResult, Language, MachineDetection, PhoneNumber};

/// The call to place. Dialling adds the `call_id` to the webhook URLs.
#[derive(Debug, Clone, Copy)]
pub struct OutboundCall<'a> {
    /// Our id of the call.
    pub call_id: CallId,
    /// The number to call.
    pub to: &'a PhoneNumber,
    /// The caller ID.
    pub from: &'a PhoneNumber,
    /// The URL that returns TwiML.
    pub voice_url: &'a str,
    /// The URL that Twilio requests if the voice URL fails. `None`: the voice URL, with a mark in the query.
    pub fallback_url: Option<&'a str>,
    /// The URL for status callbacks.
    pub status_url: &'a str,
    /// The URL for recording callbacks.
    pub recording_url: &'a str,
    /// The language of the call, which the voice URL has.
    pub language: &'a Language,
    /// True if the call has steps.
    pub has_steps: bool,
    /// True if Twilio records the call.
    pub record: bool,
    /// True if the recording has a channel for each side, so that a transcript tells who speaks.
    pub transcribe: bool,
    /// Answering machine detection, or `None` for off.
    pub machine_detection: Option<MachineDetection>,
    /// The URL for the result of a detection in the background. `None`: the voice URL is requested after the detection.
    pub machine_url: Option<&'a str>,
    /// The longest ringing time, in seconds.
    pub ring_timeout_seconds: u32,
    /// The longest duration of the call, in seconds.
    pub time_limit_seconds: u32,
}

impl TwilioClient {
    /// Dials. Repeats the request only if Twilio certainly did not accept it, because a repeat could dial twice.
    pub async fn make_outbound_call(&self, call: &OutboundCall<'_>) -> DialResult {
        self.dial(call, 5).await
    }

    /// Dials with one request, for a call that can be dialled later if Twilio did not accept it.
    pub async fn make_outbound_call_once(&self, call: &OutboundCall<'_>) -> DialResult {
        self.dial(call, 1).await
    }

    async fn dial(&self, call: &OutboundCall<'_>, attempts: u32) -> DialResult {
        let policy = RetryPolicy {
            attempts,
            budget: self.timeouts.dial_budget,
            is_retryable: |failure| matches!(failure, Failure::NotTaken(_)),
        };
        let url = self.rest.resource(&["Calls.json"]);
        let response = self
            .rest
            .send(policy, Method::POST, &url, &form(call))
            .await;
        match response.and_then(|body| parse(&body)) {
            Ok(Placed { sid, status }) => match sid.parse() {
                Ok(sid) => DialResult::Accepted {
                    sid,
                    status: status.as_str().and_then(CallStatus::of_twilio),
                },
                Err(_) => DialResult::Unknown("Twilio's response has no CallSid".to_owned()),
            },
            Err(Failure::NotTaken(refusal)) => DialResult::NotTaken(refusal),
            Err(Failure::Refused(refusal)) => DialResult::Refused(refusal),
            Err(Failure::Lost(reason)) => DialResult::Unknown(reason),
            Err(Failure::Unusable(reason)) => DialResult::Unknown(reason.to_owned()),
        }
    }
}

/// How long a detection in the background waits for the end of a greeting, in seconds: as long as Twilio allows.
const GREETING_SECONDS: u32 = 59;

/// The form of the request. Each event is a separate parameter, because Twilio ignores a list in one.
fn form(call: &OutboundCall<'_>) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("To", call.to.as_str().to_owned()),
        ("From", call.from.as_str().to_owned()),
        ("Url", voice_url(call)),
        ("Method", "POST".to_owned()),
        ("FallbackUrl", fallback_url(call)),
        ("FallbackMethod", "POST".to_owned()),
        ("StatusCallback", callback(call.status_url, call.call_id)),
        ("StatusCallbackMethod", "POST".to_owned()),
        ("Timeout", call.ring_timeout_seconds.to_string()),
        ("TimeLimit", call.time_limit_seconds.to_string()),
    ];
    let events = ["initiated", "ringing", "answered", "completed"];
    form.extend(events.map(|event| ("StatusCallbackEvent", event.to_owned())));
    if call.record {
        form.push(("Record", "true".to_owned()));
        if call.transcribe {
            form.push(("RecordingChannels", "dual".to_owned()));
        }
        form.push((
            "RecordingStatusCallback",
            callback(call.recording_url, call.call_id),
        ));
        form.push(("RecordingStatusCallbackMethod", "POST".to_owned()));
        let events = ["in-progress", "completed", "absent"];
        form.extend(events.map(|event| ("RecordingStatusCallbackEvent", event.to_owned())));
    }
    if let Some(detection) = call.machine_detection {
        form.push(("MachineDetection", detection.as_str().to_owned()));
        if let Some(url) = call.machine_url {
            form.push(("AsyncAmd", "true".to_owned()));
            form.push(("AsyncAmdStatusCallback", callback(url, call.call_id)));
            form.push(("AsyncAmdStatusCallbackMethod", "POST".to_owned()));
            if detection == MachineDetection::DetectMessageEnd {
                form.push(("MachineDetectionTimeout", GREETING_SECONDS.to_string()));
            }
        }
    }
    form
}

fn voice_url(call: &OutboundCall<'_>) -> String {
    if call.has_steps {
        first_step(call.voice_url, call.call_id, call.language)
    } else {
        voice(call.voice_url, call.call_id, call.language)
    }
}

fn fallback_url(call: &OutboundCall<'_>) -> String {
    match call.fallback_url {
        Some(url) => voice(url, call.call_id, call.language),
        None => fallback(call.voice_url, call.call_id, call.language),
    }
}

#[derive(Deserialize)]
struct Placed {
    sid: String,
    /// Of any type: an unexpected one must not make the outcome of the dial unknown.
    #[serde(default)]
    status: Value,
}
