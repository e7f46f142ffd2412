//! Tests which call a recording callback belongs to.

use outdial::domain::DialOutcome;
use testkit::{Stage, new_sid};

use crate::support::{FIRST, assert_accepted, callback, path, router, sid, url, url_of};

#[tokio::test]
async fn call_is_found_by_call_id_or_call_sid() {
    let stage = Stage::new().await;
    let paths = [
        "/twilio/recording",
        "/twilio/recording?call_id=nonsense",
        "/twilio/recording?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ];
    for (number, path) in paths.into_iter().enumerate() {
        let call = stage.call(|_| ()).await;
        let recording = format!("RE{number:032}");
        let answer = callback(path, sid(&call), &recording, "completed", &[])
            .send(&router(&stage))
            .await;
        assert_accepted(&answer);
        assert_eq!(url_of(&stage, &call).await, Some(url(&recording)), "{path}");
    }
}

#[tokio::test]
async fn first_callback_stores_the_call_sid() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.dial_outcome = Some(DialOutcome::Unknown);
        })
        .await;
    let sid = new_sid();
    let answer = callback(&path(&call), sid.as_str(), FIRST, "completed", &[])
        .send(&router(&stage))
        .await;
    assert_accepted(&answer);
    let stored = stage.stored(&call.call_id.to_string()).await;
    assert_eq!(stored.get_str("twilio_sid").ok(), Some(sid.as_str()));
    assert_eq!(stored.get_str("dial_outcome").ok(), Some("accepted"));
    assert_eq!(
        stored.get_str("recording_url").ok(),
        Some(url(FIRST).as_str())
    );
}

#[tokio::test]
async fn callback_with_another_call_sid_changes_nothing() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let before = stage.stored(&call.call_id.to_string()).await;
    let answer = callback(&path(&call), new_sid().as_str(), FIRST, "completed", &[])
        .send(&router(&stage))
        .await;
    assert_accepted(&answer);
    assert_eq!(stage.count("recordings").await, 0);
    assert_eq!(stage.stored(&call.call_id.to_string()).await, before);
}

#[tokio::test]
async fn callback_of_an_unknown_call_is_accepted_and_ignored() {
    let stage = Stage::new().await;
    for path in [
        "/twilio/recording",
        "/twilio/recording?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let answer = callback(path, new_sid().as_str(), FIRST, "completed", &[])
            .send(&router(&stage))
            .await;
        assert_accepted(&answer);
    }
    assert_eq!(stage.count("recordings").await, 0);
}
