//! Dials, and what may not dial.

use std::time::Duration;

use bson::{DateTime, doc};
use dial::App;
use outdial::{
    dao::Claim,
    domain::{CallStatus, DialOutcome, WaitingFor},
};

use crate::support::{Scene, ago, event_of};

#[tokio::test]
async fn due_call_is_dialled_once() {
    let scene = Scene::new().await;
    let call = scene.due_call().await;
    let claim = scene.claim().await;
    assert_eq!(claim.calls, [call.call_id]);

    assert_eq!(scene.dial(&claim).await, 0);

    let dialled = scene.read(&call).await;
    assert_eq!(dialled.dial_outcome, Some(DialOutcome::Accepted));
    assert_eq!(dialled.status, CallStatus::Queued);
    assert!(dialled.twilio_sid.is_some() && dialled.dial_begun_at.is_some());
    assert_eq!((dialled.lease_id, dialled.waiting_for), (None, None));
    assert_eq!(dialled.answered_status, Some(202));
    assert!(dialled.counted_on.is_some());
    assert_eq!(scene.dials().await, 1);
}

#[tokio::test]
async fn message_that_comes_again_dials_nothing() {
    let scene = Scene::new().await;
    scene.due_call().await;
    let claim = scene.claim().await;
    for _ in 0..3 {
        assert_eq!(scene.dial(&claim).await, 0);
    }
    assert_eq!(scene.dials().await, 1);
}

#[tokio::test]
async fn concurrent_deliveries_of_a_message_dial_once() {
    let scene = Scene::new().await;
    scene.due_call().await;
    let mut claim = scene.claim().await;
    claim.calls = vec![claim.calls[0]; 8];
    assert_eq!(scene.dial(&claim).await, 0);
    assert_eq!(scene.dials().await, 1);
}

#[tokio::test]
async fn message_of_an_earlier_lease_dials_nothing() {
    let scene = Scene::new().await;
    let call = scene.due_call().await;
    let old = scene.claim().await;
    scene
        .set(&call, doc! { "lease_until": ago(Duration::from_secs(1)) })
        .await;
    let new = scene.claim().await;
    assert_ne!(old.lease_id, new.lease_id);

    assert_eq!(scene.dial(&old).await, 0);
    assert_eq!(scene.dials().await, 0);
    assert_eq!(scene.dial(&new).await, 0);
    assert_eq!(scene.dials().await, 1);
}

#[tokio::test]
async fn canceled_call_is_not_dialled() {
    let scene = Scene::new().await;
    let call = scene.due_call().await;
    let claim = scene.claim().await;
    let canceled = scene.dao.cancel_call(call.call_id).await.unwrap().unwrap();
    assert_eq!(canceled.status, CallStatus::Canceled);
    assert_eq!(canceled.status_reason.as_deref(), Some("requested"));

    assert_eq!(scene.dial(&claim).await, 0);
    assert_eq!(scene.dials().await, 0);
    assert_eq!(scene.read(&call).await.status, CallStatus::Canceled);
}

#[tokio::test]
async fn call_that_expires_under_its_lease_is_not_dialled() {
    let scene = Scene::new().await;
    let call = scene.due_call().await;
    let claim = scene.claim().await;
    scene
        .set(&call, doc! { "expires_at": ago(Duration::from_millis(1)) })
        .await;
    assert_eq!(scene.dial(&claim).await, 0);
    assert_eq!(scene.dials().await, 0);
    assert_eq!(scene.dao.expire_calls().await.unwrap(), 1);
    let expired = scene.read(&call).await;
    assert_eq!(expired.status, CallStatus::Expired);
    assert_eq!((expired.lease_id, expired.waiting_for), (None, None));
    assert_eq!(expired.events.len(), 1);
}

#[tokio::test]
async fn call_that_moved_to_a_later_time_is_not_dialled() {
    let scene = Scene::new().await;
    let call = scene.due_call().await;
    let claim = scene.claim().await;
    let later = DateTime::now().saturating_add_duration(Duration::from_mins(5));
    scene.set(&call, doc! { "due_at": later }).await;
    assert_eq!(scene.dial(&claim).await, 0);
    assert_eq!(scene.dials().await, 0);
    let waiting = scene.read(&call).await;
    assert_eq!(waiting.status, CallStatus::Scheduled);
    assert_eq!(waiting.lease_id, None, "others may be leased");
}

#[tokio::test]
async fn call_without_a_permit_goes_back_to_the_queue() {
    let scene = Scene::with(|stage| stage.set("DIALS_PER_SECOND", "0.1")).await;
    let first = scene.due_call().await;
    let second = scene.due_call().await;
    assert_eq!(scene.dial_due().await, 0);

    assert_eq!(scene.dials().await, 1);
    let waiting: Vec<_> = [scene.read(&first).await, scene.read(&second).await]
        .into_iter()
        .filter(|call| call.status == CallStatus::Scheduled)
        .collect();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].waiting_for, Some(WaitingFor::Permit));
    assert_eq!(
        (&waiting[0].lease_id, &waiting[0].counted_as),
        (&None, &None)
    );
}

#[tokio::test]
async fn unreadable_message_fails_and_the_others_are_dialled() {
    let scene = Scene::new().await;
    scene.due_call().await;
    let claim = scene.claim().await;
    let good = serde_json::json!({ "call_id": claim.calls[0], "lease_id": claim.lease_id });
    let bodies = [
        "{".to_owned(),
        "{\"call_id\":\"x\"}".to_owned(),
        good.to_string(),
    ];
    let app = App::from_settings(&scene.stage.settings()).unwrap();
    let failures = dial::dial(&app, event_of(&bodies))
        .await
        .batch_item_failures;
    let failed: Vec<_> = failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["0", "1"]);
    assert_eq!(scene.dials().await, 1);
}

#[tokio::test]
async fn call_that_cannot_be_read_is_set_aside() {
    let scene = Scene::new().await;
    let odd = scene.due_call().await;
    let claim = scene.claim().await;
    scene.set(&odd, doc! { "script": 7 }).await;
    assert_eq!(scene.dial(&claim).await, 0);
    assert_eq!(scene.dials().await, 0);
    let again: Claim = scene.claim().await;
    assert!(again.calls.is_empty(), "it is due in an hour");
}

#[tokio::test]
async fn call_without_an_end_is_set_aside() {
    let scene = Scene::new().await;
    let odd = scene.due_call().await;
    scene.set(&odd, doc! { "expires_at": null }).await;
    assert_eq!(scene.dial_due().await, 0);
    assert_eq!(scene.dials().await, 0);
    assert_eq!(scene.read(&odd).await.lease_id, None);
    assert!(scene.claim().await.calls.is_empty(), "it is due in an hour");
}

#[tokio::test]
async fn call_of_an_unreadable_user_is_set_aside() {
    let scene = Scene::new().await;
    let odd = scene.due_call().await;
    let users = scene.stage.database().collection::<bson::Document>("users");
    let change = doc! { "$set": { "name": 7 } };
    users.update_many(doc! {}, change).await.unwrap();
    assert_eq!(scene.dial_due().await, 0);
    assert_eq!(scene.dials().await, 0);
    assert_eq!(scene.read(&odd).await.lease_id, None);
    assert!(scene.claim().await.calls.is_empty(), "it is due in an hour");
}

#[tokio::test]
async fn hang_up_that_is_requested_before_the_dial_prevents_it() {
    let scene = Scene::new().await;
    let call = scene.due_call().await;
    let claim = scene.claim().await;
    scene.set(&call, doc! { "hangup_requested": true }).await;
    assert_eq!(scene.dial(&claim).await, 0);
    assert_eq!(scene.dials().await, 0);
}
