use mongodb::bson::{Document, doc};
use outdial::{
    dao::{Applied, Dao},
    domain::{Call, CallId, CallStatus, DialOutcome, DialResult, EventSource, Refusal},
};

use crate::support::{accepted, callback, conclusion, second, sid, stored_call, with_dao};

async fn record(dao: &Dao, call: &Call, result: &DialResult, status: u16) -> Call {
    let recorded = dao.record_dial(call, result, status).await.unwrap();
    recorded.expect("the call is stored")
}

fn refusal() -> Refusal {
    Refusal {
        http_status: Some(400),
        code: Some(21_211),
        message: "$to_number is not a number".to_owned(),
    }
}

fn refused() -> DialResult {
    DialResult::Refused(refusal())
}

fn not_taken() -> DialResult {
    DialResult::NotTaken(refusal())
}

async fn stored_call_with_key(dao: &Dao) -> Call {
    let call = Call {
        idempotency_scope: Some("scope".to_owned()),
        ..crate::support::call()
    };
    dao.create_call(&call).await.unwrap();
    call
}

#[tokio::test]
async fn an_accepted_call_is_named() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let sid = sid();
        let recorded = record(dao, &call, &accepted(&sid), 201).await;
        assert_eq!(recorded.twilio_sid, Some(sid));
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Accepted));
        assert_eq!(recorded.answered_status, Some(201));
        assert_eq!(recorded.status, CallStatus::Queued);
        assert_eq!(Some(recorded), dao.get_call(call.call_id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn answer_without_a_status_leaves_the_call_initiated() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let result = DialResult::Accepted {
            sid: sid(),
            status: None,
        };
        let recorded = record(dao, &call, &result, 201).await;
        assert_eq!(recorded.status, CallStatus::Initiated);
        assert_eq!(Some(recorded), dao.get_call(call.call_id).await.unwrap());
    })
    .await;
}

/// What may come before Twilio's answer to the dial is recorded, or after it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Other {
    Callback(CallStatus, i64),
    Name,
    Hangup,
    GivenUp,
}

async fn happens(dao: &Dao, call: &Call, sid: &outdial::domain::CallSid, other: Other) {
    let id = call.call_id;
    match other {
        Other::Callback(status, sequence) => {
            let update = callback(sid, status, sequence);
            dao.apply_status(Some(id), &update).await.unwrap();
        }
        Other::Name => drop(dao.record_call_sid(id, sid).await.unwrap()),
        Other::Hangup => drop(dao.request_hangup(id).await.unwrap()),
        Other::GivenUp => drop(dao.give_up_call(id, None).await.unwrap()),
    }
}

#[tokio::test]
async fn queued_gives_way_to_every_callback_in_any_order() {
    use CallStatus::{Busy, Completed, InProgress, Initiated, Queued, Ringing};
    with_dao(async |dao| {
        for (others, end) in [
            (&[][..], Queued),
            (&[Other::Name], Queued),
            (&[Other::Hangup], Queued),
            (&[Other::Callback(Initiated, 0)], Initiated),
            (&[Other::Callback(Ringing, 1)], Ringing),
            (&[Other::Callback(Busy, 2)], Busy),
            (&[Other::Name, Other::Callback(Initiated, 0)], Initiated),
            (
                &[Other::Callback(Initiated, 0), Other::Callback(Ringing, 1)],
                Ringing,
            ),
            (
                &[
                    Other::Callback(InProgress, 2),
                    Other::Callback(Initiated, 0),
                ],
                InProgress,
            ),
            (&[Other::Hangup, Other::Callback(Completed, 3)], Completed),
        ] {
            for place in 0..=others.len() {
                let call = stored_call(dao).await;
                let sid = sid();
                let (before, after) = others.split_at(place);
                for &other in before {
                    happens(dao, &call, &sid, other).await;
                }
                record(dao, &call, &accepted(&sid), 201).await;
                for &other in after {
                    happens(dao, &call, &sid, other).await;
                }
                let read = dao.get_call(call.call_id).await.unwrap().unwrap();
                assert_eq!(read.status, end, "{before:?}, the answer, {after:?}");
                assert_eq!(read.status_rank, end.rank());
                assert_eq!(read.twilio_sid, Some(sid));
                let told = read.events.iter().map(|event| event.status);
                assert!(!told.collect::<Vec<_>>().contains(&Queued));
            }
        }
        // A conclusion of ours gives way to the answer, and then to each callback.
        let call = stored_call(dao).await;
        let sid = sid();
        happens(dao, &call, &sid, Other::GivenUp).await;
        assert_eq!(
            record(dao, &call, &accepted(&sid), 201).await.status,
            Queued
        );
        for (status, sequence) in [(Initiated, 0), (Ringing, 1)] {
            happens(dao, &call, &sid, Other::Callback(status, sequence)).await;
            let read = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(read.status, status);
        }
    })
    .await;
}

#[tokio::test]
async fn answer_of_another_call_does_not_change_the_status() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        dao.record_call_sid(call.call_id, &sid()).await.unwrap();
        let recorded = record(dao, &call, &accepted(&sid()), 201).await;
        assert_eq!(recorded.status, CallStatus::Initiated);
    })
    .await;
}

#[tokio::test]
async fn an_accepted_call_keeps_the_name_that_a_webhook_has_told() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let told = sid();
        dao.update_call(call.call_id, &callback(&told, CallStatus::Ringing, 1))
            .await
            .unwrap();
        let recorded = record(dao, &call, &accepted(&sid()), 201).await;
        assert_eq!(recorded.twilio_sid, Some(told));
        assert_eq!(recorded.status, CallStatus::Ringing);
    })
    .await;
}

#[tokio::test]
async fn a_refused_call_has_failed_and_tells_why() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let recorded = record(dao, &call, &refused(), 502).await;
        assert_eq!(
            (recorded.status, recorded.status_rank),
            (CallStatus::Failed, 4)
        );
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Refused));
        assert_eq!(recorded.answered_status, Some(502));
        assert_eq!(recorded.error_code, Some(21_211));
        assert_eq!(recorded.error_status, Some(400));
        assert_eq!(
            recorded.error_message.as_deref(),
            Some("$to_number is not a number")
        );
        assert_eq!(recorded.events.len(), 1);
        assert_eq!(recorded.events[0].status, CallStatus::Failed);
        assert_eq!(recorded.events[0].source, EventSource::Api);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_yields_to_a_webhook_that_knows_better() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        dao.update_call(call.call_id, &callback(&sid(), CallStatus::Ringing, 1))
            .await
            .unwrap();
        let recorded = record(dao, &call, &refused(), 502).await;
        assert_eq!(recorded.status, CallStatus::Ringing);
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Accepted));
        assert_eq!(recorded.error_code, None);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_twilio_has_not_taken_frees_its_key_and_a_refused_one_keeps_it() {
    with_dao(async |dao| {
        let call = stored_call_with_key(dao).await;
        let recorded = record(dao, &call, &not_taken(), 502).await;
        assert_eq!(recorded.status, CallStatus::Failed);
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Refused));
        assert_eq!(recorded.error_code, Some(21_211));
        assert_eq!(recorded.idempotency_scope, None);
        let same_key = stored_call_with_key(dao).await;
        let recorded = record(dao, &same_key, &refused(), 502).await;
        assert_eq!(recorded.idempotency_scope.as_deref(), Some("scope"));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_a_webhook_has_told_of_keeps_its_key() {
    with_dao(async |dao| {
        let call = stored_call_with_key(dao).await;
        dao.update_call(call.call_id, &callback(&sid(), CallStatus::Ringing, 1))
            .await
            .unwrap();
        let recorded = record(dao, &call, &not_taken(), 502).await;
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Accepted));
        assert_eq!(recorded.idempotency_scope.as_deref(), Some("scope"));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_was_not_taken_and_has_no_key_gets_none() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        record(dao, &call, &not_taken(), 502).await;
        let calls = dao
            .database()
            .await
            .unwrap()
            .collection::<Document>("calls");
        let stored = calls.find_one(doc! { "_id": call.id }).await.unwrap();
        assert!(!stored.unwrap().contains_key("idempotency_scope"));
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_unknown_until_a_webhook_settles_it() {
    with_dao(async |dao| {
        let lost = DialResult::Unknown("time-out".to_owned());
        let call = stored_call(dao).await;
        let recorded = record(dao, &call, &lost, 202).await;
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Unknown));
        assert_eq!(recorded.answered_status, Some(202));
        dao.record_call_sid(call.call_id, &sid()).await.unwrap();
        let recorded = record(dao, &call, &lost, 202).await;
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Accepted));
        let nobody = dao.record_dial(&crate::support::call(), &lost, 202).await;
        assert_eq!(nobody.unwrap(), None);
    })
    .await;
}

/// What is answered without a look is what is stored, whatever came between the dial and its answer.
#[tokio::test]
async fn the_call_that_is_told_after_the_dial_is_the_stored_one() {
    with_dao(async |dao| {
        for faster in 0..5 {
            for result in [
                accepted(&sid()),
                DialResult::Unknown("time-out".to_owned()),
                refused(),
                not_taken(),
            ] {
                let call = stored_call(dao).await;
                let named = match &result {
                    DialResult::Accepted { sid, .. } => sid.clone(),
                    _ => sid(),
                };
                let id = call.call_id;
                match faster {
                    0 => {}
                    1 => drop(dao.request_hangup(id).await.unwrap()),
                    2 => drop(dao.record_call_sid(id, &named).await.unwrap()),
                    3 => {
                        let ringing = callback(&named, CallStatus::Initiated, 0);
                        dao.apply_status(Some(id), &ringing).await.unwrap();
                    }
                    _ => drop(dao.give_up_call(id, None).await.unwrap()),
                }
                let told = record(dao, &call, &result, 201).await;
                assert_eq!(Some(&told), dao.get_call(id).await.unwrap().as_ref());
                assert_eq!(told.hangup_requested, faster == 1);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_webhook_at_the_moment_of_the_answer_is_not_undone() {
    with_dao(async |dao| {
        for _ in 0..20 {
            let call = stored_call(dao).await;
            let sid = sid();
            let ringing = callback(&sid, CallStatus::Ringing, 1);
            let accepted = accepted(&sid);
            let (told, applied, wished) = tokio::join!(
                dao.record_dial(&call, &accepted, 201),
                dao.apply_status(Some(call.call_id), &ringing),
                dao.request_hangup(call.call_id),
            );
            let told = told.unwrap().unwrap();
            let applied = applied.unwrap();
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(stored.status, CallStatus::Ringing);
            assert_eq!(stored.answered_status, Some(201));
            assert_eq!(stored.twilio_sid, Some(sid));
            // A hang-up has found the name, or somebody who learned it has found the hang-up.
            let has_found = wished.unwrap().unwrap().twilio_sid.is_some();
            assert!(has_found || told.hangup_requested || applied.hangup_waits);
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_is_recorded_once() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let sid = sid();
        for expected in [Applied::Changed, Applied::Duplicate] {
            let applied = dao.record_call_sid(call.call_id, &sid).await.unwrap();
            assert_eq!(applied, expected);
        }
        let read = dao.get_call_by_twilio_sid(&sid).await.unwrap().unwrap();
        assert_eq!(read.dial_outcome, Some(DialOutcome::Accepted));
    })
    .await;
}

#[tokio::test]
async fn a_hangup_waits_only_for_a_call_without_a_name() {
    with_dao(async |dao| {
        let waits = async |call: &Call| {
            let asked = dao.request_hangup(call.call_id).await.unwrap().unwrap();
            let waits = dao.hangup_waits(call.call_id).await.unwrap();
            assert_eq!(asked.hangup_requested, waits);
            waits
        };
        let unnamed = stored_call(dao).await;
        assert!(!dao.hangup_waits(unnamed.call_id).await.unwrap());
        assert!(waits(&unnamed).await);
        let named = stored_call(dao).await;
        dao.record_call_sid(named.call_id, &sid()).await.unwrap();
        assert!(!waits(&named).await);
        let ended = stored_call(dao).await;
        record(dao, &ended, &refused(), 502).await;
        assert!(!waits(&ended).await);

        let nobody = CallId::generate();
        assert_eq!(dao.request_hangup(nobody).await.unwrap(), None);
        assert!(!dao.hangup_waits(nobody).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_call_that_was_canceled_while_queued_is_ended_by_our_own_word() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let canceled = conclusion(&sid(), CallStatus::Canceled, second(1));
        dao.update_call(call.call_id, &canceled).await.unwrap();
        let read = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(read.status, CallStatus::Canceled);
        assert_eq!(read.events[0].source, EventSource::Api);
    })
    .await;
}
