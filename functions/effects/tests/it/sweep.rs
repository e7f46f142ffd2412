//! Tests the sweep for calls whose effects no message has brought.

use std::time::Duration;

use effects::{Trigger, WIND_DOWN};
use mongodb::bson::doc;
use outdial::domain::CallStatus;
use testkit::Stage;

use crate::support::{age_effects, app, attempt, end, read, retried, set, sweep};

#[tokio::test]
async fn sweep_finds_every_call_whose_message_was_lost() {
    let stage = Stage::new().await;
    let mut calls = Vec::new();
    for _ in 0..7 {
        let call = retried(&stage).await;
        end(&stage, &call, CallStatus::Busy).await;
        calls.push(call);
    }
    // Their messages may be on their way.
    sweep(&stage).await;
    for call in &calls {
        assert_eq!(attempt(&stage, call, 2).await, None);
    }
    set(&stage, &calls[3], doc! { "script": 7 }).await;
    age_effects(&stage, 11).await;
    sweep(&stage).await;
    for (at, call) in calls.iter().enumerate() {
        let next = attempt(&stage, call, 2).await;
        assert_eq!(next.is_some(), at != 3, "{at}");
    }
    set(&stage, &calls[3], doc! { "script": "Hello." }).await;
    sweep(&stage).await;
    assert!(attempt(&stage, &calls[3], 2).await.is_some());
}

#[tokio::test]
async fn sweep_starts_nothing_when_its_time_is_up() {
    let stage = Stage::new().await;
    let call = retried(&stage).await;
    end(&stage, &call, CallStatus::Busy).await;
    age_effects(&stage, 11).await;
    for time in [Duration::ZERO, WIND_DOWN] {
        let swept = effects::effects(&app(&stage), Trigger::Sweep, time).await;
        assert_eq!(swept.unwrap().batch_item_failures.len(), 0);
        assert_eq!(read(&stage, &call).await.effects.len(), 1);
    }
}

#[tokio::test]
async fn sweep_fails_without_a_database() {
    let (stage, proxy) = Stage::new().await.behind_proxy().await;
    proxy.cut();
    let swept = effects::effects(&app(&stage), Trigger::Sweep, Duration::from_mins(1)).await;
    assert!(swept.unwrap_err().is_transient());
}
