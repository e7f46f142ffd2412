//! Tests of reading plans, and of finding the queries of a command.

use super::*;

fn fetch(input: Document) -> Document {
    doc! { "stage": "LIMIT", "inputStage": { "stage": "FETCH", "inputStage": input } }
}

#[test]
fn stages_of_the_winning_plan_are_read() {
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
    let plan = QueryPlan::read(&explained);
    assert_eq!(plan.stages, ["LIMIT", "FETCH", "IXSCAN"]);
    assert_eq!(
        plan.examined,
        Some(Examined {
            keys: 21,
            documents: 21
        })
    );
    assert!(plan.unindexed_stages().is_empty());
}

#[test]
fn sort_in_the_order_of_the_index_is_needless() {
    let query = doc! { "find": "calls", "filter": {}, "sort": { "a": 1, "b": -1 } };
    let sorted_by = |fields: Document| {
        let scan = doc! { "stage": "IXSCAN", "keyPattern": fields };
        let sort = doc! { "stage": "SORT", "inputStage": scan };
        QueryPlan::read(&doc! { "queryPlanner": { "winningPlan": sort } })
    };
    assert!(sorted_by(doc! { "a": 1, "b": -1 }).sorts_needlessly(&query));
    assert!(!sorted_by(doc! { "b": -1, "a": 1 }).sorts_needlessly(&query));
    assert!(!sorted_by(doc! { "a": 1, "b": 1 }).sorts_needlessly(&query));
}

#[test]
fn plan_within_a_pipeline_is_read() {
    let cursor = doc! {
        "queryPlanner": { "winningPlan": { "queryPlan": {
            "stage": "SORT",
            "inputStages": [{ "stage": "COLLSCAN" }, { "stage": "EXPRESS_IXSCAN" }],
        } } },
        "executionStats": { "totalKeysExamined": 3, "totalDocsExamined": 4 },
    };
    let plan = QueryPlan::read(&doc! { "stages": [{ "$cursor": cursor }, { "$limit": 1 }] });
    assert_eq!(plan.stages, ["SORT", "COLLSCAN", "EXPRESS_IXSCAN"]);
    assert_eq!(plan.unindexed_stages(), ["SORT", "COLLSCAN"]);
    let examined = plan.examined.map(|examined| examined.documents);
    assert_eq!(examined, Some(4));
}

#[test]
fn repeated_plan_is_read_once() {
    let planner = doc! { "winningPlan": { "stage": "IDHACK" } };
    let explained = doc! {
        "stages": [{ "$cursor": { "queryPlanner": &planner } }],
        "queryPlanner": &planner,
    };
    let plan = QueryPlan::read(&explained);
    assert_eq!(plan.stages, ["IDHACK"]);
    assert_eq!(plan.examined, None);
}

#[test]
fn updates_and_deletions_have_queries() {
    let update = doc! {
        "update": "calls", "updates": [{ "q": { "call_id": "a" }, "u": {} }], "$db": "d",
    };
    let found = doc! { "find": "calls", "filter": { "call_id": "a" }, "limit": 1 };
    assert_eq!(queries(&update), std::slice::from_ref(&found));
    let modify = doc! { "findAndModify": "calls", "query": { "call_id": "a" } };
    assert_eq!(queries(&modify), [found]);
    let lookup = doc! { "$lookup": { "from": "b", "foreignField": "number", "as": "c" } };
    let aggregate = doc! { "aggregate": "users", "pipeline": [{ "$match": { "_id": 1 } }, lookup] };
    let shapes: Vec<_> = queries(&aggregate).iter().map(shape).collect();
    assert_eq!(shapes, ["aggregate users {_id}", "find b {number}"]);
    let count = doc! { "aggregate": "users", "pipeline": [{ "$group": { "_id": 1 } }] };
    assert!(queries(&count).is_empty());
    assert!(queries(&doc! { "insert": "users" }).is_empty());
}

#[test]
fn each_part_of_a_union_is_a_query() {
    let part = |field: &str| {
        let stages = [
            doc! { "$match": { field: 1 } },
            doc! { "$sort": { field: 1 } },
            doc! { "$limit": 3 },
        ];
        stages.map(Bson::from).to_vec()
    };
    let mut pipeline = part("a");
    pipeline.push(doc! { "$unionWith": { "coll": "other", "pipeline": part("b") } }.into());
    let found = queries(&doc! { "aggregate": "calls", "pipeline": pipeline });
    let expected = [("calls", "a"), ("other", "b")].map(|(name, field)| {
        doc! { "find": name, "filter": { field: 1 }, "sort": { field: 1 }, "limit": 3 }
    });
    assert_eq!(found, expected);
}

#[test]
fn query_may_examine_a_page_and_one_more() {
    assert_eq!(most(&doc! { "find": "a", "limit": 21_i64 }, 20), 21);
    assert_eq!(most(&doc! { "find": "a", "limit": 100 }, 20), 21);
    assert_eq!(most(&doc! { "find": "a", "limit": -1 }, 20), 2);
    assert_eq!(most(&doc! { "find": "a" }, 20), 21);
}
