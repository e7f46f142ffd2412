//! Tests which call a voice request belongs to, and what it changes in the call.

use outdial::domain::{CallStatus, DialOutcome};
use testkit::{Stage, new_sid};

use crate::support::{GOODBYE, request_voice, router, say, signed, twiml, twiml_of};

#[tokio::test]
async fn call_is_found_by_call_sid_if_the_url_has_no_call_id() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let sid = call.twilio_sid.unwrap();
    for path in [
        "/twilio/voice",
        "/twilio/voice?call_id=nonsense",
        "/twilio/voice?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        assert_eq!(
            twiml(&request_voice(&stage, path, sid.as_str()).await),
            say("Hello."),
            "{path}"
        );
    }
}

#[tokio::test]
async fn first_voice_request_stores_the_call_sid() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.dial_outcome = Some(DialOutcome::Unknown);
        })
        .await;
    let (id, sid) = (call.call_id.to_string(), new_sid());
    let answer = request_voice(&stage, &format!("/twilio/voice?call_id={id}"), sid.as_str()).await;
    assert_eq!(twiml(&answer), say("Hello."));
    let stored = stage.stored(&id).await;
    assert_eq!(stored.get_str("twilio_sid").ok(), Some(sid.as_str()));
    assert_eq!(stored.get_str("dial_outcome").ok(), Some("accepted"));
    assert_eq!(stored.get_str("status").ok(), Some("initiated"));
}

#[tokio::test]
async fn request_with_another_call_sid_gets_a_goodbye_and_changes_nothing() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let id = call.call_id.to_string();
    let before = stage.stored(&id).await;
    let answer = request_voice(
        &stage,
        &format!("/twilio/voice?call_id={id}"),
        new_sid().as_str(),
    )
    .await;
    assert_eq!(twiml(&answer), say(GOODBYE));
    assert_eq!(stage.stored(&id).await, before);
}

#[tokio::test]
async fn only_one_of_two_calls_with_one_call_id_speaks() {
    let stage = Stage::new().await;
    for _ in 0..5 {
        let call = stage.call(|call| call.twilio_sid = None).await;
        let path = format!("/twilio/voice?call_id={}", call.call_id);
        let (sids, routers) = ([new_sid(), new_sid()], [router(&stage), router(&stage)]);
        let requests = [
            signed(&path, sids[0].as_str()),
            signed(&path, sids[1].as_str()),
        ];
        let (one, other) =
            tokio::join!(requests[0].send(&routers[0]), requests[1].send(&routers[1]));
        let mut spoken = [twiml(&one), twiml(&other)];
        spoken.sort();
        assert_eq!(spoken, [say("Hello."), say(GOODBYE)]);
    }
}

#[tokio::test]
async fn call_sid_of_another_call_gets_a_goodbye() {
    let stage = Stage::new().await;
    let one = stage.call(|_| ()).await;
    let other = stage.call(|call| call.twilio_sid = None).await;
    let path = format!("/twilio/voice?call_id={}", other.call_id);
    let answer = request_voice(&stage, &path, one.twilio_sid.unwrap().as_str()).await;
    assert_eq!(twiml(&answer), say(GOODBYE));
}

#[tokio::test]
async fn unknown_call_gets_a_goodbye() {
    let stage = Stage::new().await;
    for path in [
        "/twilio/voice",
        "/twilio/voice?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let answer = request_voice(&stage, path, new_sid().as_str()).await;
        assert_eq!(twiml(&answer), say(GOODBYE), "{path}");
    }
    assert_eq!(stage.count("calls").await, 0);
}

#[tokio::test]
async fn call_with_a_requested_hang_up_hangs_up() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.hangup_requested = true;
        })
        .await;
    let path = format!("/twilio/voice?call_id={}", call.call_id);
    let answer = request_voice(&stage, &path, new_sid().as_str()).await;
    assert_eq!(twiml(&answer), "<Hangup></Hangup>");
}

#[tokio::test]
async fn voice_request_does_not_change_an_ended_call() {
    let stage = Stage::new().await;
    let call = stage.call(|call| call.status = CallStatus::Completed).await;
    twiml_of(&stage, &call).await;
    let stored = stage.stored(&call.call_id.to_string()).await;
    assert_eq!(stored.get_str("status").ok(), Some("completed"));
}
