//! The query plans of commands, as a table: each query once.

use std::collections::BTreeSet;

use mongodb::Database;
use mongodb::bson::Document;
use serde_json::{Value, json};
use stack::Result;

use crate::finding::{Finding, Table, Target};
use crate::query_plan::{self, QueryPlan};

/// Why a target is missed with the embedded database.
const EMBEDDED: &str = "the embedded server reports COLLSCAN for a filter with a second field beside the indexed one. It reports SORT for the \
    order of its index, or of another index that begins with the same field. Set MONGO_URI to get MongoDB's plans and counts of examined keys";

/// The plans so far.
pub struct Explained<'a> {
    database: &'a Database,
    /// True for MongoDB, which counts what it examines.
    with_counts: bool,
    /// The most documents of a query.
    page: i64,
    table: Table,
    known: BTreeSet<(String, Option<String>)>,
    data: Vec<Value>,
    targets: Vec<Target>,
}

impl<'a> Explained<'a> {
    /// Explains queries of this database that return at most `page` documents.
    pub fn new(database: &'a Database, with_counts: bool, page: i64) -> Self {
        Self {
            database,
            with_counts,
            page,
            table: Table::new(&["first request", "query", "stages", "keys", "documents"]),
            known: BTreeSet::new(),
            data: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Has the database explain the new queries of a command. `name` is that of the request.
    pub async fn add(&mut self, name: &str, command: &Document) -> Result<()> {
        for query in query_plan::queries(command) {
            let shape = query_plan::shape(&query);
            let limit = query.get("limit").map(ToString::to_string);
            if !self.known.insert((shape.clone(), limit)) {
                continue;
            }
            let plan = QueryPlan::explain(self.database, &query, self.with_counts).await?;
            let most = query_plan::most(&query, self.page);
            let [keys, documents] = plan.examined.map_or([None; 2], |examined| {
                [examined.keys, examined.documents].map(Some)
            });
            let count = |count: Option<i64>| count.map_or("–".to_owned(), |n| n.to_string());
            let stages = plan.stages.join(" ← ");
            self.table
                .line(name, [shape.clone(), stages, count(keys), count(documents)]);
            self.data.push(json!({
                "first_asked_by": name, "query": shape, "stages": plan.stages,
                "keys_examined": keys, "documents_examined": documents, "at_most": most,
            }));
            let targets = query_targets(&query, &plan, most).into_iter();
            let with_counts = self.with_counts;
            self.targets.extend(targets.map(|target| {
                if with_counts {
                    target
                } else {
                    target.bound_by(EMBEDDED)
                }
            }));
        }
        Ok(())
    }

    /// Returns all plans.
    pub fn finding(self, title: &str) -> Finding {
        Finding {
            title: title.to_owned(),
            table: self.table,
            data: self.data.into(),
            targets: self.targets,
        }
    }
}

fn query_targets(query: &Document, plan: &QueryPlan, most: i64) -> Vec<Target> {
    let shape = query_plan::shape(query);
    #[expect(clippy::cast_precision_loss, reason = "a few stages, and counts")]
    let target = |what: String, at_most: i64, measured: i64| {
        Target::new(format!("{shape}: {what}"), at_most as f64, measured as f64)
    };
    let unindexed = plan.unindexed_stages();
    let stages = match &unindexed[..] {
        _ if plan.stages.is_empty() => target("the database reports no plan".to_owned(), 0, 1),
        [] => target("stages without an index".to_owned(), 0, 0),
        _ if plan.sorts_needlessly(query) => target(
            "stages without an index (SORT in the order of the index, which MongoDB wouldn't do)"
                .to_owned(),
            0,
            1,
        ),
        some => target(
            format!("stages without an index ({})", some.join(", ")),
            0,
            i64::try_from(some.len()).unwrap_or(i64::MAX),
        ),
    };
    let counts = plan.examined.into_iter().flat_map(|examined| {
        [
            target("keys".to_owned(), most, examined.keys),
            target("documents".to_owned(), most, examined.documents),
        ]
    });
    std::iter::once(stages).chain(counts).collect()
}
