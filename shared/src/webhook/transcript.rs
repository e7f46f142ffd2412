//! The webhook about a transcript: JSON or a form, because Twilio doesn't document which.

use serde::Deserialize;

use super::event::InvalidForm;
use crate::{
    domain::{CallId, InvalidValue, TranscriptSid},
    twilio::form_pairs,
};

/// A transcript that Twilio has made. The webhook has neither its status nor its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptUpdate {
    /// Twilio's id of the transcript.
    pub transcript_sid: TranscriptSid,
    /// The `call_id`, which outdial sends to Twilio as the customer key. `None` for a transcript of another application.
    pub call_id: Option<CallId>,
}

/// The members that matter. Others are ignored.
#[derive(Default, Deserialize)]
struct Members {
    #[serde(default)]
    transcript_sid: Option<String>,
    #[serde(default)]
    customer_key: Option<String>,
}

/// Parses the body: an object of JSON, or a form with the same names.
///
/// # Errors
///
/// If the `transcript_sid` is missing or malformed.
pub fn parse_transcript(body: &[u8]) -> Result<TranscriptUpdate, InvalidForm> {
    let members = if body.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(body).unwrap_or_default()
    } else {
        of_form(body)
    };
    let problem = |problem| InvalidForm {
        field: "transcript_sid",
        problem,
    };
    let sid = members.transcript_sid.filter(|sid| !sid.is_empty());
    let sid = sid.ok_or_else(|| problem(InvalidValue("is missing".to_owned())))?;
    Ok(TranscriptUpdate {
        transcript_sid: sid.parse().map_err(problem)?,
        call_id: members.customer_key.and_then(|key| key.parse().ok()),
    })
}

fn of_form(body: &[u8]) -> Members {
    let mut members = Members::default();
    for (name, value) in form_pairs(body) {
        let member = match &*name {
            "transcript_sid" => &mut members.transcript_sid,
            "customer_key" => &mut members.customer_key,
            _ => continue,
        };
        member.get_or_insert_with(|| value.into_owned());
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "GT0123456789abcdef0123456789abcdef";
    const CALL: &str = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";

    #[test]
    fn json_and_form_are_the_same_update() {
        let json = format!(
            r#" {{"account_sid": "AC1", "transcript_sid": "{SID}", "customer_key": "{CALL}", "x": [1]}}"#
        );
        let form = format!("account_sid=AC1&transcript_sid={SID}&customer_key={CALL}");
        let update = parse_transcript(json.as_bytes()).unwrap();
        assert_eq!(update, parse_transcript(form.as_bytes()).unwrap());
        assert_eq!(update.transcript_sid.as_str(), SID);
        assert_eq!(update.call_id, CALL.parse().ok());
    }

    #[test]
    fn key_of_another_application_is_no_call() {
        let json = format!(r#"{{"transcript_sid": "{SID}", "customer_key": "order-17"}}"#);
        assert_eq!(parse_transcript(json.as_bytes()).unwrap().call_id, None);
    }

    #[test]
    fn body_without_a_transcript_is_malformed() {
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"transcript_sid": 17}"#,
            r#"{"transcript_sid": "GT1"}"#,
            "transcript_sid=",
            "transcript_sid=CA0123456789abcdef0123456789abcdef",
        ] {
            let error = parse_transcript(body.as_bytes()).unwrap_err();
            assert_eq!(error.field, "transcript_sid", "{body}");
        }
    }
}
