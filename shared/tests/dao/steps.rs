//! Tests the number of round trips of each operation.

use mongodb::bson::DateTime;
use outdial::{
    dao::{Applied, CALL_TIMEOUT, CapCheck, Cursor, List, PageRequest, Position, VoiceLookup},
    domain::{
        Call, CallId,
        CallStatus::{Completed, InProgress, Initiated, Ringing},
        DialResult, RecordingStatus,
    },
    service::place_call::{begin_dial, store_and_count},
};

use tokio::time::Instant;

use crate::support::{
    accepted, call_of, callback, caps, recording_sid, recording_update, sid, stored_call, user,
    with_counted_dao,
};

#[tokio::test]
async fn status_callback_is_one_command() {
    with_counted_dao(async |dao, sent| {
        let call = stored_call(dao).await;
        let sid = sid();
        dao.record_call_sid(call.call_id, &sid).await.unwrap();
        for (status, sequence) in [
            (Initiated, 0),
            (Ringing, 1),
            (InProgress, 2),
            (Completed, 3),
        ] {
            let update = callback(&sid, status, sequence);
            let told = dao.apply_status(Some(call.call_id), &update);
            let (told, steps, commands) = sent.during(told).await;
            let told = told.unwrap();
            assert_eq!((told.applied, told.hangup_waits), (Applied::Changed, false));
            assert_eq!((steps, &commands[..]), (1, &["update".to_owned()][..]));
        }
    })
    .await;
}

#[tokio::test]
async fn voice_request_takes_one_round_trip() {
    with_counted_dao(async |dao, sent| {
        let call = stored_call(dao).await;
        let sid = sid();
        let ask = |id| sent.during(dao.look_up_for_voice(id, &sid));
        for (id, expected) in [
            // The first request stores the CallSid, and reads the call again.
            (Some(call.call_id), 3),
            (Some(call.call_id), 1),
            (None, 1),
            (Some(CallId::generate()), 2),
        ] {
            let (asking, steps, _) = ask(id).await;
            assert!(
                matches!(asking, Ok(VoiceLookup::Call(_, None))),
                "{asking:?}"
            );
            assert_eq!(steps, expected, "{id:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn recording_callback_takes_one_round_trip_whichever_came_first() {
    with_counted_dao(async |dao, sent| {
        let call = stored_call(dao).await;
        let [first, second] = [recording_sid(), recording_sid()];
        for (recording, status, applied) in [
            (&first, RecordingStatus::Processing, Applied::Changed),
            (&first, RecordingStatus::Completed, Applied::Changed),
            (&first, RecordingStatus::Completed, Applied::Duplicate),
            (&second, RecordingStatus::Completed, Applied::Changed),
        ] {
            let update = recording_update(&call, recording, status);
            let told = dao.apply_recording(Some(call.call_id), &update);
            let (told, steps, commands) = sent.during(told).await;
            assert_eq!(told.unwrap(), applied);
            assert_eq!((steps, commands.len()), (1, 2), "{commands:?}");
            let reconciled = sent.during(dao.create_recording(&call, &update)).await;
            assert_eq!(
                (reconciled.0.unwrap(), reconciled.1),
                (Applied::Duplicate, 1)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn placing_a_call_takes_two_round_trips_before_the_dial_or_three_with_a_key_and_one_after_it()
{
    with_counted_dao(async |dao, sent| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        for (key, result) in [
            (None, accepted(&sid())),
            (None, DialResult::Unknown("time-out".to_owned())),
            (Some("a"), accepted(&sid())),
            (Some("b"), DialResult::Unknown("time-out".to_owned())),
        ] {
            let mut call = Call {
                idempotency_scope: key.map(str::to_owned),
                announces_dial: key.is_some(),
                ..call_of(ada.user_id())
            };
            let deadline = Instant::now() + CALL_TIMEOUT;
            let looking = async {
                tokio::join!(
                    dao.get_call_by_idempotency_scope("scope"),
                    dao.get_callee(ada.user_id(), std::slice::from_ref(&call.to_number)),
                )
            };
            let (_, steps, _) = sent.during(looking).await;
            assert_eq!(steps, 1);
            let admitting = Box::pin(store_and_count(dao, &call, caps(5, 5), None, deadline));
            let (admitted, steps, commands) = sent.during(admitting).await;
            assert_eq!((admitted.unwrap(), steps), (CapCheck::Admitted, 1));
            assert_eq!(commands, ["insert", "update"]);
            if key.is_some() {
                let beginning = Box::pin(begin_dial(dao, &call, DateTime::now(), deadline));
                let (begun, steps, commands) = sent.during(beginning).await;
                assert_eq!((steps, &commands[..]), (1, &["update".to_owned()][..]));
                call = begun.unwrap().unwrap();
            }
            let recording = Box::pin(dao.record_dial(&call, &result, Some(201)));
            let (recorded, steps, commands) = sent.during(recording).await;
            assert_eq!((steps, &commands[..]), (1, &["update".to_owned()][..]));
            assert_eq!(recorded.unwrap(), dao.get_call(call.call_id).await.unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn single_documents_are_read_in_one_round_trip() {
    with_counted_dao(async |dao, sent| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        let call = stored_call(dao).await;
        let update = recording_update(&call, &recording_sid(), RecordingStatus::Completed);
        dao.create_recording(&call, &update).await.unwrap();
        let id = call.call_id;
        let (listed, steps, _) = sent.during(dao.list_call_recordings(id)).await;
        let listed = listed.unwrap().unwrap();
        assert_eq!((listed.len(), steps), (1, 1));
        let recording = listed[0].recording_id();
        let (_, steps, _) = sent.during(dao.get_recording(recording)).await;
        assert_eq!(steps, 1);
        let (_, steps, _) = sent.during(dao.get_call(id)).await;
        assert_eq!(steps, 1);
        let (_, steps, _) = sent.during(dao.get_user(ada.user_id())).await;
        assert_eq!(steps, 1);
    })
    .await;
}

#[tokio::test]
async fn page_of_a_users_calls_is_read_in_one_round_trip() {
    with_counted_dao(async |dao, sent| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        for at in 1..=5 {
            let call = Call {
                created_at: DateTime::from_millis(at),
                ..call_of(ada.user_id())
            };
            dao.create_call(&call).await.unwrap();
        }
        let page = |from| PageRequest { size: 2, from };
        for status in [None, Some(Initiated)] {
            let list = List::UserCalls(ada.user_id(), status);
            let mut from = Position::Page(1);
            for (items, total) in [(2, Some(5)), (2, None), (1, None)] {
                let request = page(from);
                let listing = dao.list_user_calls(ada.user_id(), status, &request);
                let (listed, steps, commands) = sent.during(listing).await;
                let listed = listed.unwrap().unwrap();
                assert_eq!((listed.items.len(), listed.total), (items, total));
                assert_eq!((steps, commands.len()), (1, 2), "{commands:?}");
                if let Some(next) = listed.next_cursor {
                    from = Position::Cursor(Cursor::parse(&next, &list).unwrap());
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn page_of_users_is_read_in_one_round_trip() {
    with_counted_dao(async |dao, sent| {
        for name in ["ada", "bob", "eve"] {
            let user = user(&format!("{name}@example.com"));
            dao.create_user(&user).await.unwrap();
        }
        let page = |from| PageRequest { size: 2, from };
        let first = page(Position::Page(1));
        let (users, steps, _) = sent.during(dao.list_users(None, &first)).await;
        let users = users.unwrap();
        assert_eq!((users.total, steps), (Some(3), 1));
        let cursor = Cursor::parse(&users.next_cursor.unwrap(), &List::Users).unwrap();
        let rest = page(Position::Cursor(cursor));
        let (users, steps, _) = sent.during(dao.list_users(None, &rest)).await;
        assert_eq!((users.unwrap().items.len(), steps), (1, 1));
    })
    .await;
}
