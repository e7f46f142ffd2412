//! Tests which webhooks go into the queue.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Json, Router, http::StatusCode};
use outdial::{
    domain::CallStatus,
    webhook::{QueuedWebhook, WebhookQueue, WebhookTopic},
};
use serde_json::json;
use testkit::{Queue, Stage};
use tokio::net::TcpListener;

use crate::support::{
    read, recording, recording_callback, recordings, replay, scene, status, status_callback,
};

/// The time within which `status` and `recording` must respond to Twilio.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(6_500);

#[tokio::test]
async fn webhooks_are_queued_during_an_outage_and_applied_later() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let (behind, line) = stage.clone().behind_proxy().await;
    let (statuses, records) = (status(&behind), recording(&behind));
    line.cut();
    let begun = Instant::now();
    let answer = status_callback(&call, "completed", 3).send(&statuses).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().ends_with("<Response></Response>"));
    assert!(begun.elapsed() < RESPONSE_TIMEOUT, "{:?}", begun.elapsed());
    let answer = recording_callback(&call, "completed").send(&records).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(read(&stage, &call).await, call);

    let event = queue.event().await;
    assert_eq!(event["Records"].as_array().unwrap().len(), 2, "{event}");
    assert!(replay(&stage, &event).await.is_empty());
    let told = read(&stage, &call).await;
    assert_eq!(
        (told.status, told.duration_seconds),
        (CallStatus::Completed, Some(12))
    );
    assert_eq!(told.events.len(), 1);
    assert_eq!(
        told.recording_url.as_deref(),
        Some("https://api.twilio.com/RE1")
    );
    assert_eq!(recordings(&stage).await.len(), 1);
}

#[tokio::test]
async fn queued_webhook_is_complete() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let (behind, line) = stage.clone().behind_proxy().await;
    let router = status(&behind);
    line.cut();
    let answer = status_callback(&call, "busy", 2).send(&router).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let messages = queue.messages().await;
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert_eq!(message["topic"], "status");
    assert_eq!(message["call_id"], call.call_id.to_string());
    assert_eq!(message["token"], "a-token");
    assert_eq!(message["request_id"], "request-of-a-test");
    assert!(message["received_at"].as_i64().unwrap() > 1_700_000_000_000);
    let form = message["form"].as_str().unwrap();
    for part in [
        "CallStatus=busy",
        "SequenceNumber=2",
        "CallerName=",
        "CallSid=CA",
    ] {
        assert!(form.contains(part), "{form}");
    }
}

#[tokio::test]
async fn silent_database_does_not_delay_the_response_beyond_twilios_timeout() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let (behind, line) = stage.clone().behind_proxy().await;
    let router = status(&behind);
    assert_eq!(
        status_callback(&call, "ringing", 1)
            .send(&router)
            .await
            .status,
        200
    );
    line.stall();
    let begun = Instant::now();
    let answer = status_callback(&call, "completed", 3).send(&router).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(begun.elapsed() < RESPONSE_TIMEOUT, "{:?}", begun.elapsed());
    assert_eq!(queue.messages().await.len(), 1);
}

/// Asserts a 503 while the database is unavailable and the queue has this URL.
async fn refused_with_queue_at(url: &str) {
    let stage = Stage::new()
        .await
        .set("TWILIO_API_BASE_URL", "http://127.0.0.1:1");
    let call = stage.call(|_| ()).await;
    let (behind, line) = stage.set("WEBHOOK_QUEUE_URL", url).behind_proxy().await;
    line.cut();
    for (router, webhook) in [
        (status(&behind), status_callback(&call, "completed", 3)),
        (recording(&behind), recording_callback(&call, "completed")),
    ] {
        let begun = Instant::now();
        webhook
            .send(&router)
            .await
            .assert_problem(503, "unavailable");
        assert!(begun.elapsed() < RESPONSE_TIMEOUT, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn webhook_without_a_queue_is_a_503() {
    refused_with_queue_at("").await;
}

#[tokio::test]
async fn webhook_with_an_unavailable_queue_is_a_503() {
    refused_with_queue_at("http://127.0.0.1:1/123456789012/webhooks").await;
}

#[tokio::test]
async fn webhook_with_a_silent_queue_is_a_503_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/123456789012/webhooks",
        listener.local_addr().unwrap()
    );
    refused_with_queue_at(&url).await;
}

#[tokio::test]
async fn failed_send_is_retried_once_without_delay() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let fails_every_other_time = Router::new().fallback(move || {
        let is_odd = count.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        let status = if is_odd {
            StatusCode::OK
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        async move { (status, Json(json!({ "MessageId": "m" }))) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/123456789012/webhooks",
        listener.local_addr().unwrap()
    );
    let _server = tokio::spawn(axum::serve(listener, fails_every_other_time).into_future());
    let settings = Stage::new().await.set("WEBHOOK_QUEUE_URL", &url).settings();
    let queue = WebhookQueue::from_settings(&settings).unwrap().unwrap();
    let webhook = QueuedWebhook {
        topic: WebhookTopic::Status,
        call_id: None,
        token: None,
        form: "CallSid=CA1".to_owned(),
        received_at: 1_800_000_000_000,
        request_id: "r".to_owned(),
        unverified: None,
    };
    for _ in 0..5 {
        let begun = Instant::now();
        queue.send(&webhook).await.unwrap();
        assert!(
            begun.elapsed() < Duration::from_millis(600),
            "{:?}",
            begun.elapsed()
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), 10);
}

#[tokio::test]
async fn webhook_with_a_missing_queue_is_a_503() {
    let missing = format!("{}-missing", Queue::new().await.url());
    refused_with_queue_at(&missing).await;
}

#[tokio::test]
async fn forged_and_malformed_webhooks_are_not_queued() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let (behind, line) = stage.clone().behind_proxy().await;
    let router = status(&behind);
    line.cut();
    let forged = status_callback(&call, "completed", 3).header("x-twilio-signature", "AAAA");
    assert_eq!(forged.send(&router).await.status, 403);
    let says_nothing = status_callback(&call, "exploded", 3);
    assert_eq!(says_nothing.send(&router).await.status, 400);
    assert!(queue.messages().await.is_empty());
}

#[tokio::test]
async fn applied_webhook_is_not_queued() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let answer = status_callback(&call, "completed", 3)
        .send(&status(&stage))
        .await;
    assert_eq!(answer.status, 200);
    assert!(queue.messages().await.is_empty());
}
