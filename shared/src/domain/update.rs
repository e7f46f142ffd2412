use std::fmt;

use mongodb::bson::DateTime;

use super::{CallSid, CallStatus, EventSource, RecordingSid, RecordingStatus};

/// What a status callback, or an answer of Twilio's REST API, tells of a call.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusUpdate {
    /// Twilio's name of the call.
    pub call_sid: CallSid,
    /// The status that the call took.
    pub status: CallStatus,
    /// When it did, UTC.
    pub at: DateTime,
    /// Who told us.
    pub source: EventSource,
    /// The callback's `SequenceNumber`, from 0.
    pub sequence: Option<i64>,
    /// The callback's `I-Twilio-Idempotency-Token`.
    pub token: Option<String>,
    /// Length of the call in seconds.
    pub duration_seconds: Option<i64>,
    /// `human`, `machine_start`, `fax`, …
    pub answered_by: Option<String>,
    /// The SIP response that ended the call.
    pub sip_response_code: Option<i32>,
    /// Twilio's error code.
    pub error_code: Option<i32>,
    /// Twilio's words for it.
    pub error_message: Option<String>,
}

/// Without Twilio's words, which may repeat a telephone number.
impl fmt::Debug for StatusUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusUpdate")
            .field("call_sid", &self.call_sid)
            .field("status", &self.status)
            .field("at", &self.at)
            .field("source", &self.source)
            .field("sequence", &self.sequence)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

/// What a recording callback tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingUpdate {
    /// Twilio's name of the call.
    pub call_sid: CallSid,
    /// Twilio's name of the recording.
    pub recording_sid: RecordingSid,
    /// Twilio's resource of the recording.
    pub recording_url: Option<String>,
    /// Twilio's word.
    pub recording_status: String,
    /// Ours for it.
    pub status: RecordingStatus,
    /// Length in seconds.
    pub duration_seconds: Option<i64>,
    /// 1 or 2.
    pub channels: Option<i32>,
    /// Twilio's code where there is no audio.
    pub error_code: Option<i32>,
    /// When the recording began, UTC.
    pub started_at: Option<DateTime>,
}

/// How our one request to dial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialResult {
    /// Twilio has the call.
    Accepted {
        /// Twilio's name of it.
        sid: CallSid,
        /// Where Twilio says that it stands, in practice `queued`; none where the answer has no such word.
        status: Option<CallStatus>,
    },
    /// Twilio has answered no.
    Refused(Refusal),
    /// The request did not reach Twilio, or Twilio was too busy to take it. The same request may succeed later.
    NotTaken(Refusal),
    /// The answer was lost, in this way; nobody knows yet.
    Unknown(String),
}

/// Why Twilio did not take a request.
///
/// Twilio's words may repeat a telephone number: `Debug` and `Display` show its last two digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Twilio's HTTP status; none where Twilio could not be reached.
    pub http_status: Option<u16>,
    /// Twilio's error code.
    pub code: Option<i32>,
    /// Twilio's words, or ours where it was not reached.
    pub message: String,
}

impl Refusal {
    /// Whether Twilio refuses the number that is called, which the client chose. Refusals of our own number, URLs,
    /// credentials and limits are the operator's to settle.
    #[must_use]
    pub fn is_of_called_number(&self) -> bool {
        self.code
            .is_some_and(|code| OF_CALLED_NUMBER.contains(&code))
    }
}

/// Twilio's codes that are about `To`, of the Calls resource and of `<Dial>`, from its error dictionary
/// (<https://www.twilio.com/docs/api/errors>).
const OF_CALLED_NUMBER: [i32; 13] = [
    21202, // a premium-rate number
    21203, // international calls are not enabled
    21211, // not a valid number
    21214, // cannot be reached
    21215, // no geographic permission
    21216, // on Twilio's block list
    21217, // does not appear to be valid
    21219, // not verified, which a trial account needs
    13223, // not in the format of a number
    13224, // not a valid number
    13225, // on Twilio's block list
    13226, // not a valid country code
    13227, // no geographic permission
];

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_numbers(&self.message))
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("http_status", &self.http_status)
            .field("code", &self.code)
            .field("message", &mask_numbers(&self.message))
            .finish()
    }
}

/// The text with all but the last two digits of each longer number replaced, however it is written; error codes stay
/// whole.
fn mask_numbers(text: &str) -> String {
    const LONGEST_CODE: usize = 5;
    let is_in_a_number = |c: char| c.is_ascii_digit() || " -.()".contains(c);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_in_a_number(c)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let mut hidden = if digits > LONGEST_CODE { digits - 2 } else { 0 };
        masked.push_str(before);
        masked.extend(number.chars().map(|c| {
            if c.is_ascii_digit() && hidden > 0 {
                hidden -= 1;
                '*'
            } else {
                c
            }
        }));
        rest = after;
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_prints_codes_whole_and_telephone_numbers_never() {
        let refusal = Refusal {
            http_status: Some(400),
            code: Some(21211),
            message: "21211: The 'To' number +15005550001, é, (500) 555-0001, is not valid 12"
                .into(),
        };
        let shown = "21211: The 'To' number +*********01, é, (***) ***-**01, is not valid 12";
        assert_eq!(refusal.to_string(), shown);
        assert!(format!("{refusal:?}").contains(shown));
    }
}
