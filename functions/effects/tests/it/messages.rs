//! Tests messages that are odd, and calls that are.

use mongodb::bson::{Document, doc};
use outdial::domain::{CallId, CallStatus};
use serde_json::json;
use testkit::Stage;

use crate::support::{attempt, end, handle, read, retried, set};

#[tokio::test]
async fn unreadable_message_fails_and_the_others_are_handled() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    let bodies = [
        "{".to_owned(),
        json!({ "call_id": "x" }).to_string(),
        json!({ "call_id": first.call_id }).to_string(),
    ];
    assert_eq!(handle(&stage, &bodies).await, [0, 1]);
    assert!(attempt(&stage, &first, 2).await.is_some());
}

#[tokio::test]
async fn unreadable_call_fails_and_the_others_are_handled() {
    let stage = Stage::new().await;
    let odd = retried(&stage).await;
    let first = retried(&stage).await;
    for call in [&odd, &first] {
        end(&stage, call, CallStatus::Busy).await;
    }
    set(&stage, &odd, doc! { "script": 7 }).await;
    let bodies = [&odd, &first].map(|call| json!({ "call_id": call.call_id }).to_string());
    assert_eq!(handle(&stage, &bodies).await, [0]);
    assert!(attempt(&stage, &first, 2).await.is_some());
}

#[tokio::test]
async fn call_that_is_gone_or_has_no_effects_is_done() {
    let stage = Stage::new().await;
    let open = retried(&stage).await;
    let bodies = [CallId::generate(), open.call_id].map(|id| json!({ "call_id": id }).to_string());
    assert_eq!(handle(&stage, &bodies).await, [0_usize; 0]);
    let calls = stage.database().collection::<Document>("calls");
    assert_eq!(calls.count_documents(doc! {}).await.unwrap(), 1);
}

#[tokio::test]
async fn effect_of_a_later_version_stays() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    let ended = read(&stage, &first).await;
    let at = ended.effects[0].at;
    let later = doc! { "n": 7_i64, "type": "fax", "at": at, "status": "busy", "more": 1 };
    let known = doc! { "n": 1_i64, "type": "next_attempt", "at": at, "status": "exploded" };
    set(&stage, &first, doc! { "effects": [later, known] }).await;
    let message = json!({ "call_id": first.call_id }).to_string();
    for _ in 0..2 {
        assert_eq!(
            handle(&stage, std::slice::from_ref(&message)).await,
            [0_usize; 0]
        );
        assert!(attempt(&stage, &first, 2).await.is_some());
        let left = read(&stage, &first).await.effects;
        assert_eq!(left.iter().map(|it| it.n).collect::<Vec<_>>(), [7]);
    }
}

#[tokio::test]
async fn outage_fails_all_messages_quickly() {
    let (stage, proxy) = Stage::new().await.behind_proxy().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    proxy.cut();
    let started = std::time::Instant::now();
    let bodies = vec![json!({ "call_id": first.call_id }).to_string(); 10];
    assert_eq!(handle(&stage, &bodies).await, (0..10).collect::<Vec<_>>());
    assert!(started.elapsed().as_secs() < 15);
}
