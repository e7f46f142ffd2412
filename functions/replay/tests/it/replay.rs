//! Tests how a batch of queued webhooks is applied.

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use outdial::domain::CallStatus;
use serde_json::{Value, json};
use testkit::{Queue, new_sid};

use crate::support::{read, replay, replay_within, scene, sid};

fn message(call_id: &str, sid: &str, status: &str, sequence: u32) -> String {
    json!({
        "topic": "status",
        "call_id": call_id,
        "form": format!("CallSid={sid}&CallStatus={status}&SequenceNumber={sequence}"),
        "received_at": 1_800_000_000_000_i64,
        "request_id": "r",
    })
    .to_string()
}

fn name_of(event: &Value, body_part: &str) -> String {
    let records = event["Records"].as_array().unwrap().iter();
    let mut found = records.filter(|record| record["body"].as_str().unwrap().contains(body_part));
    found.next().unwrap()["messageId"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn repeated_message_is_applied_once() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    queue
        .put(&message(
            &call.call_id.to_string(),
            sid(&call).as_str(),
            "completed",
            3,
        ))
        .await;
    let event = queue.event().await;
    assert!(replay(&stage, &event).await.is_empty());
    let once = read(&stage, &call).await;
    assert!(replay(&stage, &event).await.is_empty());
    assert_eq!(read(&stage, &call).await, once);
    assert_eq!(once.events.len(), 1);
}

#[tokio::test]
async fn late_message_does_not_lower_the_status() {
    let (stage, queue) = scene().await;
    let call = stage.call(|call| call.status = CallStatus::Completed).await;
    queue
        .put(&message(
            &call.call_id.to_string(),
            sid(&call).as_str(),
            "ringing",
            1,
        ))
        .await;
    assert!(replay(&stage, &queue.event().await).await.is_empty());
    assert_eq!(read(&stage, &call).await.status, CallStatus::Completed);
}

#[tokio::test]
async fn only_failed_messages_are_returned_and_hidden() {
    let (stage, queue) = scene().await;
    let good = stage.call(|_| ()).await;
    let broken = stage.call(|_| ()).await;
    let calls = stage
        .database()
        .collection::<mongodb::bson::Document>("calls");
    // MongoDB refuses the update if the timeline is not an array.
    let harm = doc! { "$set": { "events": "none" } };
    calls
        .update_one(doc! { "_id": broken.id }, harm)
        .await
        .unwrap();
    for call in [&broken, &good] {
        queue
            .put(&message(
                &call.call_id.to_string(),
                sid(call).as_str(),
                "completed",
                3,
            ))
            .await;
    }
    queue.put("somebody else's").await;
    let event = queue.event().await;
    let mut failed = replay(&stage, &event).await;
    failed.sort();
    let mut expected = [
        name_of(&event, &broken.call_id.to_string()),
        name_of(&event, "somebody else's"),
    ];
    expected.sort();
    assert_eq!(failed, expected);
    assert_eq!(read(&stage, &good).await.status, CallStatus::Completed);

    let still_visible = queue.event().await;
    let records = still_visible["Records"].as_array().unwrap();
    assert_eq!(
        records.len(),
        1,
        "only the message that was applied and not deleted: {still_visible}"
    );
    assert_eq!(
        records[0]["messageId"],
        name_of(&event, &good.call_id.to_string())
    );
}

#[tokio::test]
async fn unknown_call_is_not_a_failure() {
    let (stage, queue) = scene().await;
    let nobody = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    queue
        .put(&message(nobody, new_sid().as_str(), "completed", 3))
        .await;
    assert!(replay(&stage, &queue.event().await).await.is_empty());
}

#[tokio::test]
async fn batch_waits_once_for_an_unavailable_database() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    for sequence in 0..10 {
        queue
            .put(&message(
                &call.call_id.to_string(),
                sid(&call).as_str(),
                "ringing",
                sequence,
            ))
            .await;
    }
    let event = queue.event().await;
    let count = event["Records"].as_array().unwrap().len();
    assert!(count > 1);
    let (behind, line) = stage.clone().behind_proxy().await;
    line.cut();
    let begun = Instant::now();
    assert_eq!(replay(&behind, &event).await.len(), count);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    line.restore();
    assert!(replay(&behind, &event).await.is_empty());
}

#[tokio::test]
async fn messages_beyond_the_time_limit_are_returned_and_hidden_untried() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let sid = sid(&call).as_str();
    queue
        .put(&message(&call.call_id.to_string(), sid, "completed", 3))
        .await;
    let event = queue.event().await;
    let failed = replay_within(&stage, &event, Duration::ZERO).await;
    assert_eq!(failed, [name_of(&event, sid)]);
    assert_eq!(read(&stage, &call).await, call);
    assert!(queue.messages().await.is_empty(), "it is hidden");
    assert!(replay(&stage, &event).await.is_empty());
}

#[tokio::test]
async fn failed_message_is_returned_without_a_queue() {
    let (stage, queue) = scene().await;
    queue.put("somebody else's").await;
    let event = queue.event().await;
    let away = stage.set(
        "WEBHOOK_QUEUE_URL",
        "http://127.0.0.1:1/123456789012/webhooks",
    );
    assert_eq!(replay(&away, &event).await.len(), 1);
    let none = away.set("WEBHOOK_QUEUE_URL", "");
    assert_eq!(replay(&none, &event).await.len(), 1);
}

#[tokio::test]
async fn message_with_the_call_sid_triggers_the_requested_hang_up() {
    let queue = Queue::new().await;
    let twilio = testkit::Twilio::start().await;
    let stage = testkit::Stage::new()
        .await
        .playing(&twilio)
        .spilling_into(&queue);
    let sid = new_sid();
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.hangup_requested = true;
        })
        .await;
    queue
        .put(&message(
            &call.call_id.to_string(),
            sid.as_str(),
            "ringing",
            1,
        ))
        .await;
    assert!(replay(&stage, &queue.event().await).await.is_empty());
    let path = format!("/Calls/{sid}.json");
    assert!(!twilio.requests("POST", &path).await.is_empty());
    assert_eq!(read(&stage, &call).await.twilio_sid, Some(sid));
}
