//! Tests that an index serves every query.

use std::sync::{Arc, Mutex};

use mongodb::{
    Database,
    bson::{Bson, DateTime, Document, doc},
    event::{EventHandler, command::CommandEvent},
};

use super::all_operations::call_everything;
use crate::support::{with_dao, with_observed_dao};

/// Every command of the DAO finds its documents by an index, and reads a list in the order of that index, so that no command is slow
/// with many documents. Only the total of a list without a filter counts all its documents.
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

/// During a deployment, the previous version also runs. Its own indexes may be dropped by then.
#[tokio::test]
async fn new_indexes_serve_the_reconciler_of_the_previous_version() {
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

/// Compares the keys in order: documents are equal in any order of keys, but indexes are not.
fn order(keys: &Document) -> Vec<(String, Bson)> {
    let keys = keys.iter();
    keys.map(|(key, way)| (key.clone(), way.clone())).collect()
}

/// Returns true if the server would find the documents by an index, in the requested order.
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

/// Returns true if there is an index that `MongoDB` would use: it contains every document that may match, the query has a condition
/// on its first field, and its order is the requested one.
///
/// The server of these tests sometimes uses another index, or scans the collection if it can't compare the query with the condition
/// of a partial index.
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

/// Returns true if the first condition implies the second: they are equal, the values are texts that are not empty, or a
/// comparison finds only fields that exist.
fn implies(asked: &Bson, covered: &Bson) -> bool {
    let is_text = |value: &Bson| value.as_str().is_some_and(|text| !text.is_empty());
    let is_one_of_texts = asked.as_document().is_some_and(|asked| {
        let any = asked.get_array("$in");
        any.is_ok_and(|values| values.iter().all(is_text))
    });
    let is_any_text = *covered == Bson::from(doc! { "$gt": "" });
    let is_compared = asked.as_document().is_some_and(|it| it.contains_key("$gt"));
    let is_any = *covered == Bson::from(doc! { "$exists": true });
    asked == covered || is_any && is_compared || is_any_text && (is_text(asked) || is_one_of_texts)
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

/// A pipeline's lookups in other collections, each as a `find`.
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

/// A pipeline's unions, each as a `find`, and what is before them.
fn unions(command: &Document) -> Vec<Document> {
    let find = |collection: &str, stages: &[Bson]| {
        let mut find = doc! { "find": collection };
        for (stage, field) in [("$match", "filter"), ("$sort", "sort")] {
            let mut stages = stages.iter().filter_map(Bson::as_document);
            let found = stages.find_map(|it| it.get_document(stage).ok());
            find.extend(found.map(|value| (field.to_owned(), value.into())));
        }
        find
    };
    let (Ok(collection), Ok(pipeline)) =
        (command.get_str("aggregate"), command.get_array("pipeline"))
    else {
        return Vec::new();
    };
    let unions: Vec<_> = stages(command)
        .into_iter()
        .filter_map(|stage| stage.get_document("$unionWith").ok())
        .map(|union| {
            find(
                union.get_str("coll").unwrap(),
                union.get_array("pipeline").unwrap(),
            )
        })
        .collect();
    let first = (!unions.is_empty()).then(|| find(collection, pipeline));
    first.into_iter().chain(unions).collect()
}

/// A command as queries: each statement of an update or deletion finds its documents like a `find`.
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
        let unions = unions(command);
        if !unions.is_empty() {
            return unions;
        }
        let mut queries = lookups(command);
        queries.push(query.collect());
        queries
    };
    written("update", "updates")
        .or_else(|| written("delete", "deletes"))
        .unwrap_or_else(itself)
}

/// Keeps only the condition on a unique field, which finds the document alone. The server of these tests explains it only without
/// other conditions.
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

/// The server's plan for the query.
async fn explain(database: &Database, query: &Document) -> Bson {
    let explain = doc! { "explain": query, "verbosity": "queryPlanner" };
    database.run_command(explain).await.unwrap().into()
}

/// The values of this key in the plan, at any depth.
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
