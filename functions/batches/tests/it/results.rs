//! Tests the results of a batch, as JSON and as CSV.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, DateTime, doc, oid::ObjectId, serialize_to_bson};
use serde_json::{Value, json};
use testkit::Request;

use crate::support::{Api, number, text};

async fn results(api: &Api, id: &str, query: &str) -> Value {
    let answer = api.get(&format!("/batches/{id}/results{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn each_recipient_has_one_result() {
    let api = Api::new().await;
    let id = api.filled(7).await;
    let mut seen = BTreeSet::new();
    let mut query = "?page_size=3".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = results(&api, &id, &query).await;
        assert_eq!(page["page_size"], 3);
        let rows = page["results"].as_array().unwrap();
        sizes.push(rows.len());
        seen.extend(rows.iter().map(|row| text(&row["to_number"])));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?page_size=3&cursor={cursor}");
    }
    assert_eq!(sizes, [3, 3, 1]);
    assert_eq!(seen.len(), 7);
    let other = api.filled(1).await;
    let cursor = text(&results(&api, &id, "?page_size=1").await["next_cursor"]);
    let foreign = format!("/batches/{other}/results?cursor={cursor}");
    let answer = api.get(&foreign).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["cursor"]);
    for query in ["page_size=0", "page_size=1001", "page=1"] {
        let answer = api.get(&format!("/batches/{id}/results?{query}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    let unknown = "/batches/6fa459ea-ee8a-4ca4-894e-db77e160355e/results";
    api.get(unknown).await.assert_problem(404, "not_found");
}

/// Stores an attempt after the only call.
async fn retried(api: &Api) -> (String, String) {
    let first = api.calls().await.remove(0);
    let first_id = first.get_str("call_id").unwrap().to_owned();
    let next_id = "1b4e28ba-2fa1-51d2-883f-0016d3cca427";
    let mut next = first.clone();
    next.extend(doc! {
        "_id": ObjectId::new(), "call_id": next_id, "attempt": 2, "first_call_id": &first_id,
        "previous_call_id": &first_id, "status": "completed", "status_rank": 4, "dial_outcome": "accepted",
        "duration_seconds": 17_i64, "answered_by": "human", "events": [],
    });
    let calls = api.stage.database().collection("calls");
    calls.insert_one(next).await.unwrap();
    let busy = doc! {
        "status": "busy", "status_rank": 4, "dial_outcome": "accepted", "next_call_id": next_id,
        "first_call_id": &first_id,
    };
    api.set("calls", doc! { "_id": first.get("_id") }, busy)
        .await;
    (first_id, next_id.to_owned())
}

#[tokio::test]
async fn result_is_that_of_the_last_attempt() {
    let api = Api::new().await;
    let id = api.batch().await;
    let recipient =
        json!([{ "to_number": number(0), "external_id": "a-1", "variables": { "name": "x" } }]);
    api.add(&id, &recipient).await;
    let waiting = &results(&api, &id, "").await["results"][0];
    assert_eq!(waiting["status"], "scheduled");
    assert_eq!(
        (&waiting["attempts"], &waiting["reached"]),
        (&json!(0), &Value::Null)
    );
    let (first, last) = retried(&api).await;
    let page = results(&api, &id, "").await;
    assert_eq!(page["page_size"], 1_000);
    let rows = page["results"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!(
        (text(&row["call_id"]), text(&row["last_call_id"])),
        (first, last)
    );
    for (field, value) in [
        ("external_id", json!("a-1")),
        ("to_number", json!(number(0))),
        ("status", json!("completed")),
        ("attempts", json!(2)),
        ("reached", json!(true)),
        ("answered_by", json!("human")),
        ("duration_seconds", json!(17)),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
}

#[tokio::test]
async fn recipient_has_the_result_of_the_call_with_or_without_a_stored_one() {
    let api = Api::new().await;
    let id = api.filled(3).await;
    let steps =
        json!([{ "id": "confirm", "ask": "?", "options": { "1": { "outcome": "confirmed" } } }]);
    let steps = serialize_to_bson(&steps).unwrap();
    let answer = doc! { "step": "confirm", "try": 1_i32, "digits": "1", "at": DateTime::now() };
    let effect =
        doc! { "n": 2_i64, "type": "result", "at": DateTime::now(), "status": "completed" };
    let ended = doc! { "status": "completed", "steps": steps, "answers": [answer] };
    let mut stale = ended.clone();
    stale.extend(doc! { "result": "hung_up", "effects": [effect] });
    let mut stored = ended.clone();
    stored.extend(doc! { "result": "confirmed" });
    let calls = api.calls().await;
    for (call, change) in calls.iter().zip([ended, stale, stored]) {
        api.set("calls", doc! { "_id": call.get("_id") }, change)
            .await;
    }
    let page = results(&api, &id, "").await;
    for row in page["results"].as_array().unwrap() {
        assert_eq!(row["result"], "confirmed", "{row}");
    }
    let csv = Request::get(&format!("/batches/{id}/results")).header("accept", "text/csv");
    let table = api.send(&csv).await.text();
    assert!(
        table.lines().skip(1).all(|row| row.ends_with(",confirmed")),
        "{table}"
    );
}

#[tokio::test]
async fn csv_is_a_table_with_a_link_to_the_next_page() {
    let api = Api::new().await;
    let id = api.batch().await;
    let evil =
        json!({ "to_number": number(0), "external_id": "=1+1", "variables": { "name": "x" } });
    api.add(&id, &json!([evil])).await;
    let csv = |path: &str| Request::get(path).header("accept", "text/csv, */*;q=0.1");
    let path = format!("/batches/{id}/results");
    let answer = api.send(&csv(&path)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(answer.header("link"), "");
    let table = answer.text();
    let mut lines = table.split("\r\n");
    assert_eq!(
        lines.next().unwrap(),
        "call_id,external_id,to_number,status,status_reason,attempts,reached,answered_by,duration_seconds,delivery,\
         error_code,last_call_id,updated_at,result"
    );
    let row: Vec<_> = lines.next().unwrap().split(',').collect();
    assert_eq!(row[1..7], ["'=1+1", &number(0), "scheduled", "", "0", ""]);
    api.add_some(&id, 2).await;
    let answer = api.send(&csv(&format!("{path}?page_size=1"))).await;
    let link = answer.header("link");
    let next = link
        .strip_prefix('<')
        .and_then(|it| it.strip_suffix(">; rel=\"next\""));
    let next = next.unwrap_or_else(|| panic!("{link}"));
    let answer = api.send(&csv(next)).await;
    assert_eq!(answer.text().lines().count(), 2);
    // Without the header, it is JSON with an ETag.
    let answer = api.get(&path).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(!answer.header("etag").is_empty());
}

#[tokio::test]
async fn unreadable_call_is_left_out_and_stops_nothing() {
    let api = Api::new().await;
    let id = api.filled(3).await;
    let first = api.calls().await.remove(0);
    api.set(
        "calls",
        doc! { "_id": first.get("_id") },
        doc! { "to_number": Bson::Int32(1) },
    )
    .await;
    let rows = results(&api, &id, "").await["results"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(api.read(&id).await["progress"]["recipients"], 3);
    assert_eq!(api.change(&id, "cancel").await.status, 202);
}
