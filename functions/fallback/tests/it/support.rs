//! Requests for the fallback URL, and the TwiML of the answers.

use axum::Router;
use outdial::config::Settings;
use testkit::{ACCOUNT_SID, Answer, Request};

pub const APOLOGY: &str = "We are sorry, something went wrong on our side. Goodbye.";
pub const NOTICES: &str = r#"{"es": {"apology": "Perdón."}}"#;
pub const SID: &str = "CA0123456789abcdef0123456789abcdef";
pub const CALL: &str = "call_id=6ba7b810-9dad-41d1-80b4-00c04fd430c8";

/// The function with these variables, and no others.
pub fn router<const N: usize>(variables: [(&str, &str); N]) -> Router {
    let settings = Settings::from_pairs(variables).unwrap();
    fallback::router(fallback::App::from_settings(&settings))
}

pub fn path(query: &str) -> String {
    format!("/twilio/fallback?{CALL}&{query}")
}

/// The URL of a voice request.
pub fn voice_url(query: &str) -> String {
    format!("https://calls.example.com/twilio/voice?{CALL}&{query}")
}

/// A request after this URL failed.
pub fn request(query: &str, error_url: &str, more: &[(&str, &str)]) -> Request {
    let form = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", SID),
        ("CallStatus", "in-progress"),
        ("ErrorCode", "11200"),
        ("ErrorUrl", error_url),
        ("To", "+12125550123"),
    ];
    Request::webhook(&path(query), &[&form, more].concat())
}

/// The words of the document and their language. `None`: it only hangs up.
#[track_caller]
pub fn said(answer: &Answer) -> Option<(String, String)> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    let text = answer.text();
    let body = text.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#);
    let body = body.and_then(|it| it.strip_suffix("<Hangup></Hangup></Response>"));
    let body = body.unwrap_or_else(|| panic!("no TwiML: {text}"));
    let (language, words) = body.strip_prefix(r#"<Say language=""#)?.split_once('"')?;
    let (_, words) = words.split_once('>')?;
    Some((
        words.strip_suffix("</Say>")?.to_owned(),
        language.to_owned(),
    ))
}
