//! Tests how soon an opt-out from an outage is in force.

use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    domain::{Call, Place},
    webhook::{QueuedWebhook, StepEnd},
};
use serde_json::{Value, json};
use testkit::{Queue, Stage, new_sid};

use crate::support::{replay, scene, sid};

/// The longest time from the return of the database until an opt-out is in force: its pause, and the poll of this test.
const GAP: Duration = Duration::from_secs(15);

/// Two opt-outs, one during a call and one by calling back, and an unrelated message.
async fn messages(stage: &Stage) -> [String; 3] {
    let during = stage.call(|_| ()).await;
    let after = stage
        .call(|call| call.to_number = "+12125550124".parse().unwrap())
        .await;
    let step = step(&during);
    let inbound = QueuedWebhook::caller_opted_out(&new_sid(), &after.to_number, "r".to_owned());
    let started = QueuedWebhook::step(
        during.call_id,
        sid(&during),
        &Place::End(true),
        None,
        StepEnd::NotCutOff,
        "r".to_owned(),
    );
    [step, inbound, started].map(|message| serde_json::to_string(&message).unwrap())
}

fn step(call: &Call) -> QueuedWebhook {
    QueuedWebhook::step(
        call.call_id,
        sid(call),
        &Place::Start,
        Some("9"),
        StepEnd::OptedOut,
        "r".to_owned(),
    )
}

fn id_of(event: &Value, body: &str) -> String {
    let records = event["Records"].as_array().unwrap();
    let record = records.iter().find(|record| record["body"] == body);
    record.unwrap()["messageId"].as_str().unwrap().to_owned()
}

async fn blocked(stage: &Stage) -> u64 {
    let numbers = stage.database().collection::<Document>("blocked_numbers");
    numbers.count_documents(doc! {}).await.unwrap()
}

#[tokio::test]
async fn opt_out_is_in_force_seconds_after_the_database_is_back() {
    // Lambda hides what it has received.
    let queue = Queue::hiding(120).await;
    let (stage, _) = scene().await;
    let stage = stage.spilling_into(&queue);
    let messages = messages(&stage).await;
    for message in &messages {
        queue.put(message).await;
    }
    let (behind, line) = stage.clone().behind_proxy().await;
    let event = queue.event().await;
    assert_eq!(event["Records"].as_array().unwrap().len(), 3, "{event}");
    line.cut();
    assert_eq!(replay(&behind, &event).await, [id_of(&event, &messages[2])]);
    line.restore();
    let begun = Instant::now();
    while blocked(&stage).await < 2 {
        assert!(begun.elapsed() < GAP, "{:?}", begun.elapsed());
        let event = queue.event().await;
        assert!(replay(&behind, &event).await.is_empty());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("opt-outs are in force after {:?}", begun.elapsed());
    // A late copy changes nothing.
    assert!(replay(&behind, &event).await.is_empty());
    assert_eq!(blocked(&stage).await, 2);
}

#[tokio::test]
async fn old_opt_out_stays_in_the_queue_like_any_message() {
    let (stage, queue) = scene().await;
    let mut message = serde_json::to_value(step(&stage.call(|_| ()).await)).unwrap();
    let (behind, line) = stage.clone().behind_proxy().await;
    line.cut();
    for (hours, stays) in [(35, false), (37, true)] {
        let ago = hours * 3_600_000;
        message["received_at"] = json!(DateTime::now().timestamp_millis() - ago);
        queue.put(&message.to_string()).await;
        let event = queue.event().await;
        let failed = replay(&behind, &event).await;
        assert_eq!(!failed.is_empty(), stays, "{hours}");
        queue.receive_all().await;
    }
}

#[tokio::test]
async fn opt_out_that_can_not_be_put_back_stays_in_the_queue() {
    let (stage, queue) = scene().await;
    let message = serde_json::to_string(&step(&stage.call(|_| ()).await)).unwrap();
    queue.put(&message).await;
    let event = queue.event().await;
    let (behind, line) = stage.behind_proxy().await;
    let away = behind.set(
        "WEBHOOK_QUEUE_URL",
        "http://127.0.0.1:1/123456789012/webhooks",
    );
    line.cut();
    assert_eq!(replay(&away, &event).await, [id_of(&event, &message)]);
}
