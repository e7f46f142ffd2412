//! Tests parsing of webhook forms: valid, malformed and random ones.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use mongodb::bson::DateTime;
use outdial::{
    domain::{CallStatus, EventSource, RecordingStatus},
    twilio::form_pairs,
    webhook::{parse_recording, parse_status, parse_voice},
};
use proptest::prelude::*;

const CALL: &str = "CA0123456789abcdef0123456789abcdef";
const RECORDING: &str = "REfedcba9876543210fedcba9876543210";

fn now() -> DateTime {
    DateTime::from_millis(1_700_000_000_000)
}

fn at(text: &str) -> DateTime {
    DateTime::parse_rfc3339_str(text).unwrap()
}

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
        .into_bytes()
}

#[test]
fn voice_request_has_a_call_sid() {
    let body = form(&[
        ("CallSid", CALL),
        ("AccountSid", "AC1"),
        ("FromCity", ""),
        ("NewField", "x"),
    ]);
    assert_eq!(parse_voice(&body).unwrap().as_str(), CALL);
}

#[test]
fn status_callback_is_parsed() {
    let body = form(&[
        ("CallSid", CALL),
        ("CallStatus", "completed"),
        ("Timestamp", "Mon, 16 Aug 2010 03:45:01 +0000"),
        ("SequenceNumber", "3"),
        ("CallDuration", "42"),
        ("Duration", "1"),
        ("AnsweredBy", "machine_start"),
        ("SipResponseCode", "200"),
        ("ErrorCode", "13224"),
        ("ErrorMessage", "Invalid number"),
    ]);
    let update = parse_status(&body, Some("token-1"), now()).unwrap();
    assert_eq!(update.call_sid.as_str(), CALL);
    assert_eq!(update.status, CallStatus::Completed);
    assert_eq!(update.at, at("2010-08-16T03:45:01Z"));
    assert_eq!(update.source, EventSource::Twilio);
    assert_eq!(update.sequence, Some(3));
    assert_eq!(update.token.as_deref(), Some("token-1"));
    assert_eq!(update.duration_seconds, Some(42));
    assert_eq!(update.answered_by.as_deref(), Some("machine_start"));
    assert_eq!(update.sip_response_code, Some(200));
    assert_eq!(update.error_code, Some(13224));
    assert_eq!(update.error_message.as_deref(), Some("Invalid number"));
}

#[test]
fn every_twilio_status_is_parsed() {
    let words = CallStatus::ALL.map(CallStatus::as_str);
    let statuses: Vec<_> = words
        .into_iter()
        .filter_map(CallStatus::of_twilio)
        .collect();
    assert_eq!(statuses.len(), 9);
    for status in statuses {
        let body = form(&[("CallSid", CALL), ("CallStatus", status.as_str())]);
        assert_eq!(parse_status(&body, None, now()).unwrap().status, status);
    }
}

#[test]
fn missing_and_malformed_fields_count_as_absent() {
    let bare = form(&[("CallSid", CALL), ("CallStatus", "ringing")]);
    let absurd = form(&[
        ("CallSid", CALL),
        ("CallStatus", "ringing"),
        ("Timestamp", "yesterday"),
        ("SequenceNumber", "-1"),
        ("CallDuration", "long"),
        ("AnsweredBy", ""),
        ("SipResponseCode", "99999999999999999999"),
        ("ErrorCode", "0"),
    ]);
    let update = parse_status(&absurd, Some(""), now()).unwrap();
    assert_eq!(update, parse_status(&bare, None, now()).unwrap());
    assert_eq!(update.at, now());
    assert_eq!((update.sequence, update.duration_seconds), (None, None));
}

#[test]
fn duration_in_minutes_is_ignored() {
    let body = form(&[
        ("CallSid", CALL),
        ("CallStatus", "completed"),
        ("Duration", "7"),
    ]);
    let update = parse_status(&body, None, now()).unwrap();
    assert_eq!(update.duration_seconds, None);
}

#[test]
fn error_names_the_field_and_never_the_value() {
    let secret = "+14155550123";
    for (field, body) in [
        ("CallStatus", form(&[("CallSid", CALL)])),
        (
            "CallStatus",
            form(&[("CallSid", CALL), ("CallStatus", secret)]),
        ),
        ("CallSid", form(&[("CallStatus", "busy")])),
        (
            "CallSid",
            form(&[("CallStatus", "busy"), ("CallSid", secret)]),
        ),
        (
            "CallSid",
            form(&[("CallStatus", "busy"), ("CallSid", RECORDING)]),
        ),
    ] {
        let error = parse_status(&body, None, now()).unwrap_err();
        assert_eq!(error.field, field);
        assert!(error.to_string().starts_with(field), "{error}");
        assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    }
    assert_eq!(parse_voice(b"").unwrap_err().field, "CallSid");
}

#[test]
fn recording_callback_is_parsed() {
    let body = form(&[
        ("CallSid", CALL),
        ("RecordingSid", RECORDING),
        ("RecordingUrl", "https://api.twilio.com/x/Recordings/RE1"),
        ("RecordingStatus", "completed"),
        ("RecordingDuration", "42"),
        ("RecordingChannels", "2"),
        ("RecordingStartTime", "Wed, 21 Oct 2020 14:18:01 +0000"),
        ("ErrorCode", "0"),
    ]);
    let update = parse_recording(&body).unwrap();
    assert_eq!(update.call_sid.as_str(), CALL);
    assert_eq!(update.recording_sid.as_str(), RECORDING);
    assert_eq!(
        update.recording_url.as_deref(),
        Some("https://api.twilio.com/x/Recordings/RE1")
    );
    assert_eq!(update.recording_status, "completed");
    assert_eq!(update.status, RecordingStatus::Completed);
    assert_eq!(
        (update.duration_seconds, update.channels),
        (Some(42), Some(2))
    );
    assert_eq!(update.error_code, None);
    assert_eq!(update.started_at, Some(at("2020-10-21T14:18:01Z")));
}

#[test]
fn absent_recording_has_an_error_code_and_no_duration() {
    let body = form(&[
        ("CallSid", CALL),
        ("RecordingSid", RECORDING),
        ("RecordingStatus", "absent"),
        ("RecordingDuration", "-1"),
        ("RecordingChannels", "0"),
        ("ErrorCode", "16101"),
    ]);
    let update = parse_recording(&body).unwrap();
    assert_eq!(update.status, RecordingStatus::Absent);
    assert_eq!((update.duration_seconds, update.channels), (None, None));
    assert_eq!(update.error_code, Some(16101));
    assert_eq!(update.started_at, None);
}

#[test]
fn recording_callback_requires_both_sids_and_a_status() {
    for missing in ["CallSid", "RecordingSid", "RecordingStatus"] {
        let mut fields = vec![
            ("CallSid", CALL),
            ("RecordingSid", RECORDING),
            ("RecordingStatus", "completed"),
        ];
        fields.retain(|&(name, _)| name != missing);
        let error = parse_recording(&form(&fields)).unwrap_err();
        assert_eq!(error.field, missing);
    }
}

#[test]
fn first_value_of_a_repeated_field_counts() {
    let body = form(&[
        ("CallSid", CALL),
        ("CallStatus", "busy"),
        ("CallStatus", "completed"),
    ]);
    let update = parse_status(&body, None, now()).unwrap();
    assert_eq!(update.status, CallStatus::Busy);
}

#[test]
fn form_pairs_keep_their_order() {
    let pairs: Vec<_> = form_pairs(b"b=1&a=%2B+x&b=&%FF=%zz").collect();
    let expected = [("b", "1"), ("a", "+ x"), ("b", ""), ("\u{FFFD}", "%zz")];
    assert_eq!(pairs, expected.map(|(n, v)| (n.into(), v.into())));
}

proptest! {
    #[test]
    fn any_body_is_parsed_without_a_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        fields in proptest::collection::vec(
            (prop_oneof![
                Just("CallSid"), Just("CallStatus"), Just("Timestamp"), Just("SequenceNumber"),
                Just("CallDuration"), Just("RecordingSid"), Just("RecordingStatus"),
                Just("RecordingStartTime"), Just("RecordingDuration"), Just("ErrorCode"),
            ], ".{0,40}"), 0..12),
    ) {
        let pairs: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for body in [body, form(&pairs)] {
            let _ = parse_voice(&body);
            let _ = parse_status(&body, None, now());
            let _ = parse_recording(&body);
        }
    }

    #[test]
    fn any_time_is_parsed_without_a_panic(
        day in 0..40_u32, year in any::<i32>(), hour in 0..30_u32, zone in "[+-][0-9]{4}|GMT|EST|Z",
    ) {
        let time = format!("{day} Aug {year} {hour}:45:60 {zone}");
        let body = form(&[("CallSid", CALL), ("CallStatus", "busy"), ("Timestamp", &time)]);
        prop_assert!(parse_status(&body, None, now()).is_ok());
    }
}
