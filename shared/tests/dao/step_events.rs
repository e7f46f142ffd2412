//! Tests the events of calls with steps: in any order, twice, of another call.

use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{Dao, StepEvent, VoiceLookup},
    domain::{Answer, Call, CallSid, Delivery, LegStatus, RefusalCode, Steps, TransferLeg},
    http::FieldErrors,
};
use proptest::{
    prelude::{Just, Strategy},
    sample::subsequence,
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::json;

use crate::support::{call, sid, with_counted_dao, with_dao};

async fn stored(dao: &Dao) -> Call {
    let steps = json!([{ "id": "a", "ask": "A?", "max_digits": 2 }, { "id": "b", "ask": "B?", "options": { "1": {} } }]);
    let steps: Steps = deserr::deserialize::<_, _, FieldErrors>(steps).unwrap();
    let call = Call {
        script: None,
        steps: Some(steps),
        ..call()
    };
    dao.create_call(&call).await.unwrap();
    call
}

fn answered(step: &str, nth: u32, digits: &str, at: i64, ends_ask: bool) -> StepEvent {
    let answer = Answer {
        step: step.parse().unwrap(),
        nth,
        digits: digits.to_owned(),
        option: (step == "b").then(|| digits.to_owned()),
        is_accepted: false,
        at: DateTime::from_millis(at),
    };
    StepEvent::Answered { answer, ends_ask }
}

fn leg(step: &str, status: LegStatus, at: i64) -> TransferLeg {
    TransferLeg {
        at: DateTime::from_millis(at),
        ..TransferLeg::new(&step.parse().unwrap(), status)
    }
}

/// The legs of a failed and of a connected transfer.
fn legs() -> [StepEvent; 6] {
    let sid = |n: u32| format!("CA{n:032}").parse().ok();
    [
        leg("t", LegStatus::Dialing, 7),
        TransferLeg {
            call_sid: sid(1),
            ..leg("t", LegStatus::Answered, 8)
        },
        TransferLeg {
            call_sid: sid(1),
            ..leg("t", LegStatus::Accepted, 9)
        },
        TransferLeg {
            connected: Some(true),
            duration_seconds: Some(5),
            ..leg("t", LegStatus::Completed, 10)
        },
        TransferLeg::refused(&"u".parse().unwrap(), RefusalCode::NumberBlocked),
        leg("v", LegStatus::Dialing, 6),
    ]
    .map(|leg| {
        StepEvent::Transfer(TransferLeg {
            at: leg.at.min(DateTime::from_millis(20)),
            ..leg
        })
    })
}

async fn record(dao: &Dao, call: &Call, sid: &CallSid, event: &StepEvent) -> Call {
    match dao.record_step(call.call_id, sid, event).await.unwrap() {
        VoiceLookup::Call(call, None) => *call,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn event_is_stored_and_read_in_one_command() {
    with_counted_dao(async |dao, sent| {
        let (call, sid) = (stored(dao).await, sid());
        let event = answered("a", 1, "12", 5, false);
        let (read, commands, _) = sent.during(record(dao, &call, &sid, &event)).await;
        assert_eq!(commands, 1);
        assert_eq!(read.twilio_sid, Some(sid));
        assert_eq!(read.delivery, Some(Delivery::Started));
        assert_eq!(read.answers.len(), 1);
        assert_eq!(read.answers[0].digits, "12");
        assert!(read.updated_at >= call.updated_at);
    })
    .await;
}

#[tokio::test]
async fn repeated_event_changes_nothing() {
    with_dao(async |dao| {
        let (call, sid) = (stored(dao).await, sid());
        for event in [
            StepEvent::Started,
            answered("a", 1, "12", 5, false),
            StepEvent::Unanswered("b".parse().unwrap()),
            StepEvent::Ended(true),
            StepEvent::CutOff,
            StepEvent::OptedOut(None),
        ]
        .into_iter()
        .chain(legs())
        {
            let once = record(dao, &call, &sid, &event).await;
            let twice = record(dao, &call, &sid, &event).await;
            assert!(once == twice, "{event:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn first_answer_of_a_try_counts() {
    with_dao(async |dao| {
        let (call, sid) = (stored(dao).await, sid());
        record(dao, &call, &sid, &answered("a", 1, "1", 5, false)).await;
        let later = record(dao, &call, &sid, &answered("a", 1, "2", 9, false)).await;
        assert_eq!(later.answers[0].digits, "1");
        let earlier = record(dao, &call, &sid, &answered("a", 1, "3", 4, false)).await;
        assert_eq!(earlier.answers[0].digits, "3");
        let other_try = record(dao, &call, &sid, &answered("a", 2, "4", 9, false)).await;
        assert_eq!(other_try.answers.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn leg_never_goes_back_and_keeps_what_it_knows() {
    with_dao(async |dao| {
        let (call, sid) = (stored(dao).await, sid());
        let [dialing, answered, accepted, completed, ..] = legs();
        for event in [&completed, &answered, &dialing, &accepted] {
            record(dao, &call, &sid, event).await;
        }
        let refused = TransferLeg::refused(&"t".parse().unwrap(), RefusalCode::DialingOff);
        let read = record(dao, &call, &sid, &StepEvent::Transfer(refused)).await;
        let leg = &read.transfers[..];
        assert_eq!(leg.len(), 1);
        assert_eq!(leg[0].status, LegStatus::Completed);
        assert_eq!(
            (leg[0].connected, leg[0].duration_seconds),
            (Some(true), Some(5))
        );
        assert!(leg[0].call_sid.is_some());
        assert_eq!(leg[0].at, DateTime::from_millis(7));
    })
    .await;
}

#[tokio::test]
async fn event_of_another_call_of_twilio_changes_nothing() {
    with_dao(async |dao| {
        let (call, other) = (stored(dao).await, stored(dao).await);
        let (own, foreign) = (sid(), sid());
        record(dao, &call, &own, &StepEvent::Started).await;
        record(dao, &other, &foreign, &StepEvent::Started).await;
        let event = answered("a", 1, "1", 5, true);
        let unknown_sid = sid();
        for sid in [&foreign, &unknown_sid] {
            let found = dao.record_step(call.call_id, sid, &event).await.unwrap();
            assert!(matches!(found, VoiceLookup::OtherCall), "{found:?}");
        }
        let unchanged = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert!(unchanged.answers.is_empty() && unchanged.unanswered.is_empty());
        let unknown = testkit::new_call().call_id;
        let found = dao.record_step(unknown, &own, &event).await.unwrap();
        assert!(matches!(found, VoiceLookup::UnknownCall), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn delivery_never_becomes_less() {
    with_dao(async |dao| {
        let (call, sid) = (stored(dao).await, sid());
        dao.record_undelivered(Some(call.call_id), Some(&sid), false)
            .await
            .unwrap();
        for (event, delivery) in [
            (StepEvent::Ended(false), Delivery::Started),
            (StepEvent::Ended(true), Delivery::Full),
            (StepEvent::Started, Delivery::Full),
            (answered("a", 1, "1", 5, false), Delivery::Full),
        ] {
            let read = record(dao, &call, &sid, &event).await;
            assert_eq!(read.delivery, Some(delivery), "{event:?}");
        }
        dao.record_undelivered(Some(call.call_id), Some(&sid), false)
            .await
            .unwrap();
        let read = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(read.delivery, Some(Delivery::Full));
    })
    .await;
}

#[tokio::test]
async fn apology_after_redirects_replaces_a_start_that_nobody_heard() {
    with_dao(async |dao| {
        for (event, is_certain, delivery) in [
            (StepEvent::Started, false, Delivery::Started),
            (StepEvent::Started, true, Delivery::None),
            (answered("a", 1, "1", 5, false), true, Delivery::Started),
            (StepEvent::Ended(false), true, Delivery::Started),
            (StepEvent::Ended(true), true, Delivery::Full),
        ] {
            let (call, sid) = (stored(dao).await, sid());
            record(dao, &call, &sid, &event).await;
            let recording = dao.record_undelivered(Some(call.call_id), Some(&sid), is_certain);
            recording.await.unwrap();
            let read = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(read.delivery, Some(delivery), "{event:?} {is_certain}");
        }
    })
    .await;
}

#[tokio::test]
async fn any_order_and_repetition_of_events_ends_in_the_same_document() {
    const CASES: usize = 16;
    with_dao(async |dao| {
        let mut runner = TestRunner::default();
        for _ in 0..CASES {
            let (one, other) = two_orders().new_tree(&mut runner).unwrap().current();
            let ends = (apply_all(dao, &one).await, apply_all(dao, &other).await);
            assert_eq!(ends.0, ends.1, "after {one:#?}\nand after {other:#?}");
        }
    })
    .await;
}

fn two_orders() -> impl Strategy<Value = (Vec<StepEvent>, Vec<StepEvent>)> {
    let events = vec![
        StepEvent::Started,
        answered("a", 1, "1", 5, false),
        answered("a", 1, "2", 5, false),
        answered("a", 1, "3", 4, true),
        answered("b", 1, "1", 5, false),
        answered("a", 2, "1", 6, false),
        StepEvent::Unanswered("b".parse().unwrap()),
        StepEvent::Unanswered("a".parse().unwrap()),
        StepEvent::Ended(false),
        StepEvent::Ended(true),
    ];
    let events = [events, legs().to_vec()].concat();
    let most = events.len();
    subsequence(events, 1..=most).prop_flat_map(|events| {
        let twice = [events.clone(), events.clone()].concat();
        (Just(events).prop_shuffle(), Just(twice).prop_shuffle())
    })
}

/// Returns the document after these events, without the fields that differ for each call.
async fn apply_all(dao: &Dao, events: &[StepEvent]) -> Document {
    let (call, sid) = (stored(dao).await, sid());
    for event in events {
        record(dao, &call, &sid, event).await;
    }
    let database = dao.database().await.unwrap();
    let calls = database.collection::<Document>("calls");
    let found = calls.find_one(doc! { "_id": call.id }).await.unwrap();
    let mut end = found.unwrap();
    for own in [
        "_id",
        "call_id",
        "user_id",
        "twilio_sid",
        "created_at",
        "updated_at",
        "dial_deadline",
    ] {
        end.remove(own);
    }
    end
}
