//! Twilio's refusals, and dials whose outcome is unknown.

use outdial::domain::{CallStatus, DialOutcome, WaitingFor};
use serde_json::json;

use crate::support::Scene;

async fn refused_with(code: i32, status: u16) -> (Scene, outdial::domain::Call) {
    let scene = Scene::new().await;
    let plan =
        json!({ "rest": [{ "on": "create", "action": "refuse", "code": code, "status": status }] });
    scene.twilio.faults(&plan).await;
    let call = scene.due_call().await;
    assert_eq!(scene.dial_due().await, 0);
    assert_eq!(scene.dials().await, 0);
    let call = scene.read(&call).await;
    (scene, call)
}

#[tokio::test]
async fn load_at_twilio_returns_the_call_to_the_queue() {
    for (code, status) in [(20429, 429), (10004, 400)] {
        let (_, call) = refused_with(code, status).await;
        assert_eq!(call.status, CallStatus::Scheduled, "{code}");
        assert_eq!(call.waiting_for, Some(WaitingFor::Twilio));
        assert_eq!(
            (call.dial_outcome, call.dial_begun_at, call.counted_as),
            (None, None, None)
        );
        assert!(call.events.is_empty());
    }
}

#[tokio::test]
async fn refused_account_stops_dials_and_burns_no_call() {
    for (code, status) in [
        (20003, 401),
        (20005, 403),
        (10001, 403),
        (20403, 403),
        (22005, 400),
        (21210, 400),
    ] {
        let (scene, call) = refused_with(code, status).await;
        assert_eq!(call.status, CallStatus::Scheduled, "{code}");
        let dispatcher = scene.dao.take_over_dispatch("test").await.unwrap();
        let stop = dispatcher.stop.unwrap();
        assert_eq!(stop.code, Some(code));
    }
}

#[tokio::test]
async fn accepted_probe_lets_dials_go_on() {
    let scene = Scene::new().await;
    scene.dao.stop_dispatch(Some(20003)).await.unwrap();
    scene.due_call().await;
    assert_eq!(scene.dial_due().await, 0);
    assert_eq!(scene.dials().await, 1);
    assert_eq!(
        scene.dao.take_over_dispatch("test").await.unwrap().stop,
        None
    );
}

#[tokio::test]
async fn refused_number_ends_the_call() {
    let (scene, call) = refused_with(21211, 400).await;
    assert_eq!(call.status, CallStatus::Failed);
    assert_eq!(call.dial_outcome, Some(DialOutcome::Refused));
    assert_eq!(
        (call.error_code, call.answered_status),
        (Some(21211), Some(202))
    );
    assert_eq!(
        scene.dao.take_over_dispatch("test").await.unwrap().stop,
        None
    );
}

#[tokio::test]
async fn lost_answer_leaves_the_outcome_unknown_and_is_never_dialled_again() {
    let scene = Scene::new().await;
    scene
        .twilio
        .faults(&json!({ "rest": [{ "on": "create", "when": "after", "action": "reset" }] }))
        .await;
    let call = scene.due_call().await;
    let claim = scene.claim().await;
    for _ in 0..2 {
        assert_eq!(scene.dial(&claim).await, 0);
    }
    let call = scene.read(&call).await;
    assert_eq!(call.dial_outcome, Some(DialOutcome::Unknown));
    assert_eq!(call.status, CallStatus::Initiated);
    assert_eq!(scene.dials().await, 1);
    assert!(scene.claim().await.calls.is_empty());
}
