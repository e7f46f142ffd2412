//! Tests that faulty recipients are named by place, and that nothing is stored then.

use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};
use testkit::{Answer, Request};

use crate::support::{Api, number, some};

fn assert_faults(answer: &Answer, wanted: &[&str]) {
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), wanted, "{}", answer.text());
}

#[tokio::test]
async fn malformed_recipients_are_named_by_place() {
    let api = Api::new().await;
    let id = api.batch().await;
    let mut recipients = some(6);
    recipients[0]["to_number"] = "12".into();
    recipients[1]["external_id"] = "".into();
    recipients[2]["time_zone"] = "Mars".into();
    recipients[3]["variables"] = json!({ "1a": "x" });
    recipients[4]["metadata"] = json!({ "": "x" });
    recipients[5] = json!({ "number": "+12125550123" });
    let answer = api.add(&id, &recipients).await;
    assert_faults(
        &answer,
        &[
            "recipients[0].to_number",
            "recipients[1].external_id",
            "recipients[2].time_zone",
            "recipients[3].variables.1a",
            "recipients[4].metadata",
            "recipients[5].number",
            "recipients[5].to_number",
            "recipients[5].variables",
        ],
    );
    assert_eq!(api.stage.count("calls").await, 0);
}

#[tokio::test]
async fn every_rule_is_checked_for_every_recipient() {
    let api = Api::with(|stage| stage.set("BLOCKED_NUMBERS", "+12125550199")).await;
    let blocked = api.stage.database().collection("blocked_numbers");
    let entry = doc! { "number": "+112125550150", "created_at": DateTime::now() };
    blocked.insert_one(entry).await.unwrap();
    let id = api.batch().await;
    let of = |to: &str| json!({ "to_number": to, "variables": { "name": "x" } });
    let recipients = json!([
        of(testkit::FROM_NUMBER),
        of("+442079460000"),
        of("+12125550199"),
        of("+12125550150"),
        of("+19002345678"),
        of("+1212555012"),
        { "to_number": number(0) },
        { "to_number": number(1), "variables": { "name": "x".repeat(1_000) } },
    ]);
    let answer = api.add(&id, &recipients).await;
    assert_faults(
        &answer,
        &[
            "recipients[0].to_number",
            "recipients[1].to_number",
            "recipients[2].to_number",
            "recipients[3].to_number",
            "recipients[4].to_number",
            "recipients[5].to_number",
            "recipients[6].variables",
        ],
    );
    let messages: Vec<_> = answer.json()["errors"].as_array().unwrap().clone();
    for (nth, part) in [
        (0, "must not be the number that calls come from"),
        (1, "must be in an allowed country"),
        (2, "is on the block list"),
        (3, "is on the block list as +112125550150"),
        (4, "must be a fixed-line"),
        (5, "must be a valid number"),
        (6, "must have name, which the script names"),
    ] {
        let message = messages[nth]["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(api.stage.count("calls").await, 0);
}

#[tokio::test]
async fn every_fault_of_a_request_is_told_at_once() {
    let api = Api::new().await;
    let id = api.batch().await;
    let name = json!({ "name": "x" });
    let recipients = json!([
        { "to_number": "1", "variables": name, "external_id": "a" },
        { "to_number": number(1) },
        { "to_number": "+442079460000", "time_zone": "Mars", "variables": name },
        { "to_number": number(3), "variables": { "1a": "x" } },
        { "to_number": number(4), "external_id": "a", "variables": { "name": "y" } },
        { "variables": {}, "number": number(5) },
        7,
        { "to_number": number(7), "variables": name, "metadata": { "a": "b".repeat(3_000) } },
        { "to_number": number(8), "variables": { "name": " ".repeat(10) + &"x".repeat(991) } },
    ]);
    let request = json!({ "recipients": recipients, "extra": 1 });
    let path = format!("/batches/{id}/recipients");
    let answer = api.send(&Request::post(&path, &request)).await;
    assert_faults(
        &answer,
        &[
            "extra",
            "recipients[0].to_number",
            "recipients[1].variables",
            "recipients[2].time_zone",
            "recipients[2].to_number",
            "recipients[3].variables.1a",
            "recipients[4].external_id",
            "recipients[5].number",
            "recipients[5].to_number",
            "recipients[5].variables",
            "recipients[6]",
            "recipients[7].metadata",
            "recipients[8].variables.name",
        ],
    );
    assert_eq!(api.stage.count("calls").await, 0);
}

#[tokio::test]
async fn first_thousand_faults_are_told_and_the_others_counted() {
    let api = Api::new().await;
    let id = api.batch().await;
    // Two faults each: the number, and the variable that is missing.
    let recipients: Vec<_> = (0..1_000).map(|_| json!({ "to_number": "1" })).collect();
    let answer = api.add(&id, &json!(recipients)).await;
    answer.assert_problem(422, "validation_failed");
    let fields = answer.fields();
    assert_eq!(fields.len(), 1_000);
    let (last, next) = ("recipients[499].variables", "recipients[500].to_number");
    assert!(fields.iter().any(|field| field == last), "{fields:?}");
    assert!(fields.iter().all(|field| field != next), "{fields:?}");
    let detail = answer.json()["detail"].to_string();
    assert!(detail.contains(", and 1000 more faults."), "{detail}");
}

#[tokio::test]
async fn recipient_that_can_never_be_called_is_a_fault() {
    let api = Api::with(|stage| stage.set("CALLING_HOURS", "09:00-10:00")).await;
    let mut body = api.body();
    let id = api.batch_of(&body).await;
    // The hours of both zones have no minute in common.
    let far = json!([{ "to_number": number(0), "time_zone": "Asia/Tokyo", "variables": { "name": "x" } }]);
    let answer = api.add(&id, &far).await;
    assert_faults(&answer, &["recipients[0].to_number"]);
    body["script"] = "{{ name }}".into();
    let id = api.batch_of(&body).await;
    let blank = json!([{ "to_number": number(0), "variables": { "name": " " } }]);
    assert_faults(&api.add(&id, &blank).await, &["recipients[0].variables"]);
    body["metadata"] = json!({ "a": "b".repeat(1_500) });
    let id = api.batch_of(&body).await;
    let large = json!([{ "to_number": number(0), "variables": { "name": "x" }, "metadata": { "b": "c".repeat(1_000) } }]);
    assert_faults(&api.add(&id, &large).await, &["recipients[0].metadata"]);
    assert_eq!(api.stage.count("calls").await, 0);
}

#[tokio::test]
async fn request_has_1_to_1000_recipients() {
    let api = Api::new().await;
    let id = api.batch().await;
    assert_faults(&api.add(&id, &json!([])).await, &["recipients"]);
    assert_faults(&api.add(&id, &some(1_001)).await, &["recipients"]);
    // Thousands of faults are one fault.
    let empty: Vec<Value> = vec![json!({}); 300_000];
    let answer = api.add(&id, &json!(empty)).await;
    assert_faults(&answer, &["recipients"]);
    for body in [
        json!({}),
        json!({ "recipients": {} }),
        json!({ "recipients": null }),
    ] {
        let request = Request::post(&format!("/batches/{id}/recipients"), &body);
        assert_faults(&api.send(&request).await, &["recipients"]);
    }
    assert_eq!(api.stage.count("calls").await, 0);
    let answer = api.add(&id, &some(1_000)).await;
    assert_eq!(
        answer.json(),
        json!({ "added": 1_000, "duplicates": 0, "total": 1_000 })
    );
}

#[tokio::test]
async fn response_is_bounded_whatever_the_body_has() {
    let api = Api::new().await;
    let id = api.batch().await;
    let mut recipient = json!({ "to_number": number(0) });
    for nth in 0..20_000 {
        recipient[format!("{nth}{}", "k".repeat(150))] = Value::Null;
    }
    let answer = api.add(&id, &json!([recipient])).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields().len(), 1_000);
    assert!(answer.body.len() < 1_000_000, "{}", answer.body.len());
    let faulty: Vec<_> = (0..1_000)
        .map(|_| json!({ "a": 1, "b": 2, "to_number": 3 }))
        .collect();
    let answer = api.add(&id, &json!(faulty)).await;
    assert_eq!(answer.fields().len(), 1_000);
}

#[tokio::test]
async fn body_has_a_size_and_a_type() {
    let api = Api::new().await;
    let id = api.batch().await;
    let path = format!("/batches/{id}/recipients");
    let post = |body: &str, kind: &str| {
        let request = Request::new("POST", &path).with_key(testkit::API_KEY);
        request.header("content-type", kind).body(body)
    };
    let large = format!("{{\"recipients\":[{}]}}", " ".repeat(4 * 1_024 * 1_024));
    for kind in ["application/json", "text/csv"] {
        let answer = api.send(&post(&large, kind)).await;
        answer.assert_problem(413, "payload_too_large");
    }
    let answer = api.send(&post("{}", "text/plain")).await;
    answer.assert_problem(415, "unsupported_media_type");
    let answer = api.send(&post("{", "application/json")).await;
    answer.assert_problem(400, "malformed_json");
    let answer = api.send(&post("[]", "application/json")).await;
    answer.assert_problem(400, "malformed_json");
    let answer = api
        .send(&Request::post(
            "/batches",
            &json!({ "name": "x".repeat(70_000) }),
        ))
        .await;
    answer.assert_problem(413, "payload_too_large");
    let unknown = "/batches/6fa459ea-ee8a-4ca4-894e-db77e160355e";
    for path in [unknown, "/batches/1"] {
        let request = Request::post(
            &format!("{path}/recipients"),
            &json!({ "recipients": some(1) }),
        );
        api.send(&request).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn price_of_the_words_is_checked_for_each_recipient() {
    let api = Api::with(|stage| stage.set("MAX_SPEECH_PRICE", "0.0008")).await;
    let mut body = api.body();
    body["voice"] = json!("Polly.Joanna");
    let id = api.batch_of(&body).await;
    let of = |nth, characters: usize| {
        let name = "a".repeat(characters);
        json!({ "to_number": number(nth), "variables": { "name": name } })
    };
    // "Hello ." has 7 characters more.
    let answer = api.add(&id, &json!([of(0, 93), of(1, 94)])).await;
    assert_faults(&answer, &["recipients[1].script"]);
    assert_eq!(api.stage.count("calls").await, 0);
    assert_eq!(api.add(&id, &json!([of(0, 93)])).await.status, 200);
}
