use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{
    TwilioClient,
    answer::{Failure, parse},
    rest::RetryPolicy,
    webhook_url::{callback, fallback},
};
use crate::domain::{CallId, CallStatus, DialResult, MachineDetection, PhoneNumber};

/// A call to be placed. The URLs are those of the webhooks, whole; `call_id` is added to them here.
#[derive(Debug, Clone, Copy)]
pub struct OutboundCall<'a> {
    /// Our name of the call.
    pub call_id: CallId,
    /// Who is called.
    pub to: &'a PhoneNumber,
    /// The number that is shown.
    pub from: &'a PhoneNumber,
    /// Where Twilio asks what to say; its fallback is the same, marked in the query.
    pub voice_url: &'a str,
    /// Where Twilio tells how the call goes.
    pub status_url: &'a str,
    /// Where Twilio tells of recordings.
    pub recording_url: &'a str,
    /// Whether the call is recorded.
    pub record: bool,
    /// Whether Twilio listens for an answering machine.
    pub machine_detection: Option<MachineDetection>,
    /// How long it rings, in seconds.
    pub ring_timeout_seconds: u32,
    /// How long the call may last, in seconds.
    pub time_limit_seconds: u32,
}

impl TwilioClient {
    /// Dials. The request is repeated only where it is certain that Twilio has not taken it: a repeated one would dial
    /// twice.
    pub async fn make_outbound_call(&self, call: &OutboundCall<'_>) -> DialResult {
        let policy = RetryPolicy {
            tries: 5,
            budget: self.timeouts.dial_budget,
            again: |failure| matches!(failure, Failure::NotTaken(_)),
        };
        let url = self.rest.resource(&["Calls.json"]);
        let answer = self
            .rest
            .send(policy, Method::POST, &url, &form(call))
            .await;
        match answer.and_then(|body| parse(&body)) {
            Ok(Placed { sid, status }) => match sid.parse() {
                Ok(sid) => DialResult::Accepted {
                    sid,
                    status: status.as_str().and_then(CallStatus::from_word),
                },
                Err(_) => DialResult::Unknown("Twilio's answer names no call".to_owned()),
            },
            Err(Failure::NotTaken(refusal)) => DialResult::NotTaken(refusal),
            Err(Failure::Refused(refusal)) => DialResult::Refused(refusal),
            Err(Failure::Lost(reason)) => DialResult::Unknown(reason),
            Err(Failure::Unusable(reason)) => DialResult::Unknown(reason.to_owned()),
        }
    }
}

/// Each event is a parameter of its own: Twilio ignores a list in one.
fn form(call: &OutboundCall<'_>) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("To", call.to.as_str().to_owned()),
        ("From", call.from.as_str().to_owned()),
        ("Url", callback(call.voice_url, call.call_id)),
        ("Method", "POST".to_owned()),
        ("FallbackUrl", fallback(call.voice_url, call.call_id)),
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
    }
    form
}

#[derive(Deserialize)]
struct Placed {
    sid: String,
    /// Of any form: an odd one must not make the call one of unknown outcome.
    #[serde(default)]
    status: Value,
}
