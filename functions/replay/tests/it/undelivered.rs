//! Tests messages from `voice` which say that a person heard an apology instead of the script.

use mongodb::bson::{Document, doc};
use outdial::{
    domain::{Call, CallStatus, Delivery, DialOutcome},
    webhook::QueuedWebhook,
};
use serde_json::{Value, json};
use testkit::{Stage, new_sid};

use crate::support::{read, replay, scene, sid};

/// Returns the message that `voice` sends after an apology.
fn message(call: &Call) -> String {
    json!(QueuedWebhook::undelivered(
        Some(call.call_id),
        call.twilio_sid.as_ref(),
        "r".to_owned()
    ))
    .to_string()
}

#[tokio::test]
async fn apology_is_stored_once_and_does_not_change_the_status() {
    let (stage, queue) = scene().await;
    for status in [CallStatus::InProgress, CallStatus::Completed] {
        let call = stage.call(|call| call.status = status).await;
        queue.put(&message(&call)).await;
        let event = queue.event().await;
        assert!(replay(&stage, &event).await.is_empty());
        let told = read(&stage, &call).await;
        assert!(told.updated_at > call.updated_at);
        let expected = Call {
            delivery: Some(Delivery::None),
            updated_at: told.updated_at,
            ..call.clone()
        };
        assert_eq!(told, expected);
        assert!(replay(&stage, &event).await.is_empty());
        assert_eq!(read(&stage, &call).await, told);
    }
}

#[tokio::test]
async fn topic_of_a_later_version_stays_in_the_queue() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let of = |topic: &str, form: &str| {
        let mut message: Value = serde_json::from_str(&message(&call)).unwrap();
        (message["topic"], message["form"]) = (json!(topic), json!(form));
        message.to_string()
    };
    let sid = call.twilio_sid.as_ref().unwrap();
    for later in [
        of("of_tomorrow", ""),
        of("step", &format!("CallSid={sid}&step=place_of_tomorrow")),
    ] {
        queue.put(&later).await;
        let event = queue.event().await;
        assert_eq!(replay(&stage, &event).await.len(), 1);
    }
    assert_eq!(read(&stage, &call).await, call);
}

#[tokio::test]
async fn known_delivery_is_not_replaced() {
    let (stage, queue) = scene().await;
    for known in [Delivery::Started, Delivery::Full] {
        let call = stage.call(|call| call.delivery = Some(known)).await;
        queue.put(&message(&call)).await;
        assert!(replay(&stage, &queue.event().await).await.is_empty());
        assert_eq!(read(&stage, &call).await, call);
    }
}

#[tokio::test]
async fn call_is_found_by_call_id_or_call_sid() {
    let (stage, queue) = scene().await;
    let [by_id, by_sid] = [stage.call(|_| ()).await, stage.call(|_| ()).await];
    for (id, sid) in [
        (Some(by_id.call_id), None),
        (None, by_sid.twilio_sid.as_ref()),
    ] {
        let message = json!(QueuedWebhook::undelivered(id, sid, "r".to_owned()));
        queue.put(&message.to_string()).await;
    }
    assert!(replay(&stage, &queue.event().await).await.is_empty());
    for call in [by_id, by_sid] {
        assert_eq!(read(&stage, &call).await.delivery, Some(Delivery::None));
    }
}

#[tokio::test]
async fn apology_with_another_call_sid_changes_nothing() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let other = Call {
        twilio_sid: Some(new_sid()),
        ..call.clone()
    };
    queue.put(&message(&other)).await;
    assert!(replay(&stage, &queue.event().await).await.is_empty());
    assert_eq!(read(&stage, &call).await, call);
}

#[tokio::test]
async fn apology_stores_the_call_sid() {
    let (stage, queue) = scene().await;
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.dial_outcome = Some(DialOutcome::Unknown);
        })
        .await;
    let named = Call {
        twilio_sid: Some(new_sid()),
        ..call.clone()
    };
    queue.put(&message(&named)).await;
    assert!(replay(&stage, &queue.event().await).await.is_empty());
    let told = read(&stage, &call).await;
    assert_eq!(sid(&told), sid(&named));
    assert_eq!(
        (told.delivery, told.dial_outcome, told.status),
        (
            Some(Delivery::None),
            Some(DialOutcome::Accepted),
            call.status
        )
    );
}

#[tokio::test]
async fn apology_of_an_unknown_call_is_not_a_failure() {
    let (stage, queue) = scene().await;
    let nobody = testkit::new_call();
    queue.put(&message(&nobody)).await;
    assert!(replay(&stage, &queue.event().await).await.is_empty());
    assert_eq!(stage.count("calls").await, 0);
}

#[tokio::test]
async fn apology_is_stored_on_a_call_of_the_earlier_service() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let calls = stage.database().collection::<Document>("calls");
    let unset = doc! { "$unset": { "status_rank": "", "dial_outcome": "", "events": "" } };
    calls
        .update_one(doc! { "_id": call.id }, unset)
        .await
        .unwrap();
    queue.put(&message(&call)).await;
    assert!(replay(&stage, &queue.event().await).await.is_empty());
    let told = read(&stage, &call).await;
    assert_eq!(told.delivery, Some(Delivery::None));
    assert_eq!(told.status, call.status);
}

/// During a deployment, an older version gets messages with topics that it does not know.
#[tokio::test]
async fn message_with_an_unknown_topic_stays_in_the_queue() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    let mut later: Value = serde_json::from_str(&message(&call)).unwrap();
    later["topic"] = "something_new".into();
    queue.put(&later.to_string()).await;
    let event = queue.event().await;
    assert_eq!(
        replay(&stage, &event).await,
        [event["Records"][0]["messageId"].as_str().unwrap()]
    );
    assert_eq!(read(&stage, &call).await, call);
}

#[tokio::test]
async fn apology_stays_in_the_queue_while_the_database_is_unavailable() {
    let (stage, queue) = scene().await;
    let call = stage.call(|_| ()).await;
    queue.put(&message(&call)).await;
    let event = queue.event().await;
    let (behind, line): (Stage, _) = stage.clone().behind_proxy().await;
    line.cut();
    assert_eq!(replay(&behind, &event).await.len(), 1);
    line.restore();
    assert!(replay(&behind, &event).await.is_empty());
    assert_eq!(read(&stage, &call).await.delivery, Some(Delivery::None));
}
