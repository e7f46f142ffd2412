//! `metadata` is returned unchanged, even if it looks like a database operator or extended JSON.

use serde_json::{Value, json};

use crate::support::{Api, status_callback, status_router, text};

fn odd_notes() -> [Value; 10] {
    [
        json!({ "$oid": "order-17" }),
        json!({ "$date": "2026-11-28" }),
        json!({ "$numberLong": "17" }),
        json!({ "$binary": "x", "order": "A-17" }),
        json!({ "$uuid": "not one" }),
        json!({ "$ref": "calls", "$id": "17", "$db": "atlas" }),
        json!({ "$set": "$$NOW", "": "" }),
        json!({ "a.b": "$script", "a": "$$ROOT", "a.$": "1e400" }),
        json!({ "ключ 🔑": "ценность\n\u{0}\u{1f}\"\\", " ": " ", "__proto__": "0x1F" }),
        json!({ "n": "18446744073709551616", "long": "x".repeat(2_000) }),
    ]
}

#[tokio::test]
async fn metadata_is_returned_unchanged() {
    let api = Api::new().await;
    for (nth, notes) in odd_notes().into_iter().enumerate() {
        let mut body = api.body();
        body["metadata"] = notes.clone();
        let key = format!("key-{nth}");
        let answer = api.post_with_key(&key, &body).await;
        if notes.get("").is_some() {
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.fields(), ["metadata"]);
            continue;
        }
        assert_eq!(answer.status, 201, "{notes}: {}", answer.text());
        let call = answer.json();
        assert_eq!(call["metadata"], notes);
        let id = text(&call["call_id"]);
        let sid = text(&call["twilio_sid"]);
        let told = status_callback(&id, &sid, "ringing", 1);
        assert_eq!(told.send(&status_router(&api.stage)).await.status, 200);

        let read = api.call(&id).await;
        assert_eq!(read["metadata"], notes);
        assert_eq!(read["status"], "ringing");
        let replayed = api.post_with_key(&key, &body).await;
        assert_eq!(replayed.header("idempotent-replayed"), "true");
        assert_eq!(replayed.json()["metadata"], notes);
        let listed = api.get("/calls?page_size=1").await.json();
        assert_eq!(listed["calls"][0]["metadata"], notes);
        let ended = api.hang_up(&id).await;
        assert_eq!(ended.json()["metadata"], notes);
    }
}
