//! Query plans: reads what the database explains, and lists the queries of a command.

use std::collections::BTreeSet;

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use stack::Result;

/// Stages that use an index, and stages that process the documents without a scan or a sort.
const INDEXED: [&str; 14] = [
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

/// Fields of a command that don't belong to the query.
const ENVELOPE: [&str; 5] = ["$db", "lsid", "txnNumber", "$clusterTime", "writeConcern"];

/// The plan that the database uses for a query.
#[derive(Debug, PartialEq)]
pub struct QueryPlan {
    /// The stages of the winning plan, the outermost first.
    pub stages: Vec<String>,
    /// The fields and directions of the indexes that it uses.
    pub indexes: Vec<Document>,
    /// Counts of the execution; `None` if the query wasn't executed.
    pub examined: Option<Examined>,
}

/// The numbers of index keys and documents that a query has examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    pub keys: i64,
    pub documents: i64,
}

impl QueryPlan {
    /// Has the database explain a query. With counts, the database executes the query.
    pub async fn explain(database: &Database, query: &Document, with_counts: bool) -> Result<Self> {
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

    /// Returns whether the only unindexed stage sorts documents that the index already returns in that order. MongoDB
    /// doesn't do that.
    pub fn sorts_needlessly(&self, query: &Document) -> bool {
        let (Some(index), Ok(sort)) = (self.indexes.first(), query.get_document("sort")) else {
            return false;
        };
        // `==` ignores the order of fields.
        self.unindexed_stages() == ["SORT"] && index.iter().eq(sort.iter())
    }

    /// Returns the stages that use no index, such as a collection scan or a sort in memory.
    pub fn unindexed_stages(&self) -> Vec<&str> {
        let stages = self.stages.iter().map(String::as_str);
        stages.filter(|stage| !INDEXED.contains(stage)).collect()
    }
}

/// Visits every field of this name that is a document, at any depth, but not within another one. If the server reports a
/// plan both at the top and in the first stage of the pipeline, only the first is visited.
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

/// Returns a text such as `find calls`.
pub fn name(command: &Document) -> String {
    let first = command.iter().next();
    first.map_or_else(String::new, |(name, collection)| {
        format!("{name} {}", collection.as_str().unwrap_or_default())
    })
}

/// Returns the queries of a command as `find` commands: also of updates, deletions and look-ups in other collections.
/// Empty for a command that searches nothing or counts.
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
    let unions = stages
        .iter()
        .filter_map(|stage| stage.get_document("$unionWith").ok())
        .filter_map(|union| {
            as_find(
                union.get_str("coll").ok()?,
                union.get_array("pipeline").ok()?,
            )
        });
    let unions: Vec<_> = unions.collect();
    if !unions.is_empty() {
        let name = command.get_str("aggregate").unwrap_or_default();
        let pipeline = command.get_array("pipeline");
        let first = pipeline.ok().and_then(|stages| as_find(name, stages));
        return first.into_iter().chain(unions).collect();
    }
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

/// Returns the query of a part of a union. `None` if it has no filter.
fn as_find(collection: &str, stages: &[Bson]) -> Option<Document> {
    let first = |name: &str| {
        let mut stages = stages.iter().filter_map(Bson::as_document);
        stages.find_map(|stage| stage.get(name)).cloned()
    };
    let mut find = doc! { "find": collection, "filter": first("$match")? };
    for (field, stage) in [("sort", "$sort"), ("limit", "$limit")] {
        find.extend(first(stage).map(|value| (field.to_owned(), value)));
    }
    Some(find)
}

/// Returns how many keys and documents a query may examine: a page and one more, or two for a single document.
pub fn most(query: &Document, page: i64) -> i64 {
    let limit = query.get("limit").and_then(number).map(i64::abs);
    let limit = limit.filter(|&limit| limit > 0);
    limit.map_or(page + 1, |limit| limit.clamp(2, page + 1))
}

/// Returns the query without its values, such as `find calls {user_id, created_at.$lt}`.
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
mod tests;
