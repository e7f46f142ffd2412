//! Tests what is queued for the record of a call.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::Queue;
use tokio::net::TcpListener;

use crate::support::{CALL, SID, request, router, said, voice_url};

fn variables(url: &str) -> [(&str, &str); 2] {
    [("ENVIRONMENT", "development"), ("WEBHOOK_QUEUE_URL", url)]
}

#[tokio::test]
async fn signed_request_is_queued_whole_and_unverified() {
    let queue = Queue::new().await;
    let router = router(variables(queue.url()));
    let signed = request("lang=es-MX", &voice_url("step=start"), &[]);
    let signature = signed.event()["headers"]["x-twilio-signature"].clone();
    assert!(said(&signed.send(&router).await).is_some());
    let mut messages = queue.receive_all().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    let message = messages.remove(0);
    assert_eq!(message["topic"], "fallback");
    assert_eq!(message["call_id"], CALL["call_id=".len()..]);
    let form = message["form"].as_str().unwrap();
    for field in [&format!("CallSid={SID}"), "ErrorCode=11200", "step%3Dstart"] {
        assert!(form.contains(field), "{form}");
    }
    let query = format!("{CALL}&lang=es-MX");
    assert_eq!(
        message["unverified"],
        json!({ "query": query, "signature": signature, "settings": null })
    );
}

#[tokio::test]
async fn request_without_a_signature_or_a_call_is_not_queued() {
    let queue = Queue::new().await;
    let router = router(variables(queue.url()));
    let whole = request("", &voice_url(""), &[]);
    for request in [
        whole.clone().without("x-twilio-signature"),
        whole.clone().moved("/twilio/fallback?call_id=nonsense"),
        whole.clone().moved("/twilio/fallback"),
        whole.clone().body("CallSid=CA1"),
        whole.clone().body(""),
    ] {
        assert!(said(&request.send(&router).await).is_some());
    }
    let messages = queue.messages().await;
    assert!(messages.is_empty(), "{messages:?}");
}

#[tokio::test]
async fn queue_that_fails_or_is_silent_delays_the_apology_by_a_second_and_a_half_at_most() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}/1/webhooks", listener.local_addr().unwrap());
    for url in ["http://127.0.0.1:1/1/webhooks", &silent] {
        let router = router(variables(url));
        let begun = Instant::now();
        let answer = request("", &voice_url(""), &[]).send(&router).await;
        assert!(said(&answer).is_some(), "{url}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{url}");
    }
}
