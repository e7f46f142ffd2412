//! Sends recording callbacks, and reads what is stored.

use axum::Router;
use mongodb::bson::{Document, doc};
use outdial::domain::Call;
use testkit::{ACCOUNT_SID, Answer, Request, Stage};

pub const FIRST: &str = "RE00000000000000000000000000000001";

pub const SECOND: &str = "RE00000000000000000000000000000002";

pub fn router(stage: &Stage) -> Router {
    let app =
        recording::App::from_settings(&stage.settings()).expect("the stage is well configured");
    recording::router(app)
}

pub fn url(recording: &str) -> String {
    format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{recording}")
}

pub fn callback(
    path: &str,
    sid: &str,
    recording: &str,
    status: &str,
    more: &[(&str, &str)],
) -> Request {
    let url = url(recording);
    let params = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", sid),
        ("RecordingSid", recording),
        ("RecordingUrl", &url),
        ("RecordingStatus", status),
        ("RecordingSource", "OutboundAPI"),
        ("RecordingTrack", "both"),
        ("RecordingChannels", "1"),
        ("RecordingStartTime", "Thu, 01 Jan 2026 00:00:00 +0000"),
    ];
    Request::webhook(path, &[&params, more].concat())
}

pub fn path(call: &Call) -> String {
    format!("/twilio/recording?call_id={}", call.call_id)
}

pub fn sid(call: &Call) -> &str {
    call.twilio_sid.as_ref().unwrap().as_str()
}

#[track_caller]
pub fn assert_accepted(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    assert!(
        answer.text().ends_with("<Response></Response>"),
        "{}",
        answer.text()
    );
}

pub async fn report(
    stage: &Stage,
    call: &Call,
    recording: &str,
    status: &str,
    more: &[(&str, &str)],
) {
    let request = callback(&path(call), sid(call), recording, status, more);
    assert_accepted(&request.send(&router(stage)).await);
}

pub async fn stored(stage: &Stage, recording: &str) -> Document {
    let recordings = stage.database().collection::<Document>("recordings");
    let found = recordings
        .find_one(doc! { "twilio_sid": recording })
        .await
        .unwrap();
    found.expect("the recording is stored")
}

pub async fn url_of(stage: &Stage, call: &Call) -> Option<String> {
    let stored = stage.stored(&call.call_id.to_string()).await;
    stored.get_str("recording_url").ok().map(str::to_owned)
}
