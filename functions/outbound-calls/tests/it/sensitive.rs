//! Tests requests for sensitive calls, and what the API shows after their words are erased.

use mongodb::bson::{DateTime, Document, deserialize_from_document, doc, serialize_to_document};
use outdial::domain::Call;
use serde_json::{Value, json};

use crate::support::{Api, in_minutes, text};

#[tokio::test]
async fn sensitive_call_can_not_be_recorded() {
    let api = Api::with_queue().await;
    let mut body = api.body();
    body["sensitive"] = json!(true);
    body["recording_enabled"] = json!(true);
    let answer = api.post(&body).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["sensitive"]);
    let id = api
        .schedule(in_minutes(60), &json!({ "sensitive": true }))
        .await;
    let answer = api.patch(&id, &json!({ "recording_enabled": true })).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["recording_enabled"]);
    let call = api.call(&id).await;
    assert_eq!(call["sensitive"], true);
    assert_eq!(call["words_erased_at"], Value::Null);
    assert_eq!(call["script"], "Hello.");
    let other = api.schedule(in_minutes(60), &json!({})).await;
    assert_eq!(api.call(&other).await["sensitive"], false);
}

#[tokio::test]
async fn erased_words_are_null_and_the_key_still_finds_the_call() {
    let api = Api::new().await;
    let message = json!({ "action": "leave_message", "message": "Call 493027." });
    for content in [
        json!({ "script": "Code 493027." }),
        json!({ "steps": [{ "say": "493027" }] }),
    ] {
        let mut body = api.body();
        body.as_object_mut().unwrap().remove("script");
        body["sensitive"] = json!(true);
        body["voicemail"] = message.clone();
        body.as_object_mut()
            .unwrap()
            .extend(content.as_object().unwrap().clone());
        let key = content.to_string().replace(' ', "-");
        let placed = api.post_with_key(&key, &body).await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        let id = text(&placed.json()["call_id"]);
        let stored = api.stage.stored(&id).await;
        let stored: Call = deserialize_from_document(stored).unwrap();
        assert!(stored.words_open && stored.request_hash.is_some());
        let erased = stored.without_words(DateTime::now());
        let erased = serialize_to_document(&erased).unwrap();
        let fields = ["script", "steps", "voicemail", "words_erased_at"];
        let mut change = Document::new();
        for field in fields {
            change.extend(
                erased
                    .get(field)
                    .map(|value| (field.to_owned(), value.clone())),
            );
        }
        api.change_stored(
            &id,
            doc! { "$set": change, "$unset": { "request_hash": "", "words_open": "" } },
        )
        .await;
        let call = api.call(&id).await;
        assert!(!call.to_string().contains("493027"), "{call}");
        assert_eq!(
            (&call["script"], &call["steps"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(call["voicemail"], json!({ "action": "leave_message" }));
        assert!(call["words_erased_at"].is_string());
        let again = api.post_with_key(&key, &body).await;
        assert_eq!(again.status, 201, "{}", again.text());
        assert_eq!(again.json()["call_id"], id.as_str());
    }
}
