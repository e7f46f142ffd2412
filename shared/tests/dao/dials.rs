//! Tests how the outcome of a dial is stored.

use mongodb::bson::{Document, doc};
use outdial::{
    dao::{Applied, Dao},
    domain::{Call, CallId, CallStatus, DialOutcome, DialResult, EventSource, TwilioRefusal},
};

use crate::support::{accepted, callback, conclusion, second, sid, stored_call, with_dao};

pub async fn record(dao: &Dao, call: &Call, result: &DialResult, status: u16) -> Call {
    let recorded = dao.record_dial(call, result, Some(status)).await.unwrap();
    recorded.expect("the call is stored")
}

pub fn refusal() -> TwilioRefusal {
    TwilioRefusal {
        http_status: Some(400),
        code: Some(21_211),
        message: "$to_number is not a number".to_owned(),
    }
}

pub fn refused() -> DialResult {
    DialResult::Refused(refusal())
}

pub fn not_taken() -> DialResult {
    DialResult::NotTaken(refusal())
}

pub async fn stored_call_with_key(dao: &Dao) -> Call {
    let call = Call {
        idempotency_scope: Some("scope".to_owned()),
        ..crate::support::call()
    };
    dao.create_call(&call).await.unwrap();
    call
}

#[tokio::test]
async fn accepted_call_gets_its_call_sid() {
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
async fn response_without_a_status_leaves_the_call_initiated() {
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

#[tokio::test]
async fn response_with_another_call_sid_does_not_change_the_status() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        dao.record_call_sid(call.call_id, &sid()).await.unwrap();
        let recorded = record(dao, &call, &accepted(&sid()), 201).await;
        assert_eq!(recorded.status, CallStatus::Initiated);
    })
    .await;
}

#[tokio::test]
async fn refused_call_is_failed_with_the_reason() {
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
async fn unaccepted_call_frees_its_key_and_a_refused_one_keeps_it() {
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
async fn unaccepted_call_without_a_key_gets_none() {
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

/// `record_dial` may return the call without reading it. The call must equal the stored one after any event during the dial.
#[tokio::test]
async fn call_returned_after_the_dial_equals_the_stored_one() {
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
async fn call_sid_is_recorded_once() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let sid = sid();
        for expected in [Applied::Changed, Applied::Duplicate] {
            let applied = dao.record_call_sid(call.call_id, &sid).await.unwrap();
            assert_eq!(applied, expected);
        }
        let read = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(read.twilio_sid, Some(sid));
        assert_eq!(read.dial_outcome, Some(DialOutcome::Accepted));
    })
    .await;
}

#[tokio::test]
async fn hang_up_is_pending_only_without_a_call_sid() {
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
async fn call_canceled_while_queued_ends_without_a_callback() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let canceled = conclusion(&sid(), CallStatus::Canceled, second(1));
        dao.apply_status(Some(call.call_id), &canceled)
            .await
            .unwrap();
        let read = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(read.status, CallStatus::Canceled);
        assert_eq!(read.events[0].source, EventSource::Api);
    })
    .await;
}
