use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mongodb::{
    Database,
    bson::{Bson, DateTime, Document, doc, oid::ObjectId},
    event::{EventHandler, command::CommandEvent},
};
use outdial::{
    dao::{Applied, CallFilter, Cursor, Dao, List, PageRequest, Position},
    domain::{
        BlockedNumber, Call, CallStatus, Changed, DialResult, PhoneNumber, RecordingStatus,
        RecordingUpdate, Span, User, UserUpdate,
    },
};

use crate::support::{
    call_of, callback, recording_sid, recording_update, sid, sid_of, user, with_observed_dao,
};

/// Every command that the DAO sends finds its documents by an index, and a list comes in the very order of that index: with
/// many documents no command becomes slow. Only the total of a list of all, which a page by number tells, counts them.
#[tokio::test]
async fn every_query_is_served_by_an_index() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&sent);
    let observer = EventHandler::callback(move |event| {
        if let CommandEvent::Started(started) = event {
            record.lock().unwrap().push(started.command);
        }
    });
    with_observed_dao(observer, async |dao| {
        call_everything(dao).await;
        let sent = std::mem::take(&mut *sent.lock().unwrap());
        let database = dao.database().await.unwrap();
        let mut explained = 0;
        let queries = sent.iter().filter(|command| is_query(command));
        for command in queries.flat_map(as_finds).map(by_unique_field) {
            let plan = explain(&database, &command).await;
            let scanned = find_all(&plan, "keyPattern");
            let stages = find_all(&plan, "stage");
            assert!(
                !scanned.is_empty() || stages.contains(&"IDHACK".into()),
                "{stages:?} for {command:?}"
            );
            assert!(
                !stages.contains(&"COLLSCAN".into()),
                "{stages:?} for {command:?}"
            );
            if let Ok(sort) = command.get_document("sort") {
                let scanned: Vec<_> = scanned
                    .iter()
                    .filter_map(Bson::as_document)
                    .map(order)
                    .collect();
                // The server of these tests takes the shortest index of fields that must be equal, a MongoDB the one in order.
                let is_chosen = scanned == [order(sort)];
                assert!(
                    is_chosen || are_equal(&command) && has_index(&database, &command, sort).await,
                    "{scanned:?} for {command:?}"
                );
            }
            explained += 1;
        }
        assert!(explained > 60, "only {explained} queries were seen");
    })
    .await;
}

/// Documents are equal in any order, and an index in another order is another index.
fn order(keys: &Document) -> Vec<(String, Bson)> {
    let keys = keys.iter();
    keys.map(|(key, way)| (key.clone(), way.clone())).collect()
}

fn are_equal(query: &Document) -> bool {
    let filter = query.get_document("filter").unwrap();
    !filter.is_empty() && filter.values().all(|value| value.as_str().is_some())
}

async fn has_index(database: &Database, query: &Document, sort: &Document) -> bool {
    let collection = database.collection::<Document>(query.get_str("find").unwrap());
    let mut indexes = collection.list_indexes().await.unwrap();
    while indexes.advance().await.unwrap() {
        if order(&indexes.deserialize_current().unwrap().keys) == order(sort) {
            return true;
        }
    }
    false
}

fn is_query(command: &Document) -> bool {
    let stages = stages(command);
    let counts_all = stages
        .first()
        .is_some_and(|first| first.get_document("$match").is_ok_and(Document::is_empty));
    let name = command.keys().next().map(String::as_str);
    matches!(name, Some("find" | "update" | "delete" | "aggregate")) && !counts_all
}

fn stages(command: &Document) -> Vec<&Document> {
    let stages = command.get_array("pipeline").into_iter().flatten();
    stages.filter_map(Bson::as_document).collect()
}

/// What a pipeline looks up in other collections, as a `find` does.
fn lookups(command: &Document) -> Vec<Document> {
    let stages = stages(command).into_iter();
    stages
        .filter_map(|stage| stage.get_document("$lookup").ok())
        .map(|lookup| {
            let field = lookup.get_str("foreignField").unwrap();
            doc! { "find": lookup.get_str("from").unwrap(), "filter": { field: "x" } }
        })
        .collect()
}

/// The command as queries: an update and a deletion look for their documents, each of their statements, as a `find` does.
fn as_finds(command: &Document) -> Vec<Document> {
    const ENVELOPE: [&str; 5] = ["$db", "lsid", "txnNumber", "$clusterTime", "writeConcern"];
    let written = |kind: &str, statements: &str| {
        let collection = command.get_str(kind).ok()?;
        let statements = command.get_array(statements).ok()?.iter();
        let filters = statements.filter_map(|each| each.as_document()?.get_document("q").ok());
        Some(
            filters
                .map(|filter| doc! { "find": collection, "filter": filter })
                .collect(),
        )
    };
    let itself = || {
        let query = command
            .iter()
            .filter(|(field, _)| !ENVELOPE.contains(&field.as_str()));
        let query = query.map(|(field, value)| (field.clone(), value.clone()));
        let mut queries = lookups(command);
        queries.push(query.collect());
        queries
    };
    written("update", "updates")
        .or_else(|| written("delete", "deletes"))
        .unwrap_or_else(itself)
}

/// A document is found by a unique field whatever else is compared; the server of these tests does so, and explains it only
/// where nothing else is.
fn by_unique_field(mut query: Document) -> Document {
    if let Ok(filter) = query.get_document("filter") {
        let unique = ["_id", "twilio_sid"].into_iter().find_map(|field| {
            let value = filter.get(field)?;
            matches!(value, Bson::String(_) | Bson::ObjectId(_)).then(|| doc! { field: value })
        });
        if let Some(unique) = unique {
            query.insert("filter", unique);
        }
    }
    query
}

/// What the server would do.
async fn explain(database: &Database, query: &Document) -> Bson {
    let explain = doc! { "explain": query, "verbosity": "queryPlanner" };
    database.run_command(explain).await.unwrap().into()
}

/// What the plan has under that name, whatever its depth.
fn find_all(plan: &Bson, name: &str) -> Vec<Bson> {
    match plan {
        Bson::Document(document) => document
            .iter()
            .filter(|(field, _)| *field != "rejectedPlans" && *field != "command")
            .flat_map(|(field, value)| {
                if field == name {
                    vec![value.clone()]
                } else {
                    find_all(value, name)
                }
            })
            .collect(),
        Bson::Array(values) => values
            .iter()
            .flat_map(|value| find_all(value, name))
            .collect(),
        _ => Vec::new(),
    }
}

async fn call_everything(dao: &Dao) {
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
    of_recordings(dao, call).await;
    of_blocked_numbers(dao, ada).await;
    let span = Span::new(DateTime::from_millis(0), DateTime::from_millis(1)).unwrap();
    dao.call_stats(&span).await.unwrap();
    dao.count_refusal("daily_cap", DateTime::now())
        .await
        .unwrap();
    dao.refusals(&span).await.unwrap();
    dao.dialing().await.unwrap();
    dao.switch_dialing(true, None, None).await.unwrap();
    dao.take_calls(ada.user_id(), DateTime::now(), 2, 2)
        .await
        .unwrap();
    dao.admit_call(&call_of(ada.user_id()), ada.user_id(), 2, 2)
        .await
        .unwrap();
    dao.withdraw_call(call).await.unwrap();
    dao.give_back_calls(ada.user_id(), DateTime::now())
        .await
        .unwrap();
    dao.delete_user(ada.user_id()).await.unwrap();
    dao.delete_user(users[1].user_id()).await.unwrap();
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
    dao.hangup_waits(id).await.unwrap();
    dao.record_dial(call, &DialResult::Accepted(sid.clone()), 201)
        .await
        .unwrap();
    dao.get_call_by_twilio_sid(&sid).await.unwrap().unwrap();
    let update = callback(&sid, CallStatus::Ringing, 1);
    for _ in 0..2 {
        dao.update_call(id, &update).await.unwrap();
        dao.update_call_by_twilio_sid(&sid, &update).await.unwrap();
        dao.apply_status(Some(id), &update).await.unwrap();
    }
    dao.record_call_sid(id, &sid).await.unwrap();
    dao.ask_for_call(Some(id), &sid).await.unwrap();
}

async fn of_lists(dao: &Dao, ada: &User) {
    let page = PageRequest {
        size: 2,
        from: Position::Page(2),
    };
    let behind = |cursor: Option<String>, list| PageRequest {
        size: 2,
        from: Position::Cursor(Cursor::parse(&cursor.unwrap(), list).unwrap()),
    };
    let users = dao.list_users(&page).await.unwrap();
    dao.list_users(&behind(users.next_cursor, List::Users))
        .await
        .unwrap();
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
        let next = behind(calls.unwrap().next_cursor, list);
        dao.list_user_calls(ada.user_id(), status, &next)
            .await
            .unwrap();
        let day = Duration::from_hours(24);
        let now = DateTime::now();
        for user in [None, Some(ada.user_id())] {
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
                    from,
                    to,
                };
                let first = PageRequest { size: 1, ..first };
                let calls = dao.list_calls(&filter, &first).await.unwrap();
                let next = behind(calls.unwrap().next_cursor, List::Calls(filter));
                dao.list_calls(&filter, &next).await.unwrap();
            }
        }
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
    let callee = dao.get_callee(ada.user_id(), &numbers[0]).await.unwrap();
    assert!(callee.unwrap().is_blocked);
    let page = |from| PageRequest { size: 2, from };
    let first = page(Position::Page(2));
    let cursor = dao.list_blocked_numbers(&first).await.unwrap().next_cursor;
    let cursor = Cursor::parse(&cursor.unwrap(), List::BlockedNumbers).unwrap();
    dao.list_blocked_numbers(&page(Position::Cursor(cursor)))
        .await
        .unwrap();
    dao.get_blocked_number(&numbers[0]).await.unwrap().unwrap();
    dao.unblock_number(&numbers[0]).await.unwrap();
}
