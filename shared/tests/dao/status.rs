//! Tests status updates: order, repetition, the timeline, and calls of the earlier service.

use mongodb::bson::{Document, doc};
use outdial::{
    dao::{Applied, Dao},
    domain::{Call, CallEvent, CallId, CallStatus, DialOutcome, EventSource, StatusUpdate},
};

use crate::support::{call, callback, conclusion, second, sid, stored_call, with_dao};

use CallStatus::{Busy, Completed, Failed, InProgress, Initiated, NoAnswer, Ringing};

async fn read(dao: &Dao, call: &Call) -> Call {
    dao.get_call(call.call_id).await.unwrap().unwrap()
}

fn words(call: &Call) -> Vec<(CallStatus, EventSource)> {
    call.timeline()
        .into_iter()
        .map(|event| (event.status, event.source))
        .collect()
}

#[tokio::test]
async fn first_callback_stores_the_call_sid_and_settles_the_dial() {
    with_dao(async |dao| {
        for outcome in [DialOutcome::Pending, DialOutcome::Unknown] {
            let call = Call {
                dial_outcome: Some(outcome),
                ..call()
            };
            dao.create_call(&call).await.unwrap();
            let sid = sid();
            let update = StatusUpdate {
                duration_seconds: Some(0),
                answered_by: Some("human".to_owned()),
                ..callback(&sid, Ringing, 1)
            };
            let applied = dao
                .apply_status(Some(call.call_id), &update)
                .await
                .unwrap()
                .applied;
            assert_eq!(applied, Applied::Changed);
            let expected = Call {
                twilio_sid: Some(sid),
                dial_outcome: Some(DialOutcome::Accepted),
                status: Ringing,
                status_rank: 1,
                duration_seconds: Some(0),
                answered_by: Some("human".to_owned()),
                events: vec![CallEvent {
                    status: Ringing,
                    at: second(1),
                    source: EventSource::Twilio,
                    sequence: Some(1),
                    token: Some("token 1".to_owned()),
                }],
                ..call
            };
            let read = read(dao, &expected).await;
            assert!(read.updated_at > expected.updated_at);
            assert_eq!(
                Call {
                    updated_at: expected.updated_at,
                    ..read
                },
                expected
            );
        }
    })
    .await;
}

#[tokio::test]
async fn lower_status_does_not_replace_a_higher_one_and_the_timeline_keeps_both() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let sid = sid();
        for (status, sequence, shown) in [
            (InProgress, 2, InProgress),
            (Ringing, 1, InProgress),
            (Completed, 3, Completed),
            (Initiated, 0, Completed),
        ] {
            let update = callback(&sid, status, sequence);
            dao.apply_status(Some(call.call_id), &update).await.unwrap();
            assert_eq!(read(dao, &call).await.status, shown);
        }
        let told: Vec<_> = words(&read(dao, &call).await)
            .into_iter()
            .map(|(word, _)| word)
            .collect();
        assert_eq!(told, [Initiated, Ringing, InProgress, Completed]);
    })
    .await;
}

#[tokio::test]
async fn duplicate_callback_changes_nothing() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let sid = sid();
        let first = callback(&sid, Ringing, 1);
        let bare = StatusUpdate {
            sequence: None,
            token: None,
            ..callback(&sid, Busy, 3)
        };
        for update in [&first, &bare] {
            dao.apply_status(Some(call.call_id), update).await.unwrap();
        }
        let before = read(dao, &call).await;
        let duplicates = [
            StatusUpdate {
                token: Some("another".to_owned()),
                ..first.clone()
            },
            StatusUpdate {
                sequence: None,
                status: Completed,
                ..first.clone()
            },
            StatusUpdate {
                duration_seconds: Some(9),
                ..first.clone()
            },
            StatusUpdate {
                duration_seconds: Some(9),
                ..bare.clone()
            },
            first,
        ];
        for duplicate in &duplicates {
            let applied = dao
                .apply_status(Some(call.call_id), duplicate)
                .await
                .unwrap()
                .applied;
            assert_eq!(applied, Applied::Duplicate, "{duplicate:?}");
            let applied = dao
                .update_call_by_twilio_sid(&sid, duplicate)
                .await
                .unwrap();
            assert_eq!(applied, Applied::Duplicate, "{duplicate:?}");
        }
        assert_eq!(read(dao, &call).await, before);
    })
    .await;
}

#[tokio::test]
async fn callback_with_another_call_sid_changes_nothing() {
    with_dao(async |dao| {
        let (call, other) = (stored_call(dao).await, stored_call(dao).await);
        let known = sid();
        dao.apply_status(Some(call.call_id), &callback(&known, Ringing, 1))
            .await
            .unwrap();
        let before = (read(dao, &call).await, read(dao, &other).await);

        let stranger = callback(&sid(), Completed, 3);
        let doubled = dao
            .apply_status(Some(call.call_id), &stranger)
            .await
            .unwrap()
            .applied;
        assert_eq!(doubled, Applied::OtherCall);
        let taken = callback(&known, Completed, 3);
        let another_calls = dao
            .apply_status(Some(other.call_id), &taken)
            .await
            .unwrap()
            .applied;
        assert_eq!(another_calls, Applied::OtherCall);
        let sid_only = dao
            .record_call_sid(call.call_id, &stranger.call_sid)
            .await
            .unwrap();
        assert_eq!(sid_only, Applied::OtherCall);
        assert_eq!((read(dao, &call).await, read(dao, &other).await), before);
    })
    .await;
}

#[tokio::test]
async fn unknown_call_is_reported() {
    with_dao(async |dao| {
        let update = callback(&sid(), Ringing, 1);
        let id = CallId::generate();
        let unknown = [
            dao.apply_status(Some(id), &update)
                .await
                .map(|outcome| outcome.applied),
            dao.update_call_by_twilio_sid(&update.call_sid, &update)
                .await,
            dao.record_call_sid(id, &update.call_sid).await,
        ];
        for applied in unknown {
            assert_eq!(applied.unwrap(), Applied::UnknownCall);
        }
    })
    .await;
}

#[tokio::test]
async fn callback_replaces_our_own_conclusion_in_the_timeline() {
    with_dao(async |dao| {
        let sid = sid();
        let api = conclusion(&sid, Completed, second(9));
        let twilio = callback(&sid, Completed, 3);
        let call = stored_call(dao).await;
        dao.apply_status(Some(call.call_id), &api).await.unwrap();
        assert_eq!(
            words(&read(dao, &call).await),
            [(Completed, EventSource::Api)]
        );
        dao.apply_status(Some(call.call_id), &twilio).await.unwrap();
        assert_eq!(
            words(&read(dao, &call).await),
            [(Completed, EventSource::Twilio)]
        );
        let applied = dao
            .apply_status(Some(call.call_id), &api)
            .await
            .unwrap()
            .applied;
        assert_eq!(applied, Applied::Duplicate);
        assert_eq!(
            words(&read(dao, &call).await),
            [(Completed, EventSource::Twilio)]
        );
    })
    .await;
}

#[tokio::test]
async fn timeline_keeps_64_events_and_counts_the_others() {
    with_dao(async |dao| {
        let events = (0..63)
            .map(|sequence| CallEvent {
                status: InProgress,
                at: second(sequence),
                source: EventSource::Twilio,
                sequence: Some(sequence),
                token: None,
            })
            .collect();
        let call = Call { events, ..call() };
        dao.create_call(&call).await.unwrap();
        let sid = sid();
        for sequence in 63..66 {
            let update = callback(&sid, InProgress, sequence);
            dao.apply_status(Some(call.call_id), &update).await.unwrap();
        }
        let read = read(dao, &call).await;
        assert_eq!((read.events.len(), read.events_dropped), (64, 2));
    })
    .await;
}

#[tokio::test]
async fn full_timeline_keeps_the_same_events_in_any_order() {
    with_dao(async |dao| {
        let sequences: Vec<i64> = (0..70).collect();
        let backwards = sequences.iter().rev().copied().collect();
        let inside_out = sequences.iter().map(|n| (n * 29) % 70).collect();
        for order in [sequences, backwards, inside_out] {
            let call = stored_call(dao).await;
            let sid = sid();
            for sequence in order {
                let update = callback(&sid, InProgress, sequence);
                dao.apply_status(Some(call.call_id), &update).await.unwrap();
            }
            let read = read(dao, &call).await;
            let kept: Vec<_> = read
                .events
                .iter()
                .filter_map(|event| event.sequence)
                .collect();
            assert_eq!(kept, (0..64).collect::<Vec<_>>());
            assert_eq!(read.events_dropped, 6);
        }
    })
    .await;
}

#[tokio::test]
async fn call_of_the_earlier_service_keeps_its_final_status() {
    with_dao(async |dao| {
        let database = dao.database().await.unwrap();
        let calls = database.collection::<Document>("calls");
        for (stored, told, expected) in [
            ("completed", callback(&sid(), Ringing, 1), Completed),
            (
                "completed",
                conclusion(&sid(), Failed, second(1)),
                Completed,
            ),
            ("ringing", callback(&sid(), InProgress, 2), InProgress),
            ("initiated", callback(&sid(), NoAnswer, 3), NoAnswer),
        ] {
            let call = call();
            dao.create_call(&call).await.unwrap();
            let seed = doc! {
                "$set": { "status": stored, "twilio_sid": null },
                "$unset": { "status_rank": 1, "events": 1, "events_dropped": 1, "dial_outcome": 1 },
            };
            calls
                .update_one(doc! { "_id": call.id }, seed)
                .await
                .unwrap();
            dao.apply_status(Some(call.call_id), &told).await.unwrap();
            let read = read(dao, &call).await;
            assert_eq!(read.status, expected, "{stored}");
            assert_eq!(read.twilio_sid, Some(told.call_sid));
            assert_eq!(read.dial_outcome, None);
            assert_eq!(read.events.len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn text_with_a_dollar_sign_is_not_evaluated() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let update = StatusUpdate {
            token: Some("$script".to_owned()),
            answered_by: Some("$$ROOT".to_owned()),
            error_message: Some("$to_number".to_owned()),
            ..callback(&sid(), Failed, 3)
        };
        dao.apply_status(Some(call.call_id), &update).await.unwrap();
        let again = dao
            .apply_status(Some(call.call_id), &update)
            .await
            .unwrap()
            .applied;
        assert_eq!(again, Applied::Duplicate);
        let read = read(dao, &call).await;
        assert_eq!(read.answered_by.as_deref(), Some("$$ROOT"));
        assert_eq!(read.error_message.as_deref(), Some("$to_number"));
        assert_eq!(read.events[0].token.as_deref(), Some("$script"));
    })
    .await;
}
