//! The parameters of webhooks, whole, with the empty ones, which are part of the signature.

use chrono::{DateTime, Utc};

use crate::clock::rfc2822;
use crate::model::Recording;
use crate::sim::Sim;

/// A form in the making.
pub(super) type Form = Vec<(String, String)>;

/// What every request about a call tells.
pub(super) fn call(sim: &Sim, sid: &str, to: &str, from: &str, status: &str) -> Form {
    let mut form = pairs([
        ("AccountSid", sim.config.account_sid.as_str()),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("CallStatus", status),
        ("Direction", "outbound-api"),
        ("From", from),
        ("To", to),
        ("Caller", from),
        ("Called", to),
        ("ForwardedFrom", ""),
        ("CallerName", ""),
        ("ParentCallSid", ""),
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

/// What a status callback adds.
pub(super) fn progress(at: DateTime<Utc>, sequence: u64) -> Form {
    pairs([
        ("Timestamp", rfc2822(at).as_str()),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", &sequence.to_string()),
    ])
}

/// What the last status callback adds: seconds, begun minutes, and the carrier's answer.
pub(super) fn ending(seconds: u64, sip_response: u16) -> Form {
    pairs([
        ("CallDuration", seconds.to_string().as_str()),
        ("Duration", &seconds.div_ceil(60).to_string()),
        ("SipResponseCode", &sip_response.to_string()),
    ])
}

/// What the last status callback, and the action of a Record, tell of a recording.
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

/// A recording status callback.
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

/// Names and values.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Form {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
