//! The dispatcher's lease, and how long a run goes on.

use std::time::Duration;

use bson::{DateTime, doc};
use dispatch::{Trigger, WIND_DOWN};
use outdial::domain::Priority;

use crate::support::{LONG, Scene, ids};

#[tokio::test]
async fn run_ends_at_once_if_nothing_is_due_soon() {
    let scene = Scene::new().await;
    let report = scene.run(Trigger::Schedule, LONG).await;
    assert_eq!((report.ticks, report.claimed), (1, 0));
    assert!(
        scene.dao.wake_dispatch("another").await.unwrap().is_some(),
        "the lease is free"
    );
}

#[tokio::test]
async fn run_waits_for_a_call_that_becomes_due_soon() {
    let scene = Scene::new().await;
    let calls = scene.due(1, Priority::Normal).await;
    let soon = DateTime::now().saturating_add_duration(Duration::from_secs(2));
    scene.set(&calls[0], doc! { "due_at": soon }).await;
    let (report, ()) = tokio::join!(scene.run(Trigger::Schedule, LONG), async {
        // The call would be due again when its lease ends. Ending it ends the run.
        while scene.sent().await.is_empty() {
            tokio::task::yield_now().await;
        }
        scene.dao.cancel_call(calls[0].call_id).await.unwrap();
    });
    assert!(report.ticks > 2, "{report:?}");
    assert_eq!(report.claimed, 1);
}

#[tokio::test]
async fn scheduled_run_replaces_the_run_in_progress() {
    let scene = Scene::new().await;
    let calls = scene.due(1, Priority::Normal).await;
    let (report, ()) = tokio::join!(scene.run(Trigger::Schedule, LONG), async {
        while scene.sent().await != ids(&calls) {
            tokio::task::yield_now().await;
        }
        scene.dao.take_over_dispatch("another").await.unwrap();
    });
    assert!(report.superseded);
}

#[tokio::test]
async fn wake_up_leaves_the_work_to_the_run_in_progress() {
    let scene = Scene::new().await;
    scene.dao.take_over_dispatch("another").await.unwrap();
    scene.due(1, Priority::Normal).await;
    assert_eq!(scene.run(Trigger::WakeUp, WIND_DOWN).await.ticks, 0);
    assert!(
        !scene.dao.release_dispatch("another").await.unwrap(),
        "it must look again"
    );
    assert!(
        scene
            .dao
            .renew_dispatch("another")
            .await
            .unwrap()
            .unwrap()
            .wake
    );
    assert!(scene.dao.release_dispatch("another").await.unwrap());
    assert_eq!(scene.run(Trigger::WakeUp, WIND_DOWN).await.claimed, 1);
}

#[tokio::test]
async fn run_without_a_dial_queue_only_expires_calls() {
    let scene = Scene::with(|stage| stage.set("DIAL_QUEUE_URL", "")).await;
    scene.due(1, Priority::Normal).await;
    let report = scene.run(Trigger::Schedule, LONG).await;
    assert_eq!((report.ticks, report.claimed), (1, 0));
}

#[tokio::test]
async fn schedule_goes_on_after_a_run_that_was_killed() {
    let scene = Scene::new().await;
    scene.dao.take_over_dispatch("killed").await.unwrap();
    let calls = scene.due(1, Priority::Normal).await;
    assert_eq!(scene.run(Trigger::WakeUp, WIND_DOWN).await.ticks, 0);
    let report = scene.run(Trigger::Schedule, WIND_DOWN).await;
    assert_eq!((report.ticks, report.claimed), (1, 1));
    assert_eq!(scene.sent().await, ids(&calls));
}

#[tokio::test]
async fn run_whose_time_is_up_leaves_the_lease_to_the_next_wake_up() {
    let scene = Scene::new().await;
    scene.dao.take_over_dispatch("one").await.unwrap();
    assert_eq!(scene.dao.wake_dispatch("two").await.unwrap(), None);
    assert!(!scene.dao.release_dispatch("one").await.unwrap());
    scene.dao.end_dispatch("one").await.unwrap();
    assert!(scene.dao.wake_dispatch("three").await.unwrap().is_some());
    scene.dao.end_dispatch("one").await.unwrap();
    let renewed = scene.dao.renew_dispatch("three").await.unwrap();
    assert!(renewed.is_some(), "another run's lease stays");
}

#[tokio::test]
async fn missing_permits_are_created() {
    let scene = Scene::new().await;
    let counters = scene
        .stage
        .database()
        .collection::<bson::Document>("counters");
    let permits = doc! { "_id": "permits" };
    counters.delete_one(permits.clone()).await.unwrap();
    scene.run(Trigger::WakeUp, WIND_DOWN).await;
    assert_eq!(counters.count_documents(permits).await.unwrap(), 1);
}
