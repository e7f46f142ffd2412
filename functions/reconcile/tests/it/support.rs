//! The stage, the calls and the runs of these tests.

use std::time::Duration;

use axum::{Router, http::header, routing::any};
use mongodb::bson::{DateTime, Document, doc};
use outdial::domain::{Call, CallSid, CallStatus, DialOutcome};
use reconcile::{App, Report};
use serde_json::Value;
use testkit::{ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER, Request, Stage, Twilio};
use tokio::net::TcpListener;
use twilio_sim::clock::Speed;

/// The simulator keeps calls to this number queued for half a minute.
pub const QUEUED: &str = "+12125550109";
/// The simulator answers calls to this number after three seconds.
pub const ANSWERS: &str = "+12125550123";
/// The simulator answers calls to this number; their recordings are absent.
pub const ABSENT: &str = "+12125550110";

/// Returns a stage with a database and a Twilio that plays calls a hundred times as fast.
pub async fn scene() -> (Stage, Twilio) {
    with(Twilio::start_at(Speed::parse("100").unwrap()).await).await
}

/// Returns a stage with a database and a Twilio that plays calls in real time.
pub async fn slow_scene() -> (Stage, Twilio) {
    with(Twilio::start().await).await
}

async fn with(twilio: Twilio) -> (Stage, Twilio) {
    let stage = Stage::new().await.playing(&twilio);
    (stage, twilio)
}

pub fn app(stage: &Stage) -> App {
    App::from_settings(&stage.settings()).unwrap()
}

/// The time limit of a run, longer than any of these runs takes.
pub const TIME: Duration = Duration::from_secs(200);

pub async fn run(stage: &Stage) -> Report {
    reconcile::reconcile(&app(stage), TIME).await.unwrap()
}

/// Starts a server that answers each voice request with three seconds of silence, and returns its origin.
pub async fn listener() -> String {
    answering("<Response><Pause length=\"3\"/></Response>".to_owned()).await
}

/// Starts a server that answers each voice request with this TwiML, and returns its origin.
pub async fn answering(says: String) -> String {
    let twiml = ([(header::CONTENT_TYPE, "text/xml")], says);
    let router = Router::new().fallback(any(move || std::future::ready(twiml.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    origin
}

/// Dials at Twilio without a stored call, and returns the `CallSid`.
pub async fn dial(twilio: &Twilio, to: &str, url: &str, more: &[(&str, &str)]) -> CallSid {
    let form = [&[("To", to), ("From", FROM_NUMBER), ("Url", url)], more].concat();
    let answer = reqwest::Client::new()
        .post(format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json",
            twilio.url()
        ))
        .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN))
        .form(&form)
        .send()
        .await
        .unwrap();
    let call: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    call["sid"].as_str().unwrap().parse().unwrap()
}

/// Stores a call with an unknown dial outcome.
pub async fn unknown(stage: &Stage, to: &str) -> Call {
    stage
        .call(|call| {
            lose(call);
            call.to_number = to.parse().unwrap();
        })
        .await
}

pub fn lose(call: &mut Call) {
    call.twilio_sid = None;
    call.dial_outcome = Some(DialOutcome::Unknown);
    call.answered_status = Some(202);
    call.created_at = ago(90);
    call.updated_at = ago(90);
    call.dial_deadline = Some(ago(40));
}

/// Returns the time this many seconds ago.
pub fn ago(seconds: i64) -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() - seconds * 1_000)
}

/// Returns the voice URL of this call at a server.
pub fn voice_url(origin: &str, call: &Call) -> String {
    format!("{origin}/twilio/voice?call_id={}#rc=3", call.call_id)
}

pub async fn read(stage: &Stage, call: &Call) -> Call {
    let calls = stage.database().collection::<Call>("calls");
    calls
        .find_one(doc! { "_id": call.id })
        .await
        .unwrap()
        .unwrap()
}

pub async fn change(stage: &Stage, call: &Call, change: Document) {
    let calls = stage.database().collection::<Document>("calls");
    calls
        .update_one(doc! { "_id": call.id }, change)
        .await
        .unwrap();
}

/// Waits until Twilio reports this about the call.
pub async fn until(twilio: &Twilio, sid: &CallSid, is_so: impl Fn(&Value) -> bool) {
    for _ in 0..1_500 {
        let calls = twilio.calls().await;
        if calls
            .iter()
            .any(|call| call["sid"] == sid.as_str() && is_so(call))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("in vain: {:?}", twilio.calls().await);
}

pub fn has_ended(call: &Value) -> bool {
    call["status"] == "completed"
}

/// Sends a status callback to the function `status`.
pub async fn tell(stage: &Stage, call: &Call, sid: &CallSid, status: CallStatus, sequence: u32) {
    let sequence = sequence.to_string();
    let request = Request::webhook(
        &format!("/twilio/status?call_id={}", call.call_id),
        &[
            ("AccountSid", ACCOUNT_SID),
            ("CallSid", sid.as_str()),
            ("CallStatus", status.as_str()),
            ("SequenceNumber", &sequence),
        ],
    );
    let router = status::router(status::App::from_settings(&stage.settings()).unwrap());
    assert_eq!(request.send(&router).await.status, 200);
}
