//! Tests voice requests while the database is unavailable.

use std::time::{Duration, Instant};

use axum::Router;
use mongodb::bson::{Document, doc};
use outdial::{domain::Call, twilio::sign};
use serde_json::Value;
use testkit::{ACCOUNT_SID, AUTH_TOKEN, Answer, BASE_URL, Proxy, Queue, Request, Stage, new_sid};
use tokio::net::TcpListener;

use crate::support::{
    APOLOGY, GOODBYE, pairs, params, request_voice, router, say, signed, twiml, twiml_of,
};

/// Twilio cancels a request after 6.5 s.
const TWILIO_TIMEOUT: Duration = Duration::from_millis(6_500);
const OVERRIDES: &str = "#rc=3&rp=all&ct=2000&rt=6500&tt=15000";

/// Returns a stage behind a proxy that can cut its connection to the database, and the queue.
async fn scene() -> (Stage, Proxy, Queue) {
    let queue = Queue::new().await;
    let (stage, line) = Stage::new()
        .await
        .spilling_into(&queue)
        .behind_proxy()
        .await;
    (stage, line, queue)
}

fn path(call: &Call) -> String {
    format!("/twilio/voice?call_id={}", call.call_id)
}

fn sid(call: &Call) -> &str {
    call.twilio_sid.as_ref().unwrap().as_str()
}

/// Sends the request, and asserts that the response comes in time.
async fn ask_in_time(router: &Router, request: &Request) -> Answer {
    let begun = Instant::now();
    let answer = request.send(router).await;
    assert!(begun.elapsed() < TWILIO_TIMEOUT, "{:?}", begun.elapsed());
    answer
}

/// Returns the URL of a redirect, without the fragment, which Twilio does not send.
#[track_caller]
fn redirected(answer: &Answer) -> String {
    let document = twiml(answer);
    let url = document
        .strip_prefix(r#"<Say language="en-US" voice="woman">One moment, please.</Say>"#)
        .and_then(|rest| rest.strip_prefix(r#"<Pause length="1"></Pause><Redirect method="POST">"#))
        .and_then(|rest| rest.strip_suffix("</Redirect>"))
        .unwrap_or_else(|| panic!("no redirect: {document}"))
        .replace("&amp;", "&");
    url.strip_suffix(OVERRIDES)
        .unwrap_or_else(|| panic!("no overrides: {url}"))
        .to_owned()
}

fn undelivered(call: &Call) -> Value {
    serde_json::json!({
        "topic": "undelivered",
        "call_id": call.call_id.to_string(),
        "form": format!("CallSid={}", sid(call)),
        "request_id": "request-of-a-test",
    })
}

/// Returns the only message in the queue, without its time.
async fn only_message(queue: &Queue) -> Value {
    let mut messages = queue.messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    let mut message = messages.remove(0);
    let fields = message.as_object_mut().unwrap();
    assert!(fields.remove("received_at").unwrap().as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(fields.remove("token"), Some(Value::Null));
    message
}

#[tokio::test]
async fn outage_redirects_three_times_then_apologizes_and_queues_delivery_none() {
    for fault in [Proxy::cut, Proxy::stall] {
        let (stage, line, queue) = scene().await;
        let call = stage.call(|_| ()).await;
        let router = router(&stage);
        fault(&line);
        let mut next = path(&call);
        for retry in 1..=3 {
            let request = signed(&next, sid(&call));
            let begun = Instant::now();
            let url = redirected(&request.send(&router).await);
            let elapsed = begun.elapsed();
            assert!(elapsed < Duration::from_millis(3_500), "{elapsed:?}");
            assert_eq!(url, format!("{BASE_URL}{}&retry={retry}", path(&call)));
            next = url.strip_prefix(BASE_URL).unwrap().to_owned();
        }
        assert!(queue.messages().await.is_empty());
        let answer = ask_in_time(&router, &signed(&next, sid(&call))).await;
        assert_eq!(twiml(&answer), say(APOLOGY));
        assert_eq!(only_message(&queue).await, undelivered(&call));
    }
}

#[tokio::test]
async fn script_read_after_a_redirect_is_spoken_and_nothing_is_queued() {
    let (stage, line, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    line.cut();
    let url = redirected(&signed(&path(&call), sid(&call)).send(&router).await);
    line.restore();
    for query in ["retry=1", "retry=3", "retry=9", "fallback=1"] {
        let again = format!("{}&{query}", path(&call));
        let answer = signed(&again, sid(&call)).send(&router).await;
        assert_eq!(twiml(&answer), say("Hello."), "{query}");
    }
    assert_eq!(url, format!("{BASE_URL}{}&retry=1", path(&call)));
    assert!(queue.messages().await.is_empty());
    let stored = stage.stored(&call.call_id.to_string()).await;
    assert!(!stored.contains_key("delivery"), "{stored}");
}

#[tokio::test]
async fn fallback_and_exhausted_retry_apologize_at_once() {
    for query in [
        "fallback=1",
        "fallback=1&retry=1",
        "retry=3",
        "retry=4",
        "retry=-1",
        "retry=x",
        "retry=1&retry=1",
    ] {
        let (stage, line, queue) = scene().await;
        let call = stage.call(|_| ()).await;
        let router = router(&stage);
        line.cut();
        let request = signed(&format!("{}&{query}", path(&call)), sid(&call));
        let answer = ask_in_time(&router, &request).await;
        assert_eq!(twiml(&answer), say(APOLOGY), "{query}");
        assert_eq!(only_message(&queue).await, undelivered(&call));
    }
}

#[tokio::test]
async fn redirect_leads_to_the_signed_url() {
    let own = "https://abc.lambda-url.us-east-1.on.aws/twilio/voice";
    for (base_url, voice_url, expected) in [
        (
            "https://calls.example.com/",
            "",
            "https://calls.example.com/twilio/voice",
        ),
        (BASE_URL, own, own),
        ("", "", "https://gateway.example.com/twilio/voice"),
    ] {
        let (stage, line, _queue) = scene().await;
        let call = stage.call(|_| ()).await;
        let stage = stage.set("BASE_URL", base_url).set("VOICE_URL", voice_url);
        let router = router(&stage);
        line.cut();
        let query = format!("call_id={}&x=a+b%20c", call.call_id);
        let params = params(sid(&call));
        let pairs = pairs(&params);
        let signature = sign(&format!("{expected}?{query}"), &pairs, AUTH_TOKEN);
        let request = signed(&format!("/twilio/voice?{query}"), sid(&call))
            .header("x-twilio-signature", &signature);
        let url = redirected(&request.send(&router).await);
        assert_eq!(url, format!("{expected}?{query}&retry=1"));
    }
}

/// Asserts that the apology comes in time with the queue at this URL.
async fn apologizes_with_queue_at(url: &str) {
    let (stage, line) = Stage::new()
        .await
        .set("WEBHOOK_QUEUE_URL", url)
        .behind_proxy()
        .await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    line.stall();
    let request = signed(&format!("{}&retry=3", path(&call)), sid(&call));
    assert_eq!(
        twiml(&ask_in_time(&router, &request).await),
        say(APOLOGY),
        "{url}"
    );
}

#[tokio::test]
async fn apology_is_spoken_without_a_queue() {
    apologizes_with_queue_at("").await;
}

#[tokio::test]
async fn apology_is_spoken_if_the_queue_is_unavailable_or_missing() {
    apologizes_with_queue_at("http://127.0.0.1:1/123456789012/webhooks").await;
    apologizes_with_queue_at(&format!("{}-missing", Queue::new().await.url())).await;
}

#[tokio::test]
async fn silent_queue_does_not_delay_the_apology() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    apologizes_with_queue_at(&format!("http://{address}/123456789012/webhooks")).await;
}

#[tokio::test]
async fn malformed_voice_request_gets_an_apology_and_queues_the_known_ids() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    for params in [
        vec![],
        vec![("CallSid", "CA1"), ("AccountSid", ACCOUNT_SID)],
        vec![("AccountSid", ACCOUNT_SID)],
    ] {
        for path in ["/twilio/voice", "/twilio/voice?call_id=nonsense"] {
            let answer = Request::webhook(path, &params).send(&router).await;
            assert_eq!(twiml(&answer), say(APOLOGY), "{params:?}");
            assert!(queue.messages().await.is_empty(), "no call is named");
        }
    }
    let answer = Request::webhook(&path(&call), &[("CallSid", "CA1")])
        .send(&router)
        .await;
    assert_eq!(twiml(&answer), say(APOLOGY));
    let message = only_message(&queue).await;
    assert_eq!(message["call_id"], call.call_id.to_string());
    assert_eq!(message["form"], "");
}

#[tokio::test]
async fn unreadable_call_gets_an_apology_without_a_redirect() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let call = stage.call(|_| ()).await;
    let calls = stage.database().collection::<Document>("calls");
    let broken = doc! { "$set": { "status": 7 } };
    calls
        .update_one(doc! { "_id": call.id }, broken)
        .await
        .unwrap();
    assert_eq!(twiml_of(&stage, &call).await, say(APOLOGY));
    assert_eq!(only_message(&queue).await, undelivered(&call));
}

#[tokio::test]
async fn goodbye_is_not_counted_as_an_apology() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let call = stage.call(|_| ()).await;
    for path in [path(&call), "/twilio/voice".to_owned()] {
        let answer = request_voice(&stage, &path, new_sid().as_str()).await;
        assert_eq!(twiml(&answer), say(GOODBYE));
    }
    assert!(queue.messages().await.is_empty());
}
