//! Tests which call a status callback belongs to.

use outdial::domain::DialOutcome;
use testkit::{Stage, new_sid};

use crate::support::{assert_accepted, callback, path, router, sid, stored};

#[tokio::test]
async fn call_is_found_by_call_id_or_call_sid() {
    let stage = Stage::with_twilio().await;
    for path in [
        "/twilio/status",
        "/twilio/status?call_id=nonsense",
        "/twilio/status?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let call = stage.call(|_| ()).await;
        let answer = callback(path, sid(&call), "ringing", 1, &[])
            .send(&router(&stage))
            .await;
        assert_accepted(&answer);
        assert_eq!(
            stored(&stage, &call).await.get_str("status").ok(),
            Some("ringing"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn first_callback_stores_the_call_sid_and_settles_the_dial() {
    let stage = Stage::with_twilio().await;
    for outcome in [DialOutcome::Pending, DialOutcome::Unknown] {
        let call = stage
            .call(|call| {
                call.twilio_sid = None;
                call.dial_outcome = Some(outcome);
            })
            .await;
        let sid = new_sid();
        let answer = callback(&path(&call), sid.as_str(), "initiated", 0, &[])
            .send(&router(&stage))
            .await;
        assert_accepted(&answer);
        let stored = stored(&stage, &call).await;
        assert_eq!(stored.get_str("twilio_sid").ok(), Some(sid.as_str()));
        assert_eq!(stored.get_str("dial_outcome").ok(), Some("accepted"));
    }
}

#[tokio::test]
async fn callback_with_another_call_sid_changes_nothing() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let before = stored(&stage, &call).await;
    let answer = callback(&path(&call), new_sid().as_str(), "completed", 3, &[])
        .send(&router(&stage))
        .await;
    assert_accepted(&answer);
    assert_eq!(stored(&stage, &call).await, before);
}

#[tokio::test]
async fn callback_of_an_unknown_call_is_accepted_and_ignored() {
    let stage = Stage::with_twilio().await;
    for path in [
        "/twilio/status",
        "/twilio/status?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let answer = callback(path, new_sid().as_str(), "completed", 3, &[])
            .send(&router(&stage))
            .await;
        assert_accepted(&answer);
    }
    assert_eq!(stage.count("calls").await, 0);
}
