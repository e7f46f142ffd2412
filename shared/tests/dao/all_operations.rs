//! Calls every operation of the DAO, so that a test sees all its commands.

use std::time::Duration;

use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    dao::{
        Applied, CALL_TIMEOUT, CallFilter, Cursor, Dao, List, PageRequest, Position, ReconcileKind,
        ScanPosition, StepEvent, Wish,
    },
    domain::{
        BatchId, BlockedNumber, Call, CallId, CallStatus, Changed, MachineVerdict, PhoneNumber,
        Recording, RecordingStatus, RecordingUpdate, RefusalCode, TimeRange, User, UserUpdate,
        WaitingFor,
    },
    service::place_call::store_and_count,
};
use tokio::time::Instant;

use super::{all_operations_batches::of_batches, all_operations_queue::of_queue};
use crate::support::{
    accepted, call_of, callback, caps, recording_sid, recording_update, sid, sid_of, user,
};

pub async fn call_everything(dao: &Dao) {
    let users: Vec<_> = (0..5).map(|i| user(&format!("u{i}@example.com"))).collect();
    for user in &users {
        dao.create_user(user).await.unwrap();
    }
    let ada = &users[0];
    let calls: Vec<_> = users.iter().map(|_| call_of(ada.user_id())).collect();
    for call in &calls {
        dao.create_call(call).await.unwrap();
    }
    let call = &calls[0];
    of_users(dao, ada).await;
    of_calls(dao, call).await;
    of_lists(dao, ada).await;
    of_lists_by_result(dao, ada).await;
    of_lists_of_the_queue(dao).await;
    of_recordings(dao, call).await;
    of_open_calls(dao, &calls[1]).await;
    of_blocked_numbers(dao, ada).await;
    of_effects(dao, &calls[2]).await;
    of_words(dao, ada).await;
    of_queue(dao, ada).await;
    of_batches(dao, ada).await;
    let span = TimeRange::new(DateTime::from_millis(0), DateTime::from_millis(1)).unwrap();
    dao.call_stats(&span).await.unwrap();
    dao.count_refusal(RefusalCode::DailyCap, DateTime::now())
        .await
        .unwrap();
    dao.refusals(&span).await.unwrap();
    dao.dialing().await.unwrap();
    dao.switch_dialing(true, None, None).await.unwrap();
    of_admission(dao, call).await;
    dao.delete_user(ada.user_id()).await.unwrap();
    dao.delete_user(users[1].user_id()).await.unwrap();
}

async fn of_words(dao: &Dao, ada: &User) {
    let call = Call {
        sensitive: true,
        words_open: true,
        status: CallStatus::Completed,
        status_rank: CallStatus::ENDED_RANK,
        ..call_of(ada.user_id())
    };
    dao.create_call(&call).await.unwrap();
    let later = DateTime::now().saturating_add_duration(Duration::from_mins(1));
    let first = Some(ObjectId::from_bytes([0; 12]));
    let page = dao.list_ended_words(later, first, 9).await.unwrap();
    assert!(dao.erase_words(&page.calls[0]).await.unwrap());
    assert!(!dao.erase_words(&page.calls[0]).await.unwrap());
    let page = dao.list_ended_words(later, None, 9).await.unwrap();
    assert!(page.calls.is_empty());
}

async fn of_admission(dao: &Dao, call: &Call) {
    let deadline = Instant::now() + CALL_TIMEOUT;
    dao.count_call(call, caps(2, 2), None).await.unwrap();
    let user = call.user_id.parse().unwrap();
    store_and_count(dao, &call_of(user), caps(2, 2), None, deadline)
        .await
        .unwrap();
    dao.begin_dial(call, DateTime::now()).await.unwrap();
    dao.withdraw_undialled(call).await.unwrap();
    dao.withdraw_call(call).await.unwrap();
    dao.uncount_call(call).await.unwrap();
}

async fn of_users(dao: &Dao, ada: &User) {
    dao.get_user(ada.user_id()).await.unwrap().unwrap();
    dao.get_user_by_email(&ada.email).await.unwrap().unwrap();
    let rename = UserUpdate {
        name: Changed(Some("Ada".parse().unwrap())),
        ..UserUpdate::default()
    };
    dao.update_user(ada.user_id(), &rename).await.unwrap();
}

async fn of_calls(dao: &Dao, call: &Call) {
    let id = call.call_id;
    let sid = sid_of(call);
    dao.get_call(id).await.unwrap().unwrap();
    dao.get_call_by_idempotency_scope("scope").await.unwrap();
    dao.request_hangup(id).await.unwrap();
    for wish in [Wish::Cancel, Wish::HangUp, Wish::NoRetry] {
        dao.end_series(id, wish).await.unwrap();
    }
    dao.cancel_call(id).await.unwrap();
    let read = dao.get_call_to_change(id).await.unwrap().unwrap();
    dao.change_waiting_call(&read, call).await.unwrap();
    dao.list_attempts(id).await.unwrap();
    dao.hangup_waits(id).await.unwrap();
    dao.record_dial(call, &accepted(&sid), Some(201))
        .await
        .unwrap();
    let update = callback(&sid, CallStatus::Ringing, 1);
    for _ in 0..2 {
        dao.apply_status(Some(id), &update).await.unwrap();
        dao.update_call_by_twilio_sid(&sid, &update).await.unwrap();
    }
    dao.record_call_sid(id, &sid).await.unwrap();
    dao.look_up_for_voice(Some(id), &sid).await.unwrap();
    for is_certain in [false, true] {
        let undelivered = dao.record_undelivered(Some(id), Some(&sid), is_certain);
        undelivered.await.unwrap();
    }
    let undelivered = dao.record_undelivered(None, Some(&sid), false);
    undelivered.await.unwrap();
    let verdict = MachineVerdict {
        call_sid: sid.clone(),
        answered_by: "machine_end_beep".to_owned(),
    };
    dao.record_verdict(id, &verdict, true).await.unwrap();
    dao.record_step(id, &sid, &StepEvent::Ended(true))
        .await
        .unwrap();
}

async fn of_lists(dao: &Dao, ada: &User) {
    let page = PageRequest {
        size: 2,
        from: Position::Page(2),
    };
    let behind = |cursor: Option<String>, list: &List| PageRequest {
        size: 2,
        from: Position::Cursor(Cursor::parse(&cursor.unwrap(), list).unwrap()),
    };
    let users = dao.list_users(None, &page).await.unwrap();
    dao.list_users(None, &behind(users.next_cursor, &List::Users))
        .await
        .unwrap();
    let number = &ada.phone_number;
    let first = PageRequest {
        size: 2,
        from: Position::Page(1),
    };
    let users = dao.list_users(Some(number), &first).await.unwrap();
    let next = behind(users.next_cursor, &List::UsersOfNumber(number.clone()));
    dao.list_users(Some(number), &next).await.unwrap();
    for status in [None, Some(CallStatus::Initiated)] {
        let list = List::UserCalls(ada.user_id(), status);
        let first = PageRequest {
            size: 2,
            from: Position::Page(1),
        };
        let calls = dao
            .list_user_calls(ada.user_id(), status, &first)
            .await
            .unwrap();
        let next = behind(calls.unwrap().next_cursor, &list);
        dao.list_user_calls(ada.user_id(), status, &next)
            .await
            .unwrap();
        let day = Duration::from_hours(24);
        let now = DateTime::now();
        let number: PhoneNumber = "+12125550123".parse().unwrap();
        for (user, to_number) in [
            (None, None),
            (Some(ada.user_id()), None),
            (None, Some(number.clone())),
            (Some(ada.user_id()), Some(number)),
        ] {
            for [from, to] in [
                [None, None],
                [
                    Some(DateTime::from_millis(0)),
                    Some(now.saturating_add_duration(day)),
                ],
            ] {
                let filter = CallFilter {
                    user,
                    status,
                    to_number: to_number.clone(),
                    from,
                    to,
                    ..CallFilter::default()
                };
                let first = PageRequest { size: 1, ..first };
                let calls = dao.list_calls(&filter, &first).await.unwrap();
                let next = behind(calls.unwrap().next_cursor, &List::Calls(filter.clone()));
                dao.list_calls(&filter, &next).await.unwrap();
            }
        }
    }
}

async fn of_lists_by_result(dao: &Dao, ada: &User) {
    let first = PageRequest {
        size: 1,
        from: Position::Page(1),
    };
    for user in [None, Some(ada.user_id())] {
        for status in [None, Some(CallStatus::Completed)] {
            let filter = CallFilter {
                user,
                status,
                result: "confirmed".parse().ok(),
                ..CallFilter::default()
            };
            dao.list_calls(&filter, &first).await.unwrap();
        }
    }
}

async fn of_lists_of_the_queue(dao: &Dao) {
    let first = PageRequest {
        size: 1,
        from: Position::Page(1),
    };
    for (batch, first_call) in [
        (Some(BatchId::generate()), None),
        (None, Some(CallId::generate())),
    ] {
        let filter = CallFilter {
            batch,
            first_call,
            ..CallFilter::default()
        };
        dao.list_calls(&filter, &first).await.unwrap();
    }
}

async fn of_recordings(dao: &Dao, call: &Call) {
    let update = recording_update(call, &recording_sid(), RecordingStatus::Completed);
    for _ in 0..2 {
        dao.create_recording(call, &update).await.unwrap();
        dao.apply_recording(Some(call.call_id), &update)
            .await
            .unwrap();
    }
    let orphan = RecordingUpdate {
        call_sid: sid(),
        ..recording_update(call, &recording_sid(), RecordingStatus::Completed)
    };
    let orphaned = dao.apply_recording(Some(call.call_id), &orphan).await;
    assert_eq!(orphaned.unwrap(), Applied::OtherCall);
    let recordings = dao
        .list_call_recordings(call.call_id)
        .await
        .unwrap()
        .unwrap();
    let id = recordings[0].recording_id();
    dao.get_recording(id).await.unwrap().unwrap();
    dao.get_recording_by_call_id(call.id)
        .await
        .unwrap()
        .unwrap();
    dao.update_recording(id, RecordingStatus::Deleted)
        .await
        .unwrap();
    dao.delete_recording(&recordings[0]).await.unwrap();
    of_transcripts(dao, call, &recordings[0]).await;
}

async fn of_transcripts(dao: &Dao, call: &Call, recording: &Recording) {
    let id = recording.recording_id();
    let sid = "GT0123456789abcdef0123456789abcdef".parse().unwrap();
    let wanted = dao.want_transcript(recording, call.call_id, Some("en-US"));
    let wanted = wanted.await.unwrap();
    let begun = dao.begin_transcript(&wanted).await.unwrap().unwrap();
    dao.withdraw_transcript(id, begun).await.unwrap();
    assert!(dao.record_transcript_sid(id, &sid).await.unwrap());
    dao.get_transcribed_call(&sid).await.unwrap().unwrap();
    dao.complete_transcript(id, &[], false).await.unwrap();
    dao.fail_transcript(id, "failed").await.unwrap();
    dao.get_transcript(id).await.unwrap().unwrap();
    dao.delete_transcript(recording).await.unwrap();
    let known = [recording.twilio_sid.clone()];
    dao.settle_transcripts(call.call_id, &known).await.unwrap();
}

async fn of_open_calls(dao: &Dao, call: &Call) {
    let now = DateTime::now();
    for open in ReconcileKind::ALL {
        for after in [None, Some(ScanPosition::of(call))] {
            dao.list_open_calls(open, now, after, 2).await.unwrap();
        }
        dao.get_bookmark(open).await.unwrap();
        dao.set_bookmark(open, Some(ScanPosition::of(call)))
            .await
            .unwrap();
    }
    let names = [sid_of(call), sid()];
    dao.list_known_sids(&names).await.unwrap();
    let long_ago = DateTime::from_millis(0);
    dao.count_rivals(call, long_ago, now).await.unwrap();
    dao.give_up_call(call.call_id, None).await.unwrap();
    dao.settle_recording(call.call_id).await.unwrap();
}

async fn of_effects(dao: &Dao, call: &Call) {
    let now = DateTime::now();
    for after in [None, Some(call.id)] {
        dao.list_calls_with_effects(now, after, 2).await.unwrap();
    }
    dao.finish_effects(call.call_id, &[1, 2]).await.unwrap();
    dao.store_result(call).await.unwrap();
    for batch in [None, Some(BatchId::generate())] {
        dao.get_batch_state(batch).await.unwrap();
    }
    let next = CallId::of_attempt(call.call_id, 2);
    let next = Call {
        id: next.object_id(),
        call_id: next,
        ..call.clone().scheduled(now, now, WaitingFor::RetryDelay)
    };
    dao.create_next_attempt(&next).await.unwrap();
    dao.link_next_attempt(call, next.call_id).await.unwrap();
    for _ in 0..2 {
        dao.release_next_attempt(&next).await.unwrap();
    }
    dao.withdraw_next_attempt(next.call_id).await.unwrap();
}

async fn of_blocked_numbers(dao: &Dao, ada: &User) {
    let numbers: Vec<_> = (0..5)
        .map(|last| format!("+1212555012{last}").parse().unwrap())
        .collect();
    for number in &numbers {
        let blocked = BlockedNumber {
            id: ObjectId::new(),
            number: PhoneNumber::clone(number),
            reason: None,
            created_by: None,
            created_at: DateTime::now(),
        };
        dao.block_number(&blocked).await.unwrap();
    }
    dao.language_of_caller(&numbers[..2]).await.unwrap();
    let now = DateTime::now();
    dao.opt_caller_out(&numbers[..2], now).await.unwrap();
    let callee = dao.get_callee(ada.user_id(), &numbers[..2]).await.unwrap();
    assert!(!callee.unwrap().blocked.is_empty());
    let page = |from| PageRequest { size: 2, from };
    let first = page(Position::Page(2));
    let cursor = dao.list_blocked_numbers(&first).await.unwrap().next_cursor;
    let cursor = Cursor::parse(&cursor.unwrap(), &List::BlockedNumbers).unwrap();
    dao.list_blocked_numbers(&page(Position::Cursor(cursor)))
        .await
        .unwrap();
    dao.get_blocked_number(&numbers[0]).await.unwrap().unwrap();
    dao.unblock_number(&numbers[0]).await.unwrap();
}
