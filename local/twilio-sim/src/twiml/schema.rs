//! Which attributes and children the verbs have, as Twilio documents them.

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

/// The attributes of a verb that can be played; `None` for any other element.
pub(super) fn attributes(verb: &str) -> Option<&'static [&'static str]> {
    Some(match verb {
        "Say" => SAY,
        "Play" => PLAY,
        "Record" => RECORD,
        "Gather" => GATHER,
        "Pause" => &["length"],
        "Redirect" => &["method"],
        "Reject" => &["reason"],
        "Hangup" => &[],
        _ => return None,
    })
}

/// Whether an element is SSML that may stand in a Say.
pub(super) fn is_ssml(name: &str) -> bool {
    SSML.contains(&name)
}

/// Names the attributes that a verb does not have.
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
