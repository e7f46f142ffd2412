//! The parameters of webhooks. Empty ones are included, because the signature covers them.

use chrono::{DateTime, Utc};

use crate::clock::rfc2822;
use crate::model::{CallRequest, Recording};
use crate::sim::Sim;

/// The parameters of a webhook: names and values.
pub(super) type Form = Vec<(String, String)>;

/// Returns the parameters that all webhooks of a call have in common.
pub(super) fn call(sim: &Sim, sid: &str, request: &CallRequest, status: &str) -> Form {
    let (to, from) = (request.to.as_str(), request.from.as_str());
    let mut form = pairs([
        ("AccountSid", sim.config.account_sid.as_str()),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("CallStatus", status),
        ("Direction", request.origin.direction()),
        ("From", from),
        ("To", to),
        ("Caller", from),
        ("Called", to),
        ("ForwardedFrom", ""),
        ("CallerName", ""),
        ("ParentCallSid", request.origin.parent().unwrap_or_default()),
    ]);
    for (party, number) in [("From", from), ("To", to), ("Caller", from), ("Called", to)] {
        let country = if number.starts_with("+1") { "US" } else { "" };
        for (part, value) in [
            ("City", ""),
            ("State", ""),
            ("Zip", ""),
            ("Country", country),
        ] {
            form.push((format!("{party}{part}"), value.to_owned()));
        }
    }
    form
}

/// Returns the additional parameters of a status callback.
pub(super) fn progress(at: DateTime<Utc>, sequence: u64) -> Form {
    pairs([
        ("Timestamp", rfc2822(at).as_str()),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", &sequence.to_string()),
    ])
}

/// Returns the additional parameters of the last status callback: seconds, minutes rounded up, and the carrier's response.
pub(super) fn ending(seconds: u64, sip_response: u16) -> Form {
    pairs([
        ("CallDuration", seconds.to_string().as_str()),
        ("Duration", &seconds.div_ceil(60).to_string()),
        ("SipResponseCode", &sip_response.to_string()),
    ])
}

/// Returns the parameters about a recording for the last status callback and the action of a Record.
pub(super) fn recorded(sim: &Sim, recording: &Recording) -> Form {
    pairs([
        ("RecordingUrl", sim.recording_url(&recording.sid).as_str()),
        ("RecordingSid", &recording.sid),
        (
            "RecordingDuration",
            &recording.seconds.unwrap_or_default().to_string(),
        ),
    ])
}

/// Returns the parameters of a recording status callback.
pub(super) fn recording(sim: &Sim, recording: &Recording) -> Form {
    let mut form = pairs([
        ("AccountSid", sim.config.account_sid.as_str()),
        ("CallSid", &recording.call_sid),
        ("RecordingSid", &recording.sid),
        ("RecordingUrl", &sim.recording_url(&recording.sid)),
        ("RecordingStatus", &*recording.status),
        ("RecordingChannels", &recording.channels.to_string()),
        ("RecordingStartTime", &rfc2822(recording.started)),
        ("RecordingSource", &recording.source),
        ("RecordingTrack", &recording.track),
        (
            "ErrorCode",
            &recording.error_code.unwrap_or_default().to_string(),
        ),
    ]);
    if let Some(seconds) = recording.seconds {
        form.extend(pairs([("RecordingDuration", seconds.to_string().as_str())]));
    }
    form
}

/// Builds a form from names and values.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Form {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
