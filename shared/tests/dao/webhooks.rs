//! Tests status callbacks and voice requests that bring the `CallSid`, and hang-up requests that wait for it.

use mongodb::bson::doc;
use outdial::{
    config::MongoConfig,
    dao::{Applied, Dao, DaoError, StatusOutcome, VoiceLookup},
    domain::{
        CallId,
        CallStatus::{Canceled, Completed, InProgress, Initiated, Ringing},
    },
};
use secrecy::SecretString;

use crate::support::{callback, server, sid, stored_call, with_dao, with_database};

fn outcome(applied: Applied, hangup_waits: bool) -> StatusOutcome {
    StatusOutcome {
        applied,
        hangup_waits,
        has_effects: false,
    }
}

#[tokio::test]
async fn callback_with_the_call_sid_of_an_unanswered_call_reports_a_waiting_hang_up() {
    with_dao(async |dao| {
        for (first, waits) in [
            (Initiated, true),
            (Ringing, true),
            (InProgress, false),
            (Completed, false),
        ] {
            let call = stored_call(dao).await;
            let sid = sid();
            dao.request_hangup(call.call_id).await.unwrap();
            let update = callback(&sid, first, 0);
            for (applied, waits) in [(Applied::Changed, waits), (Applied::Duplicate, false)] {
                let answer = dao.apply_status(Some(call.call_id), &update).await.unwrap();
                assert_eq!(answer, outcome(applied, waits), "{first:?}");
            }
            let next = callback(&sid, Ringing, 9);
            let answer = dao.apply_status(Some(call.call_id), &next).await.unwrap();
            assert_eq!(answer, outcome(Applied::Changed, false));
        }
        let call = stored_call(dao).await;
        let answer = dao
            .apply_status(Some(call.call_id), &callback(&sid(), Ringing, 1))
            .await;
        assert_eq!(answer.unwrap(), outcome(Applied::Changed, false));
    })
    .await;
}

#[tokio::test]
async fn callback_with_another_call_sid_changes_nothing() {
    with_dao(async |dao| {
        let [call, other] = [stored_call(dao).await, stored_call(dao).await];
        let known = sid();
        let first = callback(&known, Ringing, 1);
        dao.request_hangup(call.call_id).await.unwrap();
        dao.apply_status(Some(call.call_id), &first).await.unwrap();
        for (id, update) in [
            (call.call_id, callback(&sid(), Canceled, 2)),
            (other.call_id, callback(&known, Canceled, 2)),
        ] {
            let before = dao.get_call(id).await.unwrap();
            let answer = dao.apply_status(Some(id), &update).await.unwrap();
            assert_eq!(answer, outcome(Applied::OtherCall, false));
            assert_eq!(dao.get_call(id).await.unwrap(), before);
        }
    })
    .await;
}

#[tokio::test]
async fn callback_without_a_known_call_id_is_applied_by_call_sid() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let sid = sid();
        dao.record_call_sid(call.call_id, &sid).await.unwrap();
        for (id, status, sequence) in [
            (None, Ringing, 1),
            (Some(CallId::generate()), InProgress, 2),
        ] {
            let update = callback(&sid, status, sequence);
            let answer = dao.apply_status(id, &update).await.unwrap();
            assert_eq!(answer.applied, Applied::Changed);
        }
        let orphan = callback(&crate::support::sid(), Ringing, 1);
        let answer = dao
            .apply_status(Some(CallId::generate()), &orphan)
            .await
            .unwrap();
        assert_eq!(answer, outcome(Applied::UnknownCall, false));
    })
    .await;
}

#[tokio::test]
async fn concurrent_hang_up_finds_the_call_sid_or_is_found_by_voice() {
    with_dao(async |dao| {
        for _ in 0..20 {
            let call = stored_call(dao).await;
            let sid = sid();
            let (asking, wished) = tokio::join!(
                dao.look_up_for_voice(Some(call.call_id), &sid),
                dao.request_hangup(call.call_id),
            );
            let Ok(VoiceLookup::Call(asks, None)) = asking else {
                panic!("{asking:?}")
            };
            let finds_the_name = wished.unwrap().unwrap().twilio_sid.is_some();
            assert!(finds_the_name || asks.hangup_requested);
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_first_of_two_calls_with_one_call_id_is_the_call() {
    with_dao(async |dao| {
        for _ in 0..20 {
            let call = stored_call(dao).await;
            dao.request_hangup(call.call_id).await.unwrap();
            let sids = [sid(), sid()];
            let ask = |sid| dao.look_up_for_voice(Some(call.call_id), sid);
            let (one, other) = tokio::join!(ask(&sids[0]), ask(&sids[1]));
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            for (asking, sid) in [one, other].into_iter().zip(&sids) {
                match asking.unwrap() {
                    VoiceLookup::Call(asks, None) => {
                        assert_eq!(stored.twilio_sid.as_ref(), Some(sid));
                        assert!(asks.hangup_requested);
                    }
                    asking => {
                        assert!(matches!(asking, VoiceLookup::OtherCall), "{asking:?}");
                        assert_ne!(stored.twilio_sid.as_ref(), Some(sid));
                    }
                }
            }
        }
    })
    .await;
}

/// Fail points belong to the server, not to a database. So these cases run in sequence, under an app name of their own.
#[tokio::test]
async fn transient_database_error_is_retried_once() {
    with_database(async |database, config| {
        let name = &config.database;
        let separator = if server().contains('?') { '&' } else { '?' };
        let uri = format!("{}{separator}appName={name}", server());
        let dao = Dao::new(&MongoConfig {
            uri: SecretString::from(uri),
            database: name.clone(),
            ..config
        })
        .unwrap();
        let call = stored_call(&dao).await;
        let sid = sid();
        let admin = database.client().database("admin");
        let fail = async |times: i32, error_code: Option<i32>| {
            let mut how = doc! { "failCommands": ["update"], "appName": name };
            match error_code {
                Some(code) => how.insert("errorCode", code),
                None => how.insert("closeConnection", true),
            };
            let fail_point =
                doc! { "configureFailPoint": "failCommand", "mode": { "times": times }, "data": how };
            admin.run_command(fail_point).await.expect("the server takes test commands");
        };
        for (sequence, passing) in [(1, Some(189)), (2, None)] {
            fail(1, passing).await;
            let update = callback(&sid, Ringing, sequence);
            let answer = dao.apply_status(Some(call.call_id), &update).await.unwrap();
            assert_eq!(answer.applied, Applied::Changed);
        }
        fail(2, Some(189)).await;
        let update = callback(&sid, Completed, 3);
        let refused = dao.apply_status(Some(call.call_id), &update).await;
        assert!(matches!(refused, Err(DaoError::Unavailable(_))), "{refused:?}");

        // A failure to store the CallSid delays neither the script nor a requested hang-up.
        let unnamed = stored_call(&dao).await;
        for waits in [false, true] {
            fail(2, Some(189)).await;
            let asking = dao.look_up_for_voice(Some(unnamed.call_id), &crate::support::sid()).await;
            match asking.unwrap() {
                VoiceLookup::Call(asks, Some(DaoError::Unavailable(_))) => {
                    assert_eq!(asks.hangup_requested, waits);
                }
                other => panic!("{other:?}"),
            }
            dao.request_hangup(unnamed.call_id).await.unwrap();
        }
        let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
        admin.run_command(off).await.unwrap();
    })
    .await;
}
