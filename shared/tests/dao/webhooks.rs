use std::sync::{Arc, Mutex};

use mongodb::{
    bson::doc,
    event::{EventHandler, command::CommandEvent},
};
use outdial::{
    config::MongoConfig,
    dao::{Applied, Dao, DaoError, Told},
    domain::{
        CallId,
        CallStatus::{Canceled, Completed, InProgress, Initiated, Ringing},
        DialResult,
    },
};
use secrecy::SecretString;

use crate::support::{
    callback, server, sid, stored_call, with_dao, with_database, with_observed_dao,
};

fn told(applied: Applied, hangup_waits: bool) -> Told {
    Told {
        applied,
        hangup_waits,
    }
}

#[tokio::test]
async fn a_status_callback_is_one_command() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&sent);
    let observer = EventHandler::callback(move |event| {
        if let CommandEvent::Started(started) = event {
            record.lock().unwrap().push(started.command_name);
        }
    });
    with_observed_dao(observer, async |dao| {
        let call = stored_call(dao).await;
        let sid = sid();
        let accepted = DialResult::Accepted(sid.clone());
        dao.record_dial(call.call_id, &accepted, 201).await.unwrap();
        for (status, sequence) in [
            (Initiated, 0),
            (Ringing, 1),
            (InProgress, 2),
            (Completed, 3),
        ] {
            sent.lock().unwrap().clear();
            let update = callback(&sid, status, sequence);
            let answer = dao.apply_status(Some(call.call_id), &update).await.unwrap();
            assert_eq!(answer, told(Applied::Changed, false));
            assert_eq!(*sent.lock().unwrap(), ["update"]);
        }
    })
    .await;
}

#[tokio::test]
async fn the_status_callback_that_names_an_unanswered_call_tells_of_a_hang_up_that_waits() {
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
                assert_eq!(answer, told(applied, waits), "{first:?}");
            }
            let next = callback(&sid, Ringing, 9);
            let answer = dao.apply_status(Some(call.call_id), &next).await.unwrap();
            assert_eq!(answer, told(Applied::Changed, false));
        }
        let call = stored_call(dao).await;
        let answer = dao
            .apply_status(Some(call.call_id), &callback(&sid(), Ringing, 1))
            .await;
        assert_eq!(answer.unwrap(), told(Applied::Changed, false));
    })
    .await;
}

#[tokio::test]
async fn a_status_callback_under_another_sid_changes_nothing_and_ends_nothing() {
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
            assert_eq!(answer, told(Applied::OtherCall, false));
            assert_eq!(dao.get_call(id).await.unwrap(), before);
        }
    })
    .await;
}

#[tokio::test]
async fn a_status_callback_whose_url_names_no_call_of_ours_goes_by_its_sid() {
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
        assert_eq!(answer, told(Applied::UnknownCall, false));
    })
    .await;
}

/// Fail points are the server's, not a database's: these cases come one after the other, under a name of their own.
#[tokio::test]
async fn passing_errors_at_a_status_callback_are_retried_once() {
    with_database(async |database, config| {
        let name = &config.database;
        let separator = if server().contains('?') { '&' } else { '?' };
        let uri = format!("{}{separator}appName={name}", server());
        let dao = Dao::new(&MongoConfig {
            uri: SecretString::from(uri),
            database: name.clone(),
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
        let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
        admin.run_command(off).await.unwrap();
    })
    .await;
}
