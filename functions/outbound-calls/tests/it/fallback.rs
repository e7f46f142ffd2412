//! Tests calls whose voice URL fails: what the person hears from `fallback`, and what the record says.

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use lambda_http::RequestExt;
use routers::Routers;
use serde_json::{Value, json};
use testkit::{Queue, Stage, Twilio};
use tokio::net::TcpListener;
use tower::ServiceExt;
use twilio_sim::clock::Speed;

use crate::{
    create::sent,
    life::Played,
    support::{Api, eventually, text},
};

const TO: &str = "+12125550123";
const NOTICES: &str = r#"{"es": {"apology": "Perdón."}}"#;
const UNREACHABLE: &str = "http://127.0.0.1:1/twilio/voice";

/// The functions with a fallback URL, this voice URL, and a queue.
async fn played(voice_url: &str, callees: &Value, queue: &Queue) -> Played {
    let speed = Speed::parse("40").unwrap();
    let twilio = Twilio::start_with(speed, callees).await;
    let change = |stage: Stage| {
        let origin = stage.variable("BASE_URL").unwrap_or_default();
        let fallback = format!("{origin}/twilio/fallback");
        let stage = stage.set("FALLBACK_URL", &fallback).spilling_into(queue);
        stage.set("VOICE_URL", voice_url).set("NOTICES", NOTICES)
    };
    Played::with_stage(twilio, change).await
}

/// Serves `voice` with these settings. Requests with this text in their query fail.
fn serve_voice(listener: TcpListener, stage: &Stage, failing: &'static str) {
    let functions = Routers::new(&stage.settings()).unwrap();
    let voice = functions.router("voice").clone();
    let router = Router::new().fallback(async move |request: Request| -> Response {
        if request.uri().query().unwrap_or_default().contains(failing) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let path = request.uri().path().to_owned();
        let answer = voice.oneshot(request.with_raw_http_path(path)).await;
        answer.unwrap_or_else(|never| match never {})
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// Places a call, and waits for its end. Returns its id, and what Twilio knows.
async fn play(api: &Api, changes: Value) -> (String, Value) {
    let mut body = json!({ "user_id": api.user, "to_number": TO, "language": "es-MX" });
    let fields = body.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = text(&answer.json()["call_id"]);
    eventually("the call is completed", async || {
        (api.call(&id).await["status"] == "completed").then_some(())
    })
    .await;
    let calls = api.twilio.calls().await;
    (id, calls.last().unwrap().clone())
}

/// Applies the messages in the queue. Returns the call after that.
async fn replayed(api: &Api, queue: &Queue, id: &str) -> Value {
    let app = replay::App::from_settings(&api.stage.settings()).unwrap();
    let event = serde_json::from_value(queue.event().await).unwrap();
    let response = replay::replay(&app, event, replay::BEGINNING).await;
    assert!(response.batch_item_failures.is_empty());
    api.call(id).await
}

#[tokio::test]
async fn person_hears_the_apology_in_their_language_if_voice_is_unreachable() {
    let queue = Queue::new().await;
    let played = played(UNREACHABLE, &json!({}), &queue).await;
    let api = &played.api;
    let (id, at_twilio) = play(api, json!({ "script": "Hola." })).await;
    assert_eq!(at_twilio["spoken"], json!(["Perdón."]));
    assert_eq!(at_twilio["ended_by"], "instructions");
    assert_eq!(api.call(&id).await["delivery"], Value::Null);
    assert_eq!(replayed(api, &queue, &id).await["delivery"], "none");
}

#[tokio::test]
async fn call_whose_end_fails_ends_without_a_word_and_is_delivered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/twilio/voice", listener.local_addr().unwrap());
    let queue = Queue::new().await;
    let played = played(&url, &json!({}), &queue).await;
    let api = &played.api;
    serve_voice(listener, &api.stage, "step=end");
    let (id, at_twilio) = play(api, json!({ "steps": [{ "say": "Hola." }] })).await;
    assert_eq!(at_twilio["spoken"], json!(["Hola."]));
    let call = replayed(api, &queue, &id).await;
    assert_eq!(
        (&call["delivery"], &call["result"]),
        (&json!("full"), &json!("completed"))
    );
}

#[tokio::test]
async fn answer_that_voice_did_not_take_ends_with_the_apology_as_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/twilio/voice", listener.local_addr().unwrap());
    let queue = Queue::new().await;
    let callees = json!({ TO: { "presses": ["1"] } });
    let played = played(&url, &callees, &queue).await;
    let api = &played.api;
    serve_voice(listener, &api.stage, "step=confirm");
    let ask = json!([{ "id": "confirm", "ask": "Pulse 1.", "options": { "1": {} }, "no_input": { "outcome": "silent" } }]);
    let (id, at_twilio) = play(api, json!({ "steps": ask })).await;
    let spoken = at_twilio["spoken"].as_array().unwrap();
    assert_eq!(spoken.last(), Some(&json!("Perdón.")));
    let call = replayed(api, &queue, &id).await;
    assert_eq!(
        (&call["delivery"], &call["result"]),
        (&json!("started"), &json!("error"))
    );
}

#[tokio::test]
async fn call_with_audio_keeps_the_voice_url_as_its_fallback() {
    let api = Api::with(|stage| {
        stage
            .set("FALLBACK_URL", "https://f.example.com/twilio/fallback")
            .set("AUDIO_HOSTS", "media.example.com")
    })
    .await;
    let audio =
        json!([{ "say": { "text": "Hello.", "audio_url": "https://media.example.com/a.mp3" } }]);
    let origin = testkit::BASE_URL;
    for (nth, (steps, url, end)) in [
        (
            json!([{ "say": "Hello." }]),
            "https://f.example.com/twilio/fallback",
            "&lang=en-US#",
        ),
        (
            audio,
            &*format!("{origin}/twilio/voice"),
            "&lang=en-US&fallback=1#",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "user_id": api.user, "to_number": TO, "steps": steps });
        let answer = api.post(&body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = text(&answer.json()["call_id"]);
        let fallback = &sent(&api.twilio.dials().await[nth], "FallbackUrl")[0];
        let expected = format!("{url}?call_id={id}{end}");
        assert!(fallback.starts_with(&expected), "{fallback}");
    }
}
