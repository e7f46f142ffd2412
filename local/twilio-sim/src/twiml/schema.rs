//! The attributes of each verb and the SSML elements, from Twilio's documentation.

use super::xml::Element;

const SAY: &[&str] = &["voice", "language", "loop"];
const PLAY: &[&str] = &["loop", "digits"];
const RECORD: &[&str] = &[
    "action",
    "method",
    "timeout",
    "finishOnKey",
    "maxLength",
    "playBeep",
    "trim",
    "recordingStatusCallback",
    "recordingStatusCallbackMethod",
    "recordingStatusCallbackEvent",
    "transcribe",
    "transcribeCallback",
    "recordingTrack",
];
const GATHER: &[&str] = &[
    "action",
    "method",
    "input",
    "timeout",
    "finishOnKey",
    "numDigits",
    "speechTimeout",
    "maxSpeechTime",
    "profanityFilter",
    "partialResultCallback",
    "partialResultCallbackMethod",
    "language",
    "hints",
    "bargeIn",
    "actionOnEmptyResult",
    "speechModel",
    "enhanced",
    "debug",
    "dtmfDetection",
];
const DIAL: &[&str] = &[
    "action",
    "answerOnBridge",
    "callReason",
    "callerId",
    "events",
    "hangupOnStar",
    "method",
    "record",
    "recordingStatusCallback",
    "recordingStatusCallbackEvent",
    "recordingStatusCallbackMethod",
    "recordingTrack",
    "referMethod",
    "referUrl",
    "ringTone",
    "sequential",
    "timeLimit",
    "timeout",
    "trim",
];
/// The attributes of a Number in a Dial.
pub(super) const NUMBER: &[&str] = &[
    "amdStatusCallback",
    "amdStatusCallbackMethod",
    "byoc",
    "machineDetection",
    "machineDetectionSilenceTimeout",
    "machineDetectionSpeechEndThreshold",
    "machineDetectionSpeechThreshold",
    "machineDetectionTimeout",
    "method",
    "sendDigits",
    "statusCallback",
    "statusCallbackEvent",
    "statusCallbackMethod",
    "url",
];
const SSML: &[&str] = &[
    "break",
    "emphasis",
    "lang",
    "p",
    "phoneme",
    "prosody",
    "s",
    "say-as",
    "sub",
    "w",
    "mark",
    "voice",
    "amazon:domain",
    "amazon:effect",
    "amazon:auto-breaths",
    "amazon:breath",
    "amazon:emotion",
];

/// Returns the attributes of a verb, or `None` if the simulator can't play the element.
pub(super) fn attributes(verb: &str) -> Option<&'static [&'static str]> {
    Some(match verb {
        "Say" => SAY,
        "Play" => PLAY,
        "Record" => RECORD,
        "Gather" => GATHER,
        "Dial" => DIAL,
        "Pause" => &["length"],
        "Redirect" => &["method"],
        "Reject" => &["reason"],
        "Hangup" => &[],
        _ => return None,
    })
}

/// Returns true for an SSML element, which is allowed in a Say.
pub(super) fn is_ssml(name: &str) -> bool {
    SSML.contains(&name)
}

/// Adds a warning for each unknown attribute.
pub(super) fn check_attributes(element: &Element, known: &[&str], warnings: &mut Vec<String>) {
    for (name, _) in &element.attrs {
        if !known.contains(&name.as_str()) && !name.starts_with("xml") {
            warnings.push(format!(
                "attribute '{name}' is not allowed in element '{}'",
                element.name
            ));
        }
    }
}
