//! Property `webhook`: any form or JSON from Twilio is parsed into bounded values or refused.

use mongodb::bson::DateTime;
use outdial::{
    domain::{CallSid, RecordingSid, RecordingUpdate, StatusUpdate},
    webhook::{
        InvalidForm, QueuedWebhook, WebhookEvent, WebhookTopic, parse_recording, parse_status,
        parse_transcript, parse_voice,
    },
};

/// The time of receipt.
const NOW: DateTime = DateTime::from_millis(1_767_225_600_000);
const TOKEN: Option<&str> = Some("4f3c2a1b-token");

/// Parses any bytes as the body of each webhook. The parsed values are within their bounds. An error message repeats
/// nothing from the form. A form that has passed through the queue is parsed into the same values.
///
/// # Panics
///
/// If the property is violated.
pub fn webhook(form: &[u8]) {
    let kept = QueuedWebhook::keepable_form(form);
    assert!(kept.bytes().all(|byte| byte.is_ascii_graphic()), "{kept}");
    let kept = kept.as_bytes();

    let voice = parse_voice(form);
    assert_eq!(voice, parse_voice(kept));
    match voice {
        Ok(sid) => call_sid(&sid),
        Err(refused) => refusal(&refused),
    }
    let parsed = parse_status(form, TOKEN, NOW);
    assert_eq!(parsed, parse_status(kept, TOKEN, NOW));
    match parsed {
        Ok(update) => {
            status(&update, form.len());
            let event = WebhookEvent::parse(WebhookTopic::Status, form, TOKEN, NOW);
            assert_eq!(event, Ok(WebhookEvent::Status(update)));
        }
        Err(refused) => refusal(&refused),
    }
    let parsed = parse_recording(form);
    assert_eq!(parsed, parse_recording(kept));
    match parsed {
        Ok(update) => {
            recording(&update, form.len());
            let event = WebhookEvent::parse(WebhookTopic::Recording, form, TOKEN, NOW);
            assert_eq!(event, Ok(WebhookEvent::Recording(update)));
        }
        Err(refused) => refusal(&refused),
    }
    // A form or JSON.
    match parse_transcript(form) {
        Ok(update) => assert!(is_sid(update.transcript_sid.as_str(), "GT")),
        Err(refused) => refusal(&refused),
    }
}

fn status(update: &StatusUpdate, length: usize) {
    call_sid(&update.call_sid);
    for text in [&update.answered_by, &update.error_message] {
        bounded(text.as_deref(), length);
    }
    assert!(update.sequence.is_none_or(|number| number >= 0));
    assert!(update.duration_seconds.is_none_or(|seconds| seconds >= 0));
    assert_ne!(update.error_code, Some(0));
    assert_eq!(update.token.as_deref(), TOKEN);
}

fn recording(update: &RecordingUpdate, length: usize) {
    call_sid(&update.call_sid);
    recording_sid(&update.recording_sid);
    bounded(update.recording_url.as_deref(), length);
    bounded(Some(&update.recording_status), length);
    assert!(update.duration_seconds.is_none_or(|seconds| seconds >= 0));
    assert!(update.channels.is_none_or(|count| count > 0));
    assert_ne!(update.error_code, Some(0));
}

fn call_sid(sid: &CallSid) {
    assert!(is_sid(sid.as_str(), "CA"), "{sid}");
}

fn recording_sid(sid: &RecordingSid) {
    assert!(is_sid(sid.as_str(), "RE"), "{sid}");
}

fn is_sid(text: &str, kind: &str) -> bool {
    let digits = text.strip_prefix(kind).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Asserts that the text isn't empty, and at most three times as long as the form: an invalid byte becomes three.
fn bounded(text: Option<&str>, length: usize) {
    assert!(text.is_none_or(|text| !text.is_empty() && text.len() <= 3 * length));
}

fn refusal(refused: &InvalidForm) {
    let text = refused.to_string();
    assert!(text.len() < 200 && text.is_ascii(), "{text}");
}
