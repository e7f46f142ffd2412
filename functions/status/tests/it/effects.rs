//! Tests how a callback that ends a call tells the function `effects`.

use std::time::{Duration, Instant};

use mongodb::bson::DateTime;
use outdial::domain::{Call, Retry, RetryReason};
use serde_json::json;
use testkit::{Queue, Stage};
use tokio::net::TcpListener;

use crate::support::{report, stored};

async fn retried(stage: &Stage) -> Call {
    stage
        .call(|call| {
            *call = call.clone().with_retry(Some(Retry {
                max_attempts: 2,
                on: vec![RetryReason::Busy],
                delays_seconds: vec![60],
                expires_at: DateTime::from_millis(4_000_000_000_000),
            }));
        })
        .await
}

#[tokio::test]
async fn end_of_a_call_with_retries_is_announced() {
    let queue = Queue::new().await;
    let stage = Stage::with_twilio()
        .await
        .set("EFFECTS_QUEUE_URL", queue.url());
    let call = retried(&stage).await;
    report(&stage, &call, "ringing", 1, &[]).await;
    assert_eq!(queue.receive_all().await, [json!(null); 0]);
    // The first may have died before it sent its message.
    for _ in 0..2 {
        report(&stage, &call, "busy", 2, &[]).await;
        assert_eq!(
            queue.receive_all().await,
            [json!({ "call_id": call.call_id })]
        );
    }
}

#[tokio::test]
async fn end_of_a_call_without_retries_is_not_announced() {
    let queue = Queue::new().await;
    let stage = Stage::with_twilio()
        .await
        .set("EFFECTS_QUEUE_URL", queue.url());
    let call = stage.call(|_| ()).await;
    report(&stage, &call, "busy", 2, &[]).await;
    assert_eq!(queue.receive_all().await, [json!(null); 0]);
}

#[tokio::test]
async fn queue_that_refuses_or_does_not_answer_neither_fails_nor_delays_the_callback() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}/1/none", silent.local_addr().unwrap());
    for url in [silent.as_str(), "http://127.0.0.1:9/1/none"] {
        let stage = Stage::with_twilio().await.set("EFFECTS_QUEUE_URL", url);
        let call = retried(&stage).await;
        report(&stage, &call, "ringing", 1, &[]).await;
        let begun = Instant::now();
        report(&stage, &call, "busy", 2, &[]).await;
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        let stored = stored(&stage, &call).await;
        assert_eq!(stored.get_str("status").unwrap(), "busy");
        assert_eq!(stored.get_array("effects").unwrap().len(), 1);
    }
}
