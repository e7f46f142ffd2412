//! Running batches take turns; others end.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bson::{Document, doc};
use dispatch::Trigger;
use outdial::domain::{CallStatus, Priority};

use crate::support::{LONG, Scene, ago, tomorrow};

const MAY_TAKE: Duration = Duration::from_secs(90);

/// Dials what a run sends, and counts the calls by batch, until `is_enough`.
async fn dial_until(
    scene: &Scene,
    batch_of: &HashMap<String, usize>,
    is_enough: impl Fn(&HashMap<usize, usize>) -> bool,
) -> HashMap<usize, usize> {
    let mut dialled = HashMap::new();
    let begun = Instant::now();
    while !is_enough(&dialled) {
        assert!(begun.elapsed() < MAY_TAKE, "{dialled:?}");
        for id in scene.dial_sent().await {
            *dialled.entry(batch_of[&id]).or_insert(0) += 1;
        }
    }
    scene.dao.take_over_dispatch("another").await.unwrap();
    dialled
}

async fn store(scene: &Scene, paces: &[Option<f64>], due: usize) -> HashMap<String, usize> {
    let mut batch_of = HashMap::new();
    for (number, pace) in paces.iter().enumerate() {
        let (_, calls) = scene.batch(due, *pace).await;
        batch_of.extend(calls.iter().map(|call| (call.call_id.to_string(), number)));
    }
    batch_of
}

#[tokio::test]
async fn each_of_sixty_batches_gets_its_turn() {
    let scene = Scene::with(|stage| stage.set("DIALS_PER_SECOND", "20")).await;
    let batch_of = store(&scene, &[None; 60], 6).await;
    let (report, dialled) = tokio::join!(
        scene.run(Trigger::Schedule, LONG),
        dial_until(&scene, &batch_of, |dialled| dialled.len() == 60),
    );
    assert!(report.superseded);
    assert!(dialled.values().all(|calls| *calls <= 3), "{dialled:?}");
}

#[tokio::test]
async fn batch_with_a_pace_of_its_own_keeps_it() {
    let scene = Scene::new().await;
    let batch_of = store(&scene, &[Some(0.5), None], 40).await;
    let begun = Instant::now();
    let (_, dialled) = tokio::join!(
        scene.run(Trigger::Schedule, LONG),
        dial_until(&scene, &batch_of, |dialled| dialled.get(&1) == Some(&40)),
    );
    let most = 1.0 + begun.elapsed().as_secs_f64() * 0.5;
    let own = u32::try_from(dialled[&0]).unwrap();
    assert!(f64::from(own) <= most, "{own} of at most {most}");
}

#[tokio::test]
async fn pause_of_a_batch_during_a_run_holds_up_no_other() {
    let scene = Scene::new().await;
    let mut batch_of = HashMap::new();
    let mut ids = Vec::new();
    for number in 0..3 {
        let (id, calls) = scene.batch(30, None).await;
        batch_of.extend(calls.iter().map(|call| (call.call_id.to_string(), number)));
        ids.push(id);
    }
    let pause = async {
        while scene.dial_sent().await.is_empty() {}
        scene.pause_batch(ids[0]).await;
        let woken = scene.dao.wake_dispatch("another").await.unwrap();
        assert!(woken.is_none(), "the run goes on");
        let others =
            |dialled: &HashMap<usize, usize>| dialled.get(&1).min(dialled.get(&2)).copied();
        dial_until(&scene, &batch_of, |dialled| others(dialled) >= Some(15)).await
    };
    let (report, dialled) = tokio::join!(scene.run(Trigger::Schedule, LONG), pause);
    assert!(report.superseded);
    let paused = dialled.get(&0).copied().unwrap_or_default();
    assert!(paused <= 10, "{paused} of 30");
}

#[tokio::test]
async fn batches_are_completed_once_no_call_is_left() {
    let scene = Scene::new().await;
    let mut done = Vec::new();
    for _ in 0..25 {
        done.push(scene.batch(0, None).await.0);
    }
    let (open, calls) = scene.batch(1, None).await;
    let under_way = doc! { "status": "ringing" };
    scene.set(&calls[0], under_way).await;
    scene.run(Trigger::Schedule, LONG).await;
    for id in done {
        assert_eq!(scene.batch_status(id).await, "completed");
    }
    assert_eq!(scene.batch_status(open).await, "running");
}

#[tokio::test]
async fn batches_are_completed_and_canceled_while_dialling_is_off() {
    let scene = Scene::new().await;
    let (done, _) = scene.batch(0, None).await;
    let (canceled, calls) = scene.batch(3, None).await;
    let canceling = doc! { "$set": { "status": "canceling" } };
    let batches = scene.stage.database().collection::<Document>("batches");
    let this = doc! { "_id": canceled.to_string() };
    batches.update_one(this, canceling).await.unwrap();
    scene.dao.switch_dialing(false, None, None).await.unwrap();
    let report = scene.run(Trigger::Schedule, LONG).await;
    assert_eq!(report.claimed, 0);
    assert_eq!(scene.batch_status(done).await, "completed");
    assert_eq!(scene.batch_status(canceled).await, "canceled");
    assert_eq!(scene.read(&calls[0]).await.status, CallStatus::Canceled);
}

#[tokio::test]
async fn batch_that_starts_during_a_run_is_found_after_a_wake_up() {
    let scene = Scene::new().await;
    let waiting = scene.due(1, Priority::Normal).await;
    scene
        .set(&waiting[0], doc! { "lease_until": tomorrow() })
        .await;
    let run = scene.run(Trigger::Schedule, LONG);
    let (report, ()) = tokio::join!(run, async {
        let begun = Instant::now();
        // The run is in progress.
        while scene.dao.wake_dispatch("waker").await.unwrap().is_some() {
            scene.dao.end_dispatch("waker").await.unwrap();
            assert!(begun.elapsed() < MAY_TAKE);
        }
        scene.batch(1, None).await;
        assert!(scene.dao.wake_dispatch("waker").await.unwrap().is_none());
        while scene.sent().await.is_empty() {
            assert!(begun.elapsed() < MAY_TAKE);
        }
        scene.dao.take_over_dispatch("another").await.unwrap();
    });
    assert_eq!(report.claimed, 1);
}

#[tokio::test]
async fn call_that_cannot_be_ended_does_not_stop_the_others() {
    let scene = Scene::new().await;
    let due = scene.due(2, Priority::Normal).await;
    let odd = doc! { "expires_at": ago(Duration::from_secs(9)), "events": "odd" };
    scene.set(&due[0], odd).await;
    let report = scene.look().await;
    assert!(report.claimed >= 1, "{report:?}");
    assert!(scene.sent().await.contains(&due[1].call_id.to_string()));
}
