//! Tests that an end from the queue is announced.

use mongodb::bson::DateTime;
use outdial::domain::{Retry, RetryReason};
use serde_json::json;
use testkit::Queue;

use crate::support::{replay, scene, sid};

#[tokio::test]
async fn end_of_a_call_with_retries_is_announced() {
    let (stage, queue) = scene().await;
    let effects = Queue::new().await;
    let stage = stage.set("EFFECTS_QUEUE_URL", effects.url());
    let retry = Retry {
        max_attempts: 2,
        on: vec![RetryReason::Busy],
        delays_seconds: vec![60],
        expires_at: DateTime::from_millis(4_000_000_000_000),
    };
    let retried = stage
        .call(|call| *call = call.clone().with_retry(Some(retry)))
        .await;
    let plain = stage.call(|_| ()).await;
    for call in [&retried, &plain] {
        let form = format!("CallSid={}&CallStatus=busy&SequenceNumber=2", sid(call));
        let message = json!({
            "topic": "status", "call_id": call.call_id, "form": form,
            "received_at": 1_800_000_000_000_i64, "request_id": "r",
        });
        queue.put(&message.to_string()).await;
    }
    assert!(replay(&stage, &queue.event().await).await.is_empty());
    assert_eq!(
        effects.receive_all().await,
        [json!({ "call_id": retried.call_id })]
    );
}
