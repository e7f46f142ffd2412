//! Which calls a look sends, and which it leaves.

use std::time::Duration;

use bson::{DateTime, doc};
use dispatch::Trigger;
use outdial::domain::{CallStatus, Priority};

use crate::support::{LONG, Scene, ago, ids};

#[tokio::test]
async fn due_calls_are_sent_and_later_ones_wait() {
    let scene = Scene::new().await;
    let due = scene.due(3, Priority::Normal).await;
    let later = scene.due(1, Priority::Normal).await;
    let in_an_hour = DateTime::now().saturating_add_duration(Duration::from_hours(1));
    scene.set(&later[0], doc! { "due_at": in_an_hour }).await;

    assert_eq!(scene.look().await.claimed, 3);
    assert_eq!(scene.sent().await, ids(&due));
    let leased = scene.read(&due[0]).await;
    assert_eq!(leased.status, CallStatus::Scheduled);
    assert!(leased.lease_id.is_some() && leased.lease_until > Some(DateTime::now()));
    assert_eq!(scene.read(&later[0]).await.lease_id, None);
}

#[tokio::test]
async fn leased_calls_are_not_sent_again_until_the_lease_ends() {
    let scene = Scene::new().await;
    let due = scene.due(2, Priority::Normal).await;
    assert_eq!(scene.look().await.claimed, 2);
    assert_eq!(scene.look().await.claimed, 0);
    scene.sent().await;
    scene
        .set(&due[0], doc! { "lease_until": ago(Duration::from_secs(1)) })
        .await;
    assert_eq!(scene.look().await.claimed, 1);
    assert_eq!(scene.sent().await, ids(&due[..1]));
}

#[tokio::test]
async fn at_most_a_second_of_the_pace_is_leased() {
    let scene = Scene::new().await;
    let due = scene.due(30, Priority::Normal).await;
    assert_eq!(scene.look().await.claimed, 10);
    assert_eq!(scene.look().await.claimed, 0);
    assert_eq!(scene.sent().await, ids(&due[..10]));
}

#[tokio::test]
async fn urgent_calls_go_first_and_bulk_calls_leave_room_for_them() {
    let scene = Scene::new().await;
    scene.due(30, Priority::Bulk).await;
    assert_eq!(scene.look().await.claimed, 10);
    scene.sent().await;
    let urgent = scene.due(15, Priority::Urgent).await;
    assert_eq!(scene.look().await.claimed, 10);
    assert_eq!(scene.sent().await, ids(&urgent[..10]));
}

#[tokio::test]
async fn nothing_is_claimed_while_dialling_is_off_but_calls_expire() {
    let scene = Scene::new().await;
    let due = scene.due(2, Priority::Normal).await;
    scene
        .set(&due[0], doc! { "expires_at": ago(Duration::from_secs(1)) })
        .await;
    scene.dao.switch_dialing(false, None, None).await.unwrap();
    let report = scene.look().await;
    assert_eq!((report.claimed, report.expired), (0, 1));
    assert_eq!(scene.read(&due[0]).await.status, CallStatus::Expired);
    assert_eq!(scene.read(&due[1]).await.status, CallStatus::Scheduled);
}

#[tokio::test]
async fn one_call_a_minute_probes_while_twilio_refuses_the_account() {
    let scene = Scene::new().await;
    scene.due(3, Priority::Normal).await;
    scene.dao.stop_dispatch(Some(20003)).await.unwrap();
    assert_eq!(scene.look().await.claimed, 0);
    let counters = scene
        .stage
        .database()
        .collection::<bson::Document>("counters");
    let due = doc! { "$set": { "stopped.probe_at": ago(Duration::from_secs(1)) } };
    counters
        .update_one(doc! { "_id": "dispatcher" }, due)
        .await
        .unwrap();
    assert_eq!(scene.look().await.claimed, 1);
    assert_eq!(scene.look().await.claimed, 0);
}

#[tokio::test]
async fn unreadable_call_does_not_stop_the_others() {
    let scene = Scene::new().await;
    let due = scene.due(25, Priority::Normal).await;
    for odd in &due[..21] {
        scene
            .set(odd, doc! { "call_id": format!("odd-{}", odd.id) })
            .await;
    }
    tokio::join!(scene.run(Trigger::Schedule, LONG), async {
        let mut sent = scene.sent().await;
        while sent.len() < 4 {
            sent.extend(scene.sent().await);
        }
        sent.sort();
        assert_eq!(sent, ids(&due[21..]));
        scene.dao.take_over_dispatch("another").await.unwrap();
    });
}

#[tokio::test]
async fn calls_that_the_queue_does_not_take_are_due_again() {
    let scene =
        Scene::with(|stage| stage.set("DIAL_QUEUE_URL", "http://127.0.0.1:9/123456789012/none"))
            .await;
    let due = scene.due(2, Priority::Normal).await;
    assert_eq!(scene.look().await.claimed, 0);
    assert_eq!(scene.read(&due[0]).await.lease_id, None);
}
