//! Tests how dials of unknown outcome are settled.

use futures_util::{StreamExt, stream};
use mongodb::bson::doc;
use outdial::domain::{CallStatus, DialOutcome, EventSource};
use serde_json::{Value, json};

use testkit::FROM_NUMBER;

use crate::support::{
    ANSWERS, QUEUED, ago, answering, change, dial, has_ended, listener, lose, read, run, scene,
    slow_scene, tell, unknown, until, voice_url,
};

/// Faults that keep webhooks out of the list at Twilio.
fn silent() -> Value {
    json!({ "rest": [{ "on": "events", "action": "refuse", "status": 404, "code": 20404 }] })
}

#[tokio::test]
async fn dial_with_a_lost_response_is_found_by_numbers_and_time() {
    let (stage, twilio) = slow_scene().await;
    let call = unknown(&stage, QUEUED).await;
    let sid = dial(&twilio, QUEUED, "https://calls.example.com/", &[]).await;
    twilio.faults(&silent()).await;
    let report = run(&stage).await;
    assert_eq!(
        (report.dials.examined, report.dials.settled),
        (1, 1),
        "{report:?}"
    );
    let found = read(&stage, &call).await;
    assert_eq!(found.twilio_sid, Some(sid));
    assert_eq!(found.dial_outcome, Some(DialOutcome::Accepted));
    assert_eq!(twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn dial_of_a_killed_function_is_found() {
    let (stage, twilio) = slow_scene().await;
    let call = stage
        .call(|call| {
            lose(call);
            call.to_number = QUEUED.parse().unwrap();
            call.dial_outcome = Some(DialOutcome::Pending);
            call.answered_status = None;
        })
        .await;
    let sid = dial(
        &twilio,
        QUEUED,
        &voice_url("https://calls.example.com", &call),
        &[],
    )
    .await;
    run(&stage).await;
    let found = read(&stage, &call).await;
    assert_eq!(
        (found.twilio_sid, found.dial_outcome),
        (Some(sid), Some(DialOutcome::Accepted))
    );
}

#[tokio::test]
async fn dial_that_may_still_be_in_progress_is_left_alone() {
    let (stage, _twilio) = scene().await;
    let call = unknown(&stage, QUEUED).await;
    for (outcome, examined) in [("pending", 0), ("unknown", 1)] {
        let soon = doc! { "$set": { "dial_outcome": outcome, "dial_deadline": ago(-20) } };
        change(&stage, &call, soon).await;
        assert_eq!(run(&stage).await.dials.examined, examined, "{outcome}");
    }
}

#[tokio::test]
async fn undialled_call_is_withdrawn_and_frees_its_key_and_caps() {
    let (stage, _twilio) = scene().await;
    let undialled = |call: &mut outdial::domain::Call| {
        lose(call);
        call.dial_outcome = Some(DialOutcome::Pending);
        call.answered_status = None;
        call.idempotency_scope = Some(call.call_id.to_string());
        call.announces_dial = true;
    };
    let left_behind = stage.call(undialled).await;
    let begun = stage
        .call(|call| {
            undialled(call);
            call.dial_begun_at = Some(ago(49));
        })
        .await;
    let dao = outdial::dao::Dao::new(
        stage
            .settings()
            .reloadable(outdial::config::Settings::mongo)
            .unwrap(),
    )
    .unwrap();
    for call in [&left_behind, &begun] {
        let caps = outdial::dao::DailyCaps {
            per_user: 5,
            per_number: 5,
            in_all: 5,
        };
        dao.count_call(call, caps, None).await.unwrap();
    }
    let report = run(&stage).await;
    assert_eq!(
        (report.dials.examined, report.dials.given_up),
        (2, 1),
        "{report:?}"
    );
    assert_eq!(dao.get_call(left_behind.call_id).await.unwrap(), None);
    assert_eq!(read(&stage, &begun).await, begun);
    let counters = stage
        .database()
        .collection::<mongodb::bson::Document>("counters");
    let mut counts = counters
        .find(doc! { "count": { "$exists": true } })
        .await
        .unwrap();
    let mut left = Vec::new();
    while counts.advance().await.unwrap() {
        left.push(
            counts
                .deserialize_current()
                .unwrap()
                .get_i64("count")
                .unwrap(),
        );
    }
    left.sort_unstable();
    assert_eq!(left, [0, 1, 1, 1]);
}

#[tokio::test]
async fn dial_unknown_to_twilio_is_given_up_and_any_later_callback_overrides_that() {
    let (stage, _twilio) = scene().await;
    let call = unknown(&stage, QUEUED).await;
    let report = run(&stage).await;
    assert_eq!((report.dials.left, report.dials.given_up), (1, 0));
    assert_eq!(read(&stage, &call).await.status, CallStatus::Initiated);

    let stage = stage.set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    assert_eq!(run(&stage).await.dials.given_up, 1);
    let failed = read(&stage, &call).await;
    assert_eq!(failed.status, CallStatus::Failed);
    assert_eq!(failed.status_rank, CallStatus::GIVEN_UP_RANK);
    assert_eq!(failed.dial_outcome, Some(DialOutcome::Unknown));
    assert_eq!((failed.error_code, failed.error_message), (None, None));
    let sources: Vec<_> = failed.events.iter().map(|event| event.source).collect();
    assert_eq!(sources, [EventSource::Reconcile]);
    assert_eq!(run(&stage).await.dials.examined, 0);

    let sid = testkit::new_sid();
    for (status, sequence) in [(CallStatus::Ringing, 1), (CallStatus::Completed, 3)] {
        tell(&stage, &call, &sid, status, sequence).await;
        let told = read(&stage, &call).await;
        assert_eq!((told.status, told.status_rank), (status, status.rank()));
        assert_eq!(told.twilio_sid, Some(sid.clone()));
        assert_eq!(told.dial_outcome, Some(DialOutcome::Accepted));
    }
}

#[tokio::test]
async fn pending_dial_unknown_to_twilio_gets_an_unknown_outcome() {
    let (stage, _twilio) = scene().await;
    let stage = stage.set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    let call = stage
        .call(|call| {
            lose(call);
            call.dial_outcome = Some(DialOutcome::Pending);
        })
        .await;
    run(&stage).await;
    let failed = read(&stage, &call).await;
    assert_eq!(
        (failed.status, failed.dial_outcome),
        (CallStatus::Failed, Some(DialOutcome::Unknown))
    );
}

#[tokio::test]
async fn scheduled_call_is_given_up_by_the_time_of_its_dial() {
    let (stage, _twilio) = scene().await;
    let day = 86_400;
    for (begun, is_given_up) in [(90, false), (700, true)] {
        let call = stage
            .call(|call| {
                lose(call);
                call.created_at = ago(day);
                call.dial_begun_at = Some(ago(begun));
                call.dial_deadline = Some(ago(begun - 30));
            })
            .await;
        let report = run(&stage).await;
        let expected = if is_given_up { (1, 1) } else { (1, 0) };
        assert_eq!((report.dials.examined, report.dials.given_up), expected);
        change(&stage, &call, doc! { "$set": { "status": "canceled" } }).await;
    }
}

#[tokio::test]
async fn scheduled_call_is_found_by_the_time_of_its_dial() {
    let (stage, twilio) = slow_scene().await;
    let call = stage
        .call(|call| {
            lose(call);
            call.to_number = QUEUED.parse().unwrap();
            call.created_at = ago(86_400);
            call.dial_begun_at = Some(ago(0));
            call.dial_deadline = Some(ago(-30));
        })
        .await;
    let sid = dial(&twilio, QUEUED, "https://calls.example.com/", &[]).await;
    twilio.faults(&silent()).await;
    let report = run(&stage).await;
    assert_eq!(report.dials.settled, 1, "{report:?}");
    assert_eq!(read(&stage, &call).await.twilio_sid, Some(sid));
}

#[tokio::test]
async fn scheduled_calls_to_one_number_are_rivals_by_the_times_of_their_dials() {
    for (begun, settled) in [(0, 0), (7_200, 1)] {
        let (stage, twilio) = slow_scene().await;
        let call = unknown(&stage, QUEUED).await;
        stage
            .call(|rival| {
                lose(rival);
                rival.to_number = QUEUED.parse().unwrap();
                rival.created_at = ago(86_400);
                rival.dial_begun_at = Some(ago(begun));
                rival.dial_deadline = Some(ago(begun - 30));
            })
            .await;
        let sid = dial(&twilio, QUEUED, "https://calls.example.com/", &[]).await;
        twilio.faults(&silent()).await;
        let report = run(&stage).await;
        assert_eq!(report.dials.settled, settled, "{report:?}");
        let found = read(&stage, &call).await.twilio_sid;
        assert_eq!(found, (settled > 0).then_some(sid));
    }
}

#[tokio::test]
async fn dials_to_one_number_are_matched_by_their_webhook_urls() {
    let (stage, twilio) = scene().await;
    let origin = listener().await;
    let calls = [
        unknown(&stage, ANSWERS).await,
        unknown(&stage, ANSWERS).await,
    ];
    let mut sids = Vec::new();
    for call in &calls {
        let sid = dial(&twilio, ANSWERS, &voice_url(&origin, call), &[]).await;
        until(&twilio, &sid, has_ended).await;
        sids.push(sid);
    }
    let report = run(&stage).await;
    assert_eq!(report.dials.settled, 2, "{report:?}");
    for (call, sid) in calls.iter().zip(sids) {
        let found = read(&stage, call).await;
        assert_eq!(
            (found.twilio_sid, found.status),
            (Some(sid), CallStatus::Completed)
        );
    }
}

#[tokio::test]
async fn ambiguous_dials_are_left_until_they_can_be_matched() {
    let (stage, twilio) = scene().await;
    let origin = listener().await;
    let stage = stage.set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    let calls = [
        unknown(&stage, ANSWERS).await,
        unknown(&stage, ANSWERS).await,
    ];
    let sid = dial(&twilio, ANSWERS, &voice_url(&origin, &calls[1]), &[]).await;
    until(&twilio, &sid, has_ended).await;
    let silent =
        json!({ "rest": [{ "on": "events", "action": "refuse", "status": 404, "code": 20404 }] });
    twilio.faults(&silent).await;
    let report = run(&stage).await;
    assert_eq!(
        (
            report.dials.settled,
            report.dials.given_up,
            report.dials.left
        ),
        (0, 0, 2),
        "{report:?}"
    );

    twilio.faults(&json!({})).await;
    let report = run(&stage).await;
    assert_eq!(
        (report.dials.settled, report.dials.given_up),
        (1, 1),
        "{report:?}"
    );
    assert_eq!(read(&stage, &calls[1]).await.twilio_sid, Some(sid));
    let other = read(&stage, &calls[0]).await;
    assert_eq!((other.twilio_sid, other.status), (None, CallStatus::Failed));
}

#[tokio::test]
async fn call_of_another_service_does_not_match() {
    let (stage, twilio) = scene().await;
    let origin = listener().await;
    let stage = stage.set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    let call = unknown(&stage, ANSWERS).await;
    let sid = dial(&twilio, ANSWERS, &format!("{origin}/another"), &[]).await;
    until(&twilio, &sid, has_ended).await;
    run(&stage).await;
    let failed = read(&stage, &call).await;
    assert_eq!(
        (failed.twilio_sid, failed.status),
        (None, CallStatus::Failed)
    );
}

#[tokio::test]
async fn call_of_another_time_or_caller_does_not_match() {
    let (stage, twilio) = slow_scene().await;
    let stage = stage.set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    let long_ago = stage
        .call(|call| {
            lose(call);
            call.to_number = QUEUED.parse().unwrap();
            call.created_at = ago(500);
            call.dial_deadline = Some(ago(470));
        })
        .await;
    let of_another = stage
        .call(|call| {
            lose(call);
            call.to_number = QUEUED.parse().unwrap();
            call.from_number = "+12125550199".parse().unwrap();
        })
        .await;
    dial(&twilio, QUEUED, "https://calls.example.com/", &[]).await;
    twilio.faults(&silent()).await;
    run(&stage).await;
    for call in [long_ago, of_another] {
        let failed = read(&stage, &call).await;
        assert_eq!(
            (failed.twilio_sid, failed.status),
            (None, CallStatus::Failed)
        );
    }
}

#[tokio::test]
async fn call_sid_of_another_stored_call_does_not_match() {
    let (stage, twilio) = slow_scene().await;
    let sid = dial(&twilio, QUEUED, "https://calls.example.com/", &[]).await;
    let known = sid.clone();
    stage
        .call(|call| {
            call.to_number = QUEUED.parse().unwrap();
            call.twilio_sid = Some(known);
        })
        .await;
    let call = unknown(&stage, QUEUED).await;
    twilio.faults(&silent()).await;
    assert_eq!(run(&stage).await.dials.left, 1);
    assert_eq!(read(&stage, &call).await.twilio_sid, None);
}

#[tokio::test]
async fn found_call_gets_its_requested_hang_up() {
    let (stage, twilio) = slow_scene().await;
    let call = stage
        .call(|call| {
            lose(call);
            call.to_number = QUEUED.parse().unwrap();
            call.hangup_requested = true;
        })
        .await;
    let sid = dial(
        &twilio,
        QUEUED,
        &voice_url("https://calls.example.com", &call),
        &[],
    )
    .await;
    run(&stage).await;
    let ended = read(&stage, &call).await;
    assert_eq!(
        (ended.twilio_sid, ended.status),
        (Some(sid.clone()), CallStatus::Canceled)
    );
    until(&twilio, &sid, |call| call["status"] == "canceled").await;
}

/// Twilio lists many newer calls to the number before our call.
#[tokio::test]
async fn dial_is_found_behind_hundreds_of_newer_calls_to_the_number() {
    let (stage, twilio) = slow_scene().await;
    let call = unknown(&stage, QUEUED).await;
    let url = voice_url("https://calls.example.com", &call);
    let sid = dial(&twilio, QUEUED, &url, &[]).await;
    let place_newer = async || {
        let newer = dial(&twilio, QUEUED, "https://calls.example.com/", &[]).await;
        stage.call(|call| call.twilio_sid = Some(newer)).await;
    };
    stream::iter(0..510)
        .for_each_concurrent(8, |_| place_newer())
        .await;
    assert_eq!(run(&stage).await.dials.settled, 1);
    assert_eq!(read(&stage, &call).await.twilio_sid, Some(sid));
}

#[tokio::test]
async fn leg_of_a_transfer_is_no_candidate() {
    let (stage, twilio) = slow_scene().await;
    // Another call dials the number of this one, with our caller ID and our `call_id`.
    let call = unknown(&stage, QUEUED).await;
    let url = voice_url("https://calls.example.com", &call);
    let twiml = format!(
        "<Response><Dial callerId=\"{FROM_NUMBER}\"><Number url=\"{url}\">{QUEUED}</Number></Dial></Response>"
    );
    let origin = answering(twiml).await;
    let other = dial(&twilio, ANSWERS, &origin, &[]).await;
    until(&twilio, &other, |it| it["answered_at"].is_string()).await;
    let legs = async || twilio.calls().await.len() - 1;
    for _ in 0..500 {
        if legs().await > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(legs().await, 1);
    let report = run(&stage).await;
    assert_eq!(report.dials.settled, 0, "{report:?}");
    assert_eq!(read(&stage, &call).await.twilio_sid, None);
}
