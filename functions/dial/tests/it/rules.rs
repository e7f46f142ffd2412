//! The rules, as they stand when the phone is about to ring.

use bson::{DateTime, doc};
use outdial::domain::{Call, CallStatus, WaitingFor};

use crate::support::{QUEUED, Scene};

/// Dials a call whose number is blocked, and so on, after it was claimed.
async fn canceled_because(scene: &Scene, call: Call, change: impl AsyncFnOnce(&Scene)) -> String {
    let call = scene.store(call).await;
    let claim = scene.claim().await;
    change(scene).await;
    assert_eq!(scene.dial(&claim).await, 0);
    assert_eq!(scene.dials().await, 0);
    let canceled = scene.read(&call).await;
    assert_eq!(canceled.status, CallStatus::Canceled);
    canceled.status_reason.unwrap()
}

#[tokio::test]
async fn number_that_was_blocked_after_the_call_was_placed_is_not_dialled() {
    let scene = Scene::new().await;
    let reason = canceled_because(&scene, scene.waiting_call(), async |scene| {
        let blocked = doc! { "number": QUEUED, "created_at": DateTime::now() };
        let numbers = scene.stage.database().collection("blocked_numbers");
        numbers.insert_one(blocked).await.unwrap();
    });
    assert_eq!(reason.await, "number_blocked");
}

#[tokio::test]
async fn call_whose_transfer_leads_to_a_blocked_number_is_not_dialled() {
    let scene = Scene::new().await;
    let agent = "+12125550199";
    let steps = serde_json::json!([{ "id": "agent", "transfer": { "to": agent } }]);
    let call = Call {
        script: None,
        steps: Some(deserr::deserialize::<_, _, outdial::http::FieldErrors>(steps).unwrap()),
        ..scene.waiting_call()
    };
    let reason = canceled_because(&scene, call, async |scene| {
        let blocked = doc! { "number": agent, "created_at": DateTime::now() };
        let numbers = scene.stage.database().collection("blocked_numbers");
        numbers.insert_one(blocked).await.unwrap();
    });
    assert_eq!(reason.await, "number_blocked");
}

#[tokio::test]
async fn call_of_a_deleted_user_is_not_dialled() {
    let scene = Scene::new().await;
    let reason = canceled_because(&scene, scene.waiting_call(), async |scene| {
        let users = scene.stage.database().collection::<bson::Document>("users");
        users.delete_many(doc! {}).await.unwrap();
    });
    assert_eq!(reason.await, "user_not_found");
}

#[tokio::test]
async fn country_that_is_no_longer_allowed_is_not_dialled() {
    let scene = Scene::with(|stage| stage.set("ALLOWED_COUNTRIES", "CA")).await;
    let reason = canceled_because(&scene, scene.waiting_call(), async |_| ());
    assert_eq!(reason.await, "country_not_allowed");
}

#[tokio::test]
async fn kill_switch_makes_due_calls_wait() {
    let scene = Scene::new().await;
    let call = scene.due_call().await;
    let claim = scene.claim().await;
    scene
        .dao
        .switch_dialing(false, Some("test"), None)
        .await
        .unwrap();
    assert_eq!(scene.dial(&claim).await, 0);
    assert_eq!(scene.dials().await, 0);
    let waiting = scene.read(&call).await;
    assert_eq!(waiting.waiting_for, Some(WaitingFor::DialingOff));
    assert_eq!(waiting.lease_id, None);

    scene.dao.switch_dialing(true, None, None).await.unwrap();
    assert_eq!(scene.dial_due().await, 0);
    assert_eq!(scene.dials().await, 1);
}

#[tokio::test]
async fn closed_hours_move_the_call_to_the_next_opening() {
    // Honolulu's and Auckland's clocks differ by almost a day: any one span of two hours leaves now out in one of them.
    let now = chrono::Utc::now();
    let opens = now + chrono::TimeDelta::hours(3);
    let closes = opens + chrono::TimeDelta::hours(1);
    let hours = format!("{}-{}", opens.format("%H:%M"), closes.format("%H:%M"));
    let scene = Scene::with(|stage| {
        stage
            .set("CALLING_HOURS", &hours)
            .set("DEFAULT_TIME_ZONE", "UTC")
    })
    .await;
    // A toll-free number: the recipient's zone decides.
    let call = Call {
        to_number: "+18005550123".parse().unwrap(),
        time_zone: Some("UTC".parse().unwrap()),
        expires_at: Some(DateTime::from_millis(
            (now + chrono::TimeDelta::days(2)).timestamp_millis(),
        )),
        ..scene.waiting_call()
    };
    let call = scene.store(call).await;
    assert_eq!(scene.dial_due().await, 0);
    assert_eq!(scene.dials().await, 0);
    let waiting = scene.read(&call).await;
    assert_eq!(waiting.waiting_for, Some(WaitingFor::CallingHours));
    let due = waiting.due_at.unwrap().timestamp_millis();
    let opening = opens.timestamp_millis() / 60_000 * 60_000;
    assert_eq!(due, opening);
}

#[tokio::test]
async fn call_that_would_open_after_it_expires_is_due_when_it_expires() {
    let opens = chrono::Utc::now() + chrono::TimeDelta::hours(3);
    let closes = opens + chrono::TimeDelta::hours(1);
    let hours = format!("{}-{}", opens.format("%H:%M"), closes.format("%H:%M"));
    let scene = Scene::with(|stage| stage.set("CALLING_HOURS", &hours)).await;
    let call = Call {
        to_number: "+18005550123".parse().unwrap(),
        time_zone: Some("UTC".parse().unwrap()),
        ..scene.waiting_call()
    };
    let call = scene.store(call).await;
    assert_eq!(scene.dial_due().await, 0);
    let waiting = scene.read(&call).await;
    assert_eq!(waiting.due_at, call.expires_at);
}

#[tokio::test]
async fn used_up_cap_moves_the_call_to_the_next_day() {
    let scene = Scene::with(|stage| stage.set("MAX_CALLS_PER_NUMBER_PER_DAY", "1")).await;
    let far = DateTime::from_millis(DateTime::now().timestamp_millis() + 3 * 86_400_000);
    let mut calls = Vec::new();
    for _ in 0..2 {
        let call = Call {
            expires_at: Some(far),
            ..scene.waiting_call()
        };
        calls.push(scene.store(call).await);
    }
    assert_eq!(scene.dial_due().await, 0);
    assert_eq!(scene.dials().await, 1);
    let mut waiting = Vec::new();
    for call in &calls {
        waiting.push(scene.read(call).await);
    }
    waiting.retain(|call| call.status == CallStatus::Scheduled);
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].waiting_for, Some(WaitingFor::NumberDailyCap));
    assert_eq!(
        waiting[0].due_at.unwrap().timestamp_millis() % 86_400_000,
        0
    );
}
