//! How many commands follow one another: each is a round trip that somebody waits for.

use outdial::{
    dao::{Applied, Asking, Taken},
    domain::{
        CallId,
        CallStatus::{Completed, InProgress, Initiated, Ringing},
        DialResult, RecordingStatus,
    },
};

use crate::support::{
    call_of, callback, recording_sid, recording_update, sid, stored_call, user, with_counted_dao,
};

#[tokio::test]
async fn a_status_callback_is_one_command() {
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
async fn a_call_that_asks_what_to_say_waits_for_one_step() {
    with_counted_dao(async |dao, sent| {
        let call = stored_call(dao).await;
        let sid = sid();
        let ask = |id| sent.during(dao.ask_for_call(id, &sid));
        for (id, expected) in [
            // The first to bring the name stores it, and looks again.
            (Some(call.call_id), 3),
            (Some(call.call_id), 1),
            (None, 1),
            (Some(CallId::generate()), 2),
        ] {
            let (asking, steps, _) = ask(id).await;
            assert!(matches!(asking, Ok(Asking::Call(_, None))), "{asking:?}");
            assert_eq!(steps, expected, "{id:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_recording_callback_waits_for_one_step_whoever_has_come_before() {
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
async fn placing_a_call_waits_for_two_steps_before_the_dial_and_for_one_after_it() {
    with_counted_dao(async |dao, sent| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        for result in [
            DialResult::Accepted(sid()),
            DialResult::Unknown("time-out".to_owned()),
        ] {
            let call = call_of(ada.user_id());
            let looking = async {
                tokio::join!(
                    dao.get_call_by_idempotency_scope("scope"),
                    dao.get_callee(ada.user_id(), &call.to_number),
                )
            };
            let (_, steps, _) = sent.during(looking).await;
            assert_eq!(steps, 1);
            let admitting = dao.admit_call(&call, ada.user_id(), 5, 5);
            let (admitted, steps, commands) = sent.during(admitting).await;
            assert_eq!((admitted.unwrap(), steps), (Taken::Taken, 1));
            assert_eq!(commands, ["insert", "update"]);
            let recording = dao.record_dial(&call, &result, 201);
            let (recorded, steps, commands) = sent.during(recording).await;
            assert_eq!((steps, &commands[..]), (1, &["update".to_owned()][..]));
            assert_eq!(recorded.unwrap(), dao.get_call(call.call_id).await.unwrap());
        }
    })
    .await;
}
