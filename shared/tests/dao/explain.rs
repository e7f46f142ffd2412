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
    dao::{
        Applied, CALL_TIMEOUT, CallFilter, Cursor, Dao, List, PageRequest, Position, ReconcileKind,
        ScanPosition,
    },
    domain::{
        BlockedNumber, Call, CallStatus, Changed, PhoneNumber, RecordingStatus, RecordingUpdate,
        TimeRange, User, UserUpdate,
    },
};

use tokio::time::Instant;

use crate::support::{
    accepted, call_of, callback, caps, recording_sid, recording_update, sid, sid_of, user,
    with_dao, with_observed_dao,
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
            assert!(
                is_by_index(&plan, &command) || has_index_for(&database, &command).await,
                "{:?} for {command:?}",
                find_all(&plan, "stage")
            );
            explained += 1;
        }
        assert!(explained > 80, "only {explained} queries were seen");
    })
    .await;
}

/// While a new version is deployed the one before runs as well. Its own indexes are dropped by then.
#[tokio::test]
async fn the_reconciler_of_the_version_before_is_served_by_the_new_indexes() {
    with_dao(async |dao| {
        let database = dao.database().await.unwrap();
        let going_on = ["initiated", "queued", "ringing", "in-progress"];
        let none = doc! { "$in": [Bson::Null, ""] };
        let some = doc! { "$gt": "" };
        let past = doc! { "$lt": DateTime::now() };
        for filter in [
            doc! {
                "status": { "$in": going_on }, "twilio_sid": &none,
                "dial_outcome": { "$in": ["pending", "unknown"] }, "updated_at": &past,
            },
            doc! { "status": { "$in": going_on }, "twilio_sid": &some, "updated_at": &past },
            doc! {
                "recording_enabled": true, "recording_settled": Bson::Null, "recording_url": &none,
                "status": "completed", "twilio_sid": &some, "updated_at": &past,
            },
        ] {
            let sort = doc! { "updated_at": 1, "_id": 1 };
            let query = doc! { "find": "calls", "filter": filter, "sort": sort };
            assert!(has_index_for(&database, &query).await, "{query}");
        }
    })
    .await;
}

/// Documents are equal in any order, and an index in another order is another index.
fn order(keys: &Document) -> Vec<(String, Bson)> {
    let keys = keys.iter();
    keys.map(|(key, way)| (key.clone(), way.clone())).collect()
}

/// Whether the server says that it would find the documents by an index, in the order that is wanted.
fn is_by_index(plan: &Bson, command: &Document) -> bool {
    let scanned = find_all(plan, "keyPattern");
    let stages = find_all(plan, "stage");
    let is_scan = stages.contains(&"COLLSCAN".into());
    let is_found = !scanned.is_empty() || stages.contains(&"IDHACK".into());
    let is_out_of_order = command.get_document("sort").is_ok_and(|sort| {
        let scanned = scanned.iter().filter_map(Bson::as_document).map(order);
        scanned.collect::<Vec<_>>() != [order(sort)]
    });
    is_found && !is_scan && !is_out_of_order
}

/// Whether there is an index that a `MongoDB` takes, by its own rules: it covers every document that the query may find, the
/// query has a condition on its first field, and its order is the wanted one.
///
/// The server of these tests takes another one at times, and the collection where there are conditions that it does not
/// compare with those of a partial index.
async fn has_index_for(database: &Database, query: &Document) -> bool {
    let stages = stages(query);
    let matched = stages
        .first()
        .and_then(|stage| stage.get_document("$match").ok());
    let filter = query.get_document("filter").ok().or(matched);
    let name = query.values().next().and_then(Bson::as_str);
    let (Some(filter), Some(name)) = (filter, name) else {
        return false;
    };
    let mut indexes = database
        .collection::<Document>(name)
        .list_indexes()
        .await
        .unwrap();
    while indexes.advance().await.unwrap() {
        let index = indexes.deserialize_current().unwrap();
        let covered = index.options.and_then(|it| it.partial_filter_expression);
        let covers_all = covered
            .unwrap_or_default()
            .iter()
            .all(|(field, condition)| {
                let asked = filter.get(field);
                asked.is_some_and(|asked| implies(asked, condition))
            });
        let leads = index
            .keys
            .keys()
            .next()
            .is_some_and(|first| filter.contains_key(first));
        let sort = query.get_document("sort");
        let is_in_order = sort.map_or(true, |sort| order(&index.keys) == order(sort));
        if covers_all && leads && is_in_order {
            return true;
        }
    }
    false
}

/// Whether what passes the one condition passes the other: where they are the same, or the values are texts that are not empty.
fn implies(asked: &Bson, covered: &Bson) -> bool {
    let is_text = |value: &Bson| value.as_str().is_some_and(|text| !text.is_empty());
    let is_one_of_texts = asked.as_document().is_some_and(|asked| {
        let any = asked.get_array("$in");
        any.is_ok_and(|values| values.iter().all(is_text))
    });
    let is_any_text = *covered == Bson::from(doc! { "$gt": "" });
    asked == covered || is_any_text && (is_text(asked) || is_one_of_texts)
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
    of_open_calls(dao, &calls[1]).await;
    of_blocked_numbers(dao, ada).await;
    let span = TimeRange::new(DateTime::from_millis(0), DateTime::from_millis(1)).unwrap();
    dao.call_stats(&span).await.unwrap();
    dao.count_refusal("daily_cap", DateTime::now())
        .await
        .unwrap();
    dao.refusals(&span).await.unwrap();
    dao.dialing().await.unwrap();
    dao.switch_dialing(true, None, None).await.unwrap();
    of_admission(dao, call).await;
    dao.delete_user(ada.user_id()).await.unwrap();
    dao.delete_user(users[1].user_id()).await.unwrap();
}

async fn of_admission(dao: &Dao, call: &Call) {
    let deadline = Instant::now() + CALL_TIMEOUT;
    dao.take_calls(call, caps(2, 2)).await.unwrap();
    let user = call.user_id.parse().unwrap();
    dao.admit_call(&call_of(user), caps(2, 2), deadline)
        .await
        .unwrap();
    dao.begin_dial(call, DateTime::now(), deadline)
        .await
        .unwrap();
    dao.withdraw_undialled(call).await.unwrap();
    dao.withdraw_call(call).await.unwrap();
    dao.give_back_calls(call).await.unwrap();
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
    dao.record_dial(call, &accepted(&sid), 201).await.unwrap();
    dao.get_call_by_twilio_sid(&sid).await.unwrap().unwrap();
    let update = callback(&sid, CallStatus::Ringing, 1);
    for _ in 0..2 {
        dao.update_call(id, &update).await.unwrap();
        dao.update_call_by_twilio_sid(&sid, &update).await.unwrap();
        dao.apply_status(Some(id), &update).await.unwrap();
    }
    dao.record_call_sid(id, &sid).await.unwrap();
    dao.ask_for_call(Some(id), &sid).await.unwrap();
    dao.record_undelivered(Some(id), Some(&sid)).await.unwrap();
    dao.record_undelivered(None, Some(&sid)).await.unwrap();
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
                };
                let first = PageRequest { size: 1, ..first };
                let calls = dao.list_calls(&filter, &first).await.unwrap();
                let next = behind(calls.unwrap().next_cursor, &List::Calls(filter.clone()));
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
    let callee = dao.get_callee(ada.user_id(), &numbers[..2]).await.unwrap();
    assert!(callee.unwrap().blocked_as.is_some());
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
