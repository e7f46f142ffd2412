//! Panics of the handler, which a request can't cause from outside.

use axum::{Router, extract::State, response::Response, routing::post};
use outdial::{
    config::Settings,
    http::with_common_layers,
    webhook::{SignedForm, StepRequest, parse_voice},
};
use testkit::{Queue, Request, Stage};

use crate::{apology::VoiceRequest, app::App, with_apology};

#[tokio::test]
async fn panic_gets_an_apology_and_the_next_request_succeeds() {
    let settings = Settings::from_pairs([
        ("ENVIRONMENT", "development"),
        ("MONGO_URI", "mongodb://127.0.0.1:1"),
        ("TWILIO_AUTH_TOKEN", "token"),
        ("APOLOGY", "Sorry."),
    ]);
    let app = App::from_settings(&settings.unwrap()).unwrap();
    let broken = post(async || -> Response { panic!("a defect") });
    let routes = Router::new().route("/twilio/voice", broken);
    let router = with_common_layers(with_apology(routes, app));
    for _ in 0..2 {
        assert_apology(&Request::new("POST", "/twilio/voice").send(&router).await);
    }
}

#[tokio::test]
async fn panic_of_a_known_call_queues_delivery_none() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let app = App::from_settings(&stage.set("APOLOGY", "Sorry.").settings()).unwrap();
    let broken = post(async |State(app): State<App>, form: SignedForm| {
        let request = VoiceRequest {
            call_id: form.call_id,
            call_sid: parse_voice(&form.body).ok(),
            request_id: form.request_id,
            speech: app.speech_in(&form.url),
            step: None,
            heard_nothing: false,
            hangs_up: false,
        };
        app.guarded(&request, async { panic!("a defect") }).await
    });
    let routes = Router::new().route("/twilio/voice", broken);
    let router = with_common_layers(with_apology(routes.with_state(app.clone()), app));
    let id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    let sid = testkit::new_sid();
    let path = format!("/twilio/voice?call_id={id}");
    let request = Request::webhook(&path, &[("CallSid", sid.as_str())]);
    let forged = request.clone().header("x-twilio-signature", "AAAA");
    assert_eq!(forged.send(&router).await.status, 403);
    assert_apology(&request.send(&router).await);
    let messages = queue.messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["topic"], "undelivered");
    assert_eq!(messages[0]["call_id"], id);
    assert_eq!(messages[0]["form"], format!("CallSid={sid}"));
}

#[tokio::test]
async fn panic_at_the_end_of_steps_hangs_up_and_queues_the_end() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let app = App::from_settings(&stage.settings()).unwrap();
    let broken = post(async |State(app): State<App>, form: SignedForm| {
        let request = VoiceRequest {
            call_id: form.call_id,
            call_sid: parse_voice(&form.body).ok(),
            request_id: form.request_id.clone(),
            speech: app.speech_in(&form.url),
            step: StepRequest::of(&form.url, &form.body),
            heard_nothing: false,
            hangs_up: true,
        };
        app.guarded(&request, async { panic!("a defect") }).await
    });
    let earlier = post(async || -> Response { panic!("a defect") });
    let routes = Router::new()
        .route("/twilio/voice", broken)
        .route("/twilio/earlier", earlier);
    let router = with_common_layers(with_apology(routes.with_state(app.clone()), app));
    let sid = testkit::new_sid();
    let query = "call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8&step=end&end=1";
    for path in ["voice", "earlier"] {
        let path = format!("/twilio/{path}?{query}");
        let request = Request::webhook(&path, &[("CallSid", sid.as_str())]);
        let answer = request.send(&router).await;
        let text = answer.text();
        assert!(text.contains("<Response><Hangup>"), "{text}");
    }
    let messages = queue.messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["topic"], "step");
    let form = format!("CallSid={sid}&step=end&end=1");
    assert_eq!(messages[0]["form"], form);
}

#[track_caller]
fn assert_apology(answer: &testkit::Answer) {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    let text = answer.text();
    assert!(text.contains(">Sorry.</Say><Hangup>"), "{text}");
}
