//! Requests to the router of `voice`, and the TwiML of its responses.

use axum::Router;
use outdial::domain::Call;
use testkit::{ACCOUNT_SID, Answer, Request, Stage};

pub fn router(stage: &Stage) -> Router {
    let app = voice::App::from_settings(&stage.settings()).expect("the stage is well configured");
    voice::router(app)
}

/// Returns the parameters in the form that the signature needs.
pub fn pairs<'a>(params: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    let pairs = params.iter();
    pairs.map(|(name, value)| (*name, value.as_str())).collect()
}

/// Returns the parameters of a voice request, including empty ones.
pub fn params(sid: &str) -> Vec<(&'static str, String)> {
    [
        ("AccountSid", ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("CallStatus", "in-progress"),
        ("CallerName", ""),
        ("Direction", "outbound-api"),
        ("From", "+12125550100"),
        ("FromCity", "NEW YORK"),
        ("FromZip", ""),
        ("To", "+12125550123"),
        ("ToZip", ""),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

pub fn signed(path: &str, sid: &str) -> Request {
    let params = params(sid);
    let params: Vec<_> = params
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Request::webhook(path, &params)
}

pub async fn request_voice(stage: &Stage, path: &str, sid: &str) -> Answer {
    signed(path, sid).send(&router(stage)).await
}

/// Returns the TwiML for this call.
pub async fn twiml_of(stage: &Stage, call: &Call) -> String {
    let path = format!("/twilio/voice?call_id={}", call.call_id);
    twiml(&request_voice(stage, &path, call.twilio_sid.as_ref().unwrap().as_str()).await)
}

#[track_caller]
pub fn twiml(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    let text = answer.text();
    let body = text.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#);
    body.and_then(|body| body.strip_suffix("</Response>"))
        .unwrap_or_else(|| panic!("no TwiML: {text}"))
        .to_owned()
}

pub fn say(text: &str) -> String {
    format!(r#"<Say language="en-US" voice="woman">{text}</Say><Hangup></Hangup>"#)
}

pub const GOODBYE: &str = "We are sorry, there is no message for you. Goodbye.";
pub const APOLOGY: &str = "We are sorry, something went wrong on our side. Goodbye.";
