//! Tests calls that change while their next attempt is created, or after that.

use mongodb::bson::doc;
use outdial::domain::{Call, CallStatus, EventSource, MachineDetection, StatusUpdate};
use testkit::Stage;

use crate::support::{
    age_effects, attempt, callback, end, from_now, handle_end, read, retried, retried_with, set,
    sweep, tell,
};

#[tokio::test]
async fn attempt_that_waits_is_canceled_once_the_person_turns_out_to_have_answered() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    handle_end(&stage, &first).await;
    assert!(tell(&stage, &first, &callback(&first, CallStatus::Completed, 4)).await);
    for _ in 0..2 {
        handle_end(&stage, &first).await;
    }
    let next = attempt(&stage, &first, 2).await.unwrap();
    assert_eq!(next.status, CallStatus::Canceled);
    assert_eq!(next.status_reason.as_deref(), Some("answered"));
    assert_eq!(next.events.len(), 1);
    assert_eq!(next.effects, []);
    assert_eq!(read(&stage, &first).await.effects, []);
}

#[tokio::test]
async fn answer_that_comes_before_the_message_leaves_no_attempt() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    assert!(tell(&stage, &first, &callback(&first, CallStatus::Completed, 4)).await);
    handle_end(&stage, &first).await;
    assert_eq!(attempt(&stage, &first, 2).await, None);
    assert_eq!(read(&stage, &first).await.effects, []);
}

/// A run that died stored the next attempt of a call that turned out to be answered.
#[tokio::test]
async fn attempt_of_a_run_that_died_is_withdrawn_after_an_answer() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    handle_end(&stage, &first).await;
    let next = attempt(&stage, &first, 2).await.unwrap();
    let calls = stage.database().collection::<Call>("calls");
    let unlinked = doc! { "$unset": { "next_call_id": "" } };
    calls
        .update_one(doc! { "_id": first.id }, unlinked)
        .await
        .unwrap();
    let held = doc! { "$unset": { "lane": "" } };
    calls
        .update_one(doc! { "_id": next.id }, held)
        .await
        .unwrap();
    tell(&stage, &first, &callback(&first, CallStatus::Completed, 4)).await;
    handle_end(&stage, &first).await;
    assert_eq!(attempt(&stage, &first, 2).await, None);
}

#[tokio::test]
async fn late_answer_cancels_an_attempt_further_on() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    handle_end(&stage, &first).await;
    let second = attempt(&stage, &first, 2).await.unwrap();
    let sid = testkit::new_sid();
    set(
        &stage,
        &second,
        doc! { "status": "initiated", "status_rank": 0, "twilio_sid": sid.as_str() },
    )
    .await;
    let second = read(&stage, &second).await;
    end(&stage, &second, CallStatus::Busy).await;
    handle_end(&stage, &second).await;
    tell(&stage, &first, &callback(&first, CallStatus::Completed, 4)).await;
    handle_end(&stage, &first).await;
    let third = attempt(&stage, &first, 3).await.unwrap();
    assert_eq!(third.status_reason.as_deref(), Some("answered"));
    assert_eq!(read(&stage, &second).await.status, CallStatus::Busy);
}

/// Twilio reports the answer after the end, and nothing but the answer.
#[tokio::test]
async fn answer_that_comes_after_the_end_cancels_the_attempt_that_waits() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::NoAnswer).await;
    handle_end(&stage, &first).await;
    assert!(tell(&stage, &first, &callback(&first, CallStatus::InProgress, 2)).await);
    handle_end(&stage, &first).await;
    let next = attempt(&stage, &first, 2).await.unwrap();
    assert_eq!(next.status, CallStatus::Canceled);
    assert_eq!(next.status_reason.as_deref(), Some("answered"));
    let first = read(&stage, &first).await;
    assert_eq!(first.status, CallStatus::NoAnswer);
    assert_eq!(first.effects, []);
}

/// Gives an attempt that waits a `CallSid`, as its dial does.
async fn dial(stage: &Stage, call: &Call) -> Call {
    let sid = testkit::new_sid();
    let begun = doc! { "status": "initiated", "status_rank": 0, "dial_outcome": "accepted", "twilio_sid": sid.as_str() };
    set(stage, call, begun).await;
    read(stage, call).await
}

#[tokio::test]
async fn attempt_that_is_dialled_when_an_earlier_one_turns_out_to_be_answered_is_the_last() {
    let stage = Stage::new().await;
    for has_ended in [false, true] {
        let first = retried(&stage).await;
        end(&stage, &first, CallStatus::Busy).await;
        handle_end(&stage, &first).await;
        let second = attempt(&stage, &first, 2).await.unwrap();
        let second = dial(&stage, &second).await;
        if has_ended {
            end(&stage, &second, CallStatus::Busy).await;
        }
        tell(&stage, &first, &callback(&first, CallStatus::InProgress, 2)).await;
        handle_end(&stage, &first).await;
        if !has_ended {
            assert_eq!(read(&stage, &second).await.status, CallStatus::Initiated);
            end(&stage, &second, CallStatus::Busy).await;
        }
        handle_end(&stage, &second).await;
        assert_eq!(attempt(&stage, &first, 3).await, None);
        let second = read(&stage, &second).await;
        assert_eq!((second.next_call_id, second.effects), (None, Vec::new()));
        assert_eq!(second.status_reason, None);
    }
}

/// Whatever the order in which runs and a late answer to the first attempt meet: no third attempt waits.
#[tokio::test]
async fn late_answer_during_the_run_of_a_later_attempt_leaves_nothing_that_waits() {
    let stage = Stage::new().await;
    for _ in 0..12 {
        let first = retried(&stage).await;
        end(&stage, &first, CallStatus::Busy).await;
        handle_end(&stage, &first).await;
        let second = attempt(&stage, &first, 2).await.unwrap();
        let second = dial(&stage, &second).await;
        end(&stage, &second, CallStatus::Busy).await;
        tell(&stage, &first, &callback(&first, CallStatus::InProgress, 2)).await;
        tokio::join!(handle_end(&stage, &first), handle_end(&stage, &second));
        handle_end(&stage, &second).await;
        let third = attempt(&stage, &first, 3).await;
        assert!(third.is_none_or(|third| third.status == CallStatus::Canceled));
        assert_eq!(read(&stage, &second).await.effects, []);
    }
}

/// A machine may have answered: its word comes with a later callback.
#[tokio::test]
async fn late_answer_of_a_call_with_machine_detection_waits_for_its_result() {
    let stage = Stage::new().await;
    for (result, status) in [
        ("machine_start", CallStatus::Scheduled),
        ("human", CallStatus::Canceled),
    ] {
        let first = retried_with(&stage, |call| {
            call.machine_detection = Some(MachineDetection::Enable);
        })
        .await;
        end(&stage, &first, CallStatus::NoAnswer).await;
        handle_end(&stage, &first).await;
        tell(&stage, &first, &callback(&first, CallStatus::InProgress, 2)).await;
        handle_end(&stage, &first).await;
        assert_eq!(read(&stage, &first).await.effects.len(), 1);
        let answered_by = StatusUpdate {
            answered_by: Some(result.to_owned()),
            ..callback(&first, CallStatus::Completed, 4)
        };
        tell(&stage, &first, &answered_by).await;
        handle_end(&stage, &first).await;
        let next = attempt(&stage, &first, 2).await.unwrap();
        assert_eq!(next.status, status, "{result}");
        assert_eq!(read(&stage, &first).await.effects, []);
    }
}

/// Whatever the order in which runs and callbacks meet: after an answer, nothing waits.
#[tokio::test]
async fn answer_during_a_run_leaves_nothing_that_waits() {
    let stage = Stage::new().await;
    for _ in 0..12 {
        let first = retried(&stage).await;
        end(&stage, &first, CallStatus::Busy).await;
        let answer = callback(&first, CallStatus::Completed, 4);
        tokio::join!(handle_end(&stage, &first), async {
            tell(&stage, &first, &answer).await;
            handle_end(&stage, &first).await;
        });
        handle_end(&stage, &first).await;
        let next = attempt(&stage, &first, 2).await;
        let is_waiting = next.is_some_and(|next| next.status == CallStatus::Scheduled);
        assert!(!is_waiting);
        assert_eq!(read(&stage, &first).await.effects, []);
    }
}

/// Whatever the order: after a hang-up request, the next attempt is either linked, so that the client can cancel it, or gone.
#[tokio::test]
async fn hang_up_request_during_a_run_leaves_no_attempt_that_nobody_knows() {
    let stage = Stage::new().await;
    for _ in 0..12 {
        let first = retried(&stage).await;
        end(&stage, &first, CallStatus::Busy).await;
        tokio::join!(
            handle_end(&stage, &first),
            set(&stage, &first, doc! { "hangup_requested": true }),
        );
        let stored = read(&stage, &first).await;
        assert_eq!(stored.effects, []);
        let next = attempt(&stage, &first, 2).await;
        assert_eq!(next.map(|next| next.call_id), stored.next_call_id);
    }
}

#[tokio::test]
async fn end_from_the_rest_api_waits_for_its_callback() {
    let stage = Stage::new().await;
    let api = |call: &Call| StatusUpdate {
        source: EventSource::Api,
        sequence: None,
        token: None,
        ..callback(call, CallStatus::Completed, 0)
    };
    let heard = retried(&stage).await;
    let unheard = retried(&stage).await;
    for call in [&heard, &unheard] {
        assert!(tell(&stage, call, &api(call)).await);
        handle_end(&stage, call).await;
        assert_eq!(read(&stage, call).await.effects.len(), 1);
    }
    let machine = StatusUpdate {
        answered_by: Some("machine_end_beep".to_owned()),
        ..callback(&heard, CallStatus::Completed, 3)
    };
    assert!(tell(&stage, &heard, &machine).await);
    handle_end(&stage, &heard).await;
    assert!(attempt(&stage, &heard, 2).await.is_some());
    assert_eq!(read(&stage, &heard).await.effects, []);

    age_effects(&stage, 20).await;
    sweep(&stage).await;
    assert_eq!(read(&stage, &unheard).await.effects.len(), 1);
    age_effects(&stage, 31).await;
    sweep(&stage).await;
    let unheard = read(&stage, &unheard).await;
    assert_eq!(
        (unheard.next_call_id, &unheard.effects[..]),
        (None, &[][..])
    );
}

#[tokio::test]
async fn attempt_of_an_end_that_is_long_ago_is_due_now() {
    let stage = Stage::new().await;
    let first = retried_with(&stage, |_| ()).await;
    let long_ago = StatusUpdate {
        at: from_now(-7_200),
        ..callback(&first, CallStatus::NoAnswer, 3)
    };
    tell(&stage, &first, &long_ago).await;
    let before = from_now(0);
    handle_end(&stage, &first).await;
    let next = attempt(&stage, &first, 2).await.unwrap();
    let due_at = next.due_at.unwrap();
    assert!(due_at >= before && due_at <= from_now(0));
}
