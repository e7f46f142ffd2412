use std::time::Duration;

use axum::{Router, http::header, routing::any};
use mongodb::bson::{DateTime, Document, doc};
use outdial::domain::{Call, CallSid, CallStatus, DialOutcome};
use reconcile::{App, Report};
use serde_json::Value;
use testkit::{ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER, Request, Stage, Twilio};
use tokio::net::TcpListener;
use twilio_sim::clock::Speed;

/// Stays queued for half a minute.
pub const QUEUED: &str = "+12125550109";
/// Answers after three seconds, and listens.
pub const ANSWERS: &str = "+12125550123";
/// Answers; its recordings come out absent.
pub const ABSENT: &str = "+12125550110";

/// A database, and a Twilio that plays calls in an instant.
pub async fn scene() -> (Stage, Twilio) {
    with(Twilio::start_at(Speed::parse("100").unwrap()).await).await
}

/// A database, and a Twilio that keeps a call in its queue for as long as a test takes.
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

/// More than any of these runs takes.
pub const TIME: Duration = Duration::from_secs(200);

pub async fn run(stage: &Stage) -> Report {
    reconcile::reconcile(&app(stage), TIME).await.unwrap()
}

/// Somebody who answers every webhook, and says nothing for three seconds.
pub async fn listener() -> String {
    let says = "<Response><Pause length=\"3\"/></Response>";
    let twiml = ([(header::CONTENT_TYPE, "text/xml")], says);
    let router = Router::new().fallback(any(move || async move { twiml }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    origin
}

/// Asks Twilio to dial, as nobody here has, and returns its name of the call.
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

/// A call that was dialled a while ago, and whose answer was lost.
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

/// Seconds before now.
pub fn ago(seconds: i64) -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() - seconds * 1_000)
}

/// What the webhooks of that call name it by.
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

/// Waits until Twilio says that of the call.
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

/// A status callback, told to the function that takes them.
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
