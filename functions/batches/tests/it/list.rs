//! Tests the list of batches.

use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};

use crate::support::{Api, text};

async fn page(api: &Api, query: &str) -> Value {
    let answer = api.get(&format!("/batches{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn ids(page: &Value) -> Vec<String> {
    let batches = page["batches"].as_array().unwrap().iter();
    batches.map(|batch| text(&batch["batch_id"])).collect()
}

/// Creates batches, some of them in the same millisecond. Returns their ids, newest first.
async fn create(api: &Api, count: i64) -> Vec<String> {
    let mut created = Vec::new();
    for nth in 0..count {
        let id = api.batch().await;
        let at = 1_795_000_000_000 + nth / 3;
        let at_once = doc! { "created_at": DateTime::from_millis(at) };
        api.set("batches", doc! { "_id": &id }, at_once).await;
        created.push((at, id));
    }
    created.sort();
    created.reverse();
    created.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test]
async fn every_batch_is_on_one_page_newest_first() {
    let api = Api::new().await;
    let all = create(&api, 8).await;
    let first = page(&api, "").await;
    assert_eq!(ids(&first), all);
    assert_eq!((&first["total"], &first["page"]), (&json!(8), &json!(1)));
    assert!(first["batches"][0].get("progress").is_none());
    for size in 1..=8 {
        let mut by_number = Vec::new();
        for number in 1..=9 {
            let found = page(&api, &format!("?page_size={size}&page={number}")).await;
            by_number.extend(ids(&found));
        }
        assert_eq!(by_number, all);
        let mut by_cursor = Vec::new();
        let mut query = format!("?page_size={size}");
        loop {
            let found = page(&api, &query).await;
            by_cursor.extend(ids(&found));
            let Some(cursor) = found["next_cursor"].as_str() else {
                break;
            };
            query = format!("?page_size={size}&cursor={cursor}");
        }
        assert_eq!(by_cursor, all, "{size}");
    }
}

#[tokio::test]
async fn unreadable_batch_is_left_out() {
    let api = Api::new().await;
    let all = create(&api, 3).await;
    let batches = api.stage.database().collection::<Document>("batches");
    let odd = doc! { "_id": 7, "created_at": DateTime::now(), "status": 3 };
    batches.insert_one(odd).await.unwrap();
    assert_eq!(ids(&page(&api, "").await), all);
}

#[tokio::test]
async fn invalid_parameters_are_named() {
    let api = Api::new().await;
    for (query, field) in [
        ("page=0", "page"),
        ("page_size=101", "page_size"),
        ("cursor=x", "cursor"),
        ("status=draft", "status"),
    ] {
        let answer = api.get(&format!("/batches?{query}")).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), [field]);
    }
    let id = api.batch().await;
    let answer = api.get(&format!("/batches/{id}?page=1")).await;
    answer.assert_problem(422, "validation_failed");
    api.get("/batches/x").await.assert_problem(404, "not_found");
}
