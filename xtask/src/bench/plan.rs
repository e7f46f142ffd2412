//! What the database says of how it finds documents.

use std::collections::BTreeSet;

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use crate::Result;

/// What a plan may consist of: keys that an index leads to, their documents, and what is made of these in passing.
const BY_INDEX: [&str; 14] = [
    "IXSCAN",
    "FETCH",
    "LIMIT",
    "IDHACK",
    "CLUSTERED_IXSCAN",
    "EXPRESS_IXSCAN",
    "EXPRESS_CLUSTERED_IXSCAN",
    "PROJECTION_SIMPLE",
    "PROJECTION_DEFAULT",
    "PROJECTION_COVERED",
    "EQ_LOOKUP",
    "SINGLE_SHARD",
    "SHARDING_FILTER",
    "SHARD_MERGE",
];

/// What belongs to a command's way to the server, and is no part of the query.
const ENVELOPE: [&str; 5] = ["$db", "lsid", "txnNumber", "$clusterTime", "writeConcern"];

/// How a query is answered.
#[derive(Debug, PartialEq)]
pub struct Plan {
    /// Of the plan that has won, from the outermost.
    pub stages: Vec<String>,
    /// The fields of the indexes in it, with their directions.
    pub indexes: Vec<Document>,
    /// How many keys of indexes it has looked at, and how many documents; none where only the plan was asked for.
    pub examined: Option<Examined>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    pub keys: i64,
    pub documents: i64,
}

impl Plan {
    /// Asks the database, which carries the query out where its counts are wanted.
    pub async fn of(database: &Database, query: &Document, with_counts: bool) -> Result<Self> {
        let verbosity = if with_counts {
            "executionStats"
        } else {
            "queryPlanner"
        };
        let explain = doc! { "explain": query, "verbosity": verbosity };
        Ok(Self::read(&database.run_command(explain).await?))
    }

    fn read(explained: &Document) -> Self {
        let mut read = Self {
            stages: Vec::new(),
            indexes: Vec::new(),
            examined: None,
        };
        visit(explained, "winningPlan", &mut |plan| read.add(plan));
        visit(explained, "executionStats", &mut |stats| {
            let count = |field: &str| stats.get(field).and_then(number).unwrap_or_default();
            let so_far = read.examined.unwrap_or(Examined {
                keys: 0,
                documents: 0,
            });
            read.examined = Some(Examined {
                keys: so_far.keys + count("totalKeysExamined"),
                documents: so_far.documents + count("totalDocsExamined"),
            });
        });
        read
    }

    fn add(&mut self, plan: &Document) {
        if let Ok(stage) = plan.get_str("stage") {
            self.stages.push(stage.to_owned());
        }
        if let Ok(fields) = plan.get_document("keyPattern") {
            self.indexes.push(fields.clone());
        }
        for (field, value) in plan {
            match value {
                _ if field == "rejectedPlans" => {}
                Bson::Document(inner) => self.add(inner),
                Bson::Array(values) => {
                    let inner = values.iter().filter_map(Bson::as_document);
                    inner.for_each(|inner| self.add(inner));
                }
                _ => {}
            }
        }
    }

    /// Whether all that is wrong with the plan is that it sorts what comes in that very order: a weakness of the server.
    pub fn sorts_in_vain(&self, query: &Document) -> bool {
        let (Some(index), Ok(sort)) = (self.indexes.first(), query.get_document("sort")) else {
            return false;
        };
        // Documents are equal in any order of their fields.
        self.foreign() == ["SORT"] && index.iter().eq(sort.iter())
    }

    /// The stages that no index leads to: a scan of the collection, a sort in memory.
    pub fn foreign(&self) -> Vec<&str> {
        let stages = self.stages.iter().map(String::as_str);
        stages.filter(|stage| !BY_INDEX.contains(stage)).collect()
    }
}

/// Every document of that name, at any depth, but none within another one. A server that says the same twice, at the top
/// and in the first stage of the pipeline, is heard once.
fn visit(document: &Document, name: &str, found: &mut impl FnMut(&Document)) {
    for (field, value) in document {
        match value {
            Bson::Document(inner) if field == name => found(inner),
            Bson::Document(_) if field == "command" => {}
            Bson::Document(inner) => visit(inner, name, found),
            Bson::Array(values) if !is_at_top(document, name) => {
                let inner = values.iter().filter_map(Bson::as_document);
                inner.for_each(|inner| visit(inner, name, found));
            }
            _ => {}
        }
    }
}

fn is_at_top(document: &Document, name: &str) -> bool {
    document.contains_key(name)
        || document
            .get_document("queryPlanner")
            .is_ok_and(|planner| planner.contains_key(name))
}

fn number(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        _ => None,
    }
}

/// The queries of a command: an update, a deletion and a look-up in another collection search as a `find` does. Empty for
/// a command that searches nothing, and for one that counts.
pub fn queries(command: &Document) -> Vec<Document> {
    let Some((name, collection)) = command.iter().next() else {
        return Vec::new();
    };
    let one = |filter: &Document| doc! { "find": collection, "filter": filter, "limit": 1 };
    match name.as_str() {
        "find" => vec![without_envelope(command)],
        "aggregate" => of_pipeline(command),
        "findAndModify" => command.get_document("query").map(one).into_iter().collect(),
        "update" => statements(command, "updates").map(one).collect(),
        "delete" => statements(command, "deletes").map(one).collect(),
        _ => Vec::new(),
    }
}

fn without_envelope(command: &Document) -> Document {
    let fields = command.iter();
    fields
        .filter(|(field, _)| !ENVELOPE.contains(&field.as_str()))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

fn statements<'a>(command: &'a Document, name: &str) -> impl Iterator<Item = &'a Document> {
    let statements = command.get_array(name).into_iter().flatten();
    statements.filter_map(|statement| statement.as_document()?.get_document("q").ok())
}

fn of_pipeline(command: &Document) -> Vec<Document> {
    let stages: Vec<_> = command
        .get_array("pipeline")
        .into_iter()
        .flatten()
        .filter_map(Bson::as_document)
        .collect();
    let counts = |stage: &&Document| {
        ["$group", "$facet"]
            .iter()
            .any(|name| stage.contains_key(name))
    };
    if stages.iter().any(counts) {
        return Vec::new();
    }
    let lookups = stages
        .iter()
        .filter_map(|stage| stage.get_document("$lookup").ok());
    let looked_up = lookups.filter_map(|lookup| {
        let (from, field) = (lookup.get("from")?, lookup.get_str("foreignField").ok()?);
        Some(doc! { "find": from, "filter": { field: "x" } })
    });
    std::iter::once(without_envelope(command))
        .chain(looked_up)
        .collect()
}

/// How many keys, and documents, a query may look at: a page and one more, or two where it wants one.
pub fn most(query: &Document, page: i64) -> i64 {
    let limit = query.get("limit").and_then(number).map(i64::abs);
    let limit = limit.filter(|&limit| limit > 0);
    limit.map_or(page + 1, |limit| limit.clamp(2, page + 1))
}

/// The query without its values, such as `find calls {user_id, created_at.$lt}`.
pub fn shape(query: &Document) -> String {
    let head = query.iter().next();
    let (name, collection) = head.map_or(("", ""), |(name, collection)| {
        (name.as_str(), collection.as_str().unwrap_or_default())
    });
    let first = query
        .get_array("pipeline")
        .ok()
        .and_then(|stages| stages.first()?.as_document()?.get_document("$match").ok());
    let mut fields = BTreeSet::new();
    if let Some(filter) = query.get_document("filter").ok().or(first) {
        paths(filter, "", &mut fields);
    }
    let fields = Vec::from_iter(fields).join(", ");
    let sorted = if query.contains_key("sort") {
        " sorted"
    } else {
        ""
    };
    format!("{name} {collection} {{{fields}}}{sorted}")
}

fn paths(filter: &Document, prefix: &str, found: &mut BTreeSet<String>) {
    for (field, value) in filter {
        let path = if prefix.is_empty() {
            field.clone()
        } else {
            format!("{prefix}.{field}")
        };
        match value {
            Bson::Document(inner) if !inner.is_empty() => paths(inner, &path, found),
            Bson::Array(values) if field.starts_with('$') => {
                let inner = values.iter().filter_map(Bson::as_document);
                inner.for_each(|inner| paths(inner, &path, found));
                found.insert(path);
            }
            _ => {
                found.insert(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(input: Document) -> Document {
        doc! { "stage": "LIMIT", "inputStage": { "stage": "FETCH", "inputStage": input } }
    }

    #[test]
    fn the_stages_of_the_plan_that_won_are_read() {
        let explained = doc! {
            "queryPlanner": {
                "winningPlan": fetch(doc! { "stage": "IXSCAN", "indexName": "a" }),
                "rejectedPlans": [fetch(doc! { "stage": "COLLSCAN" })],
            },
            "executionStats": {
                "totalKeysExamined": 21, "totalDocsExamined": 21_i64,
                "executionStages": { "stage": "nlj", "totalKeysExamined": 99 },
            },
            "command": { "winningPlan": { "stage": "COLLSCAN" } },
        };
        let plan = Plan::read(&explained);
        assert_eq!(plan.stages, ["LIMIT", "FETCH", "IXSCAN"]);
        assert_eq!(
            plan.examined,
            Some(Examined {
                keys: 21,
                documents: 21
            })
        );
        assert!(plan.foreign().is_empty());
    }

    #[test]
    fn a_sort_in_the_order_of_the_index_is_in_vain() {
        let query = doc! { "find": "calls", "filter": {}, "sort": { "a": 1, "b": -1 } };
        let sorted_by = |fields: Document| {
            let scan = doc! { "stage": "IXSCAN", "keyPattern": fields };
            let sort = doc! { "stage": "SORT", "inputStage": scan };
            Plan::read(&doc! { "queryPlanner": { "winningPlan": sort } })
        };
        assert!(sorted_by(doc! { "a": 1, "b": -1 }).sorts_in_vain(&query));
        assert!(!sorted_by(doc! { "b": -1, "a": 1 }).sorts_in_vain(&query));
        assert!(!sorted_by(doc! { "a": 1, "b": 1 }).sorts_in_vain(&query));
    }

    #[test]
    fn a_plan_within_a_pipeline_is_read() {
        let cursor = doc! {
            "queryPlanner": { "winningPlan": { "queryPlan": {
                "stage": "SORT",
                "inputStages": [{ "stage": "COLLSCAN" }, { "stage": "EXPRESS_IXSCAN" }],
            } } },
            "executionStats": { "totalKeysExamined": 3, "totalDocsExamined": 4 },
        };
        let plan = Plan::read(&doc! { "stages": [{ "$cursor": cursor }, { "$limit": 1 }] });
        assert_eq!(plan.stages, ["SORT", "COLLSCAN", "EXPRESS_IXSCAN"]);
        assert_eq!(plan.foreign(), ["SORT", "COLLSCAN"]);
        let examined = plan.examined.map(|examined| examined.documents);
        assert_eq!(examined, Some(4));
    }

    #[test]
    fn a_plan_that_is_told_twice_is_read_once() {
        let planner = doc! { "winningPlan": { "stage": "IDHACK" } };
        let explained = doc! {
            "stages": [{ "$cursor": { "queryPlanner": &planner } }],
            "queryPlanner": &planner,
        };
        let plan = Plan::read(&explained);
        assert_eq!(plan.stages, ["IDHACK"]);
        assert_eq!(plan.examined, None);
    }

    #[test]
    fn what_changes_documents_searches_them_first() {
        let update = doc! {
            "update": "calls", "updates": [{ "q": { "call_id": "a" }, "u": {} }], "$db": "d",
        };
        let found = doc! { "find": "calls", "filter": { "call_id": "a" }, "limit": 1 };
        assert_eq!(queries(&update), std::slice::from_ref(&found));
        let modify = doc! { "findAndModify": "calls", "query": { "call_id": "a" } };
        assert_eq!(queries(&modify), [found]);
        let lookup = doc! { "$lookup": { "from": "b", "foreignField": "number", "as": "c" } };
        let aggregate =
            doc! { "aggregate": "users", "pipeline": [{ "$match": { "_id": 1 } }, lookup] };
        let shapes: Vec<_> = queries(&aggregate).iter().map(shape).collect();
        assert_eq!(shapes, ["aggregate users {_id}", "find b {number}"]);
        let count = doc! { "aggregate": "users", "pipeline": [{ "$group": { "_id": 1 } }] };
        assert!(queries(&count).is_empty());
        assert!(queries(&doc! { "insert": "users" }).is_empty());
    }

    #[test]
    fn a_query_may_look_at_a_page_and_one_more() {
        assert_eq!(most(&doc! { "find": "a", "limit": 21_i64 }, 20), 21);
        assert_eq!(most(&doc! { "find": "a", "limit": 100 }, 20), 21);
        assert_eq!(most(&doc! { "find": "a", "limit": -1 }, 20), 2);
        assert_eq!(most(&doc! { "find": "a" }, 20), 21);
    }
}
