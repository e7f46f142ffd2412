//! Tests adding recipients as JSON: the calls that they become, and that nothing is stored twice.

use mongodb::bson::{DateTime, Document, doc};
use outdial::domain::Call;
use serde_json::{Value, json};

use crate::support::{Api, number, router, some, text};

async fn stored(api: &Api) -> Vec<Call> {
    let calls = api.stage.database().collection::<Call>("calls");
    let mut found = calls.find(doc! {}).await.unwrap();
    let mut all = Vec::new();
    while found.advance().await.unwrap() {
        all.push(found.deserialize_current().unwrap());
    }
    all.sort_by_key(|call| call.to_number.as_str().to_owned());
    all
}

#[tokio::test]
async fn recipient_becomes_a_call_that_waits_for_its_batch() {
    let api = Api::new().await;
    let mut body = api.body();
    body["script"] = json!("Hello {{ name | title }}, {{ greeting | default(\"good day\") }}.");
    body["metadata"] = json!({ "campaign": "June", "tone": "kind" });
    body["retry"] = json!({ "max_attempts": 2 });
    let id = api.batch_of(&body).await;
    let recipients = json!([
        {
            "to_number": number(0), "external_id": "a-1", "time_zone": "America/Chicago",
            "variables": { "name": "ada", "unused": "x" }, "metadata": { "tone": "short" },
        },
        { "to_number": number(1), "variables": { "name": "{{ bob }}" } },
    ]);
    let answer = api.add(&id, &recipients).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.json(),
        json!({ "added": 2, "duplicates": 0, "total": 2 })
    );
    let calls = stored(&api).await;
    let first = serde_json::to_value(&calls[0]).unwrap();
    assert_eq!(first["status"], "scheduled");
    assert_eq!(first["status_rank"], -1);
    assert_eq!(first["script"], "Hello Ada, good day.");
    assert_eq!(
        first["metadata"],
        json!({ "campaign": "June", "tone": "short" })
    );
    assert_eq!(first["lane"], format!("bulk:{id}"));
    assert_eq!(first["priority"], "bulk");
    assert_eq!(first["waiting_for"], "batch");
    assert_eq!(first["batch_id"], id.as_str());
    assert_eq!(first["external_id"], "a-1");
    assert_eq!(first["time_zone"], "America/Chicago");
    assert_eq!(first["attempt"], 1);
    assert_eq!(first["effects_open"], true);
    assert_eq!(first["created_by"], "tester");
    assert_eq!(first["answered_status"], 202);
    assert!(first.get("dial_outcome").is_none() && first.get("variables").is_none());
    assert_eq!(
        calls[0].expires_at,
        calls[0].retry.as_ref().map(|retry| retry.expires_at)
    );
    assert_eq!(calls[0].id, calls[0].call_id.object_id());
    assert_eq!(
        calls[1].script.as_ref().unwrap().as_str(),
        "Hello {{ Bob }}, good day."
    );
    assert!(calls[1].external_id.is_none() && calls[1].time_zone.is_none());
}

#[tokio::test]
async fn repeated_request_stores_nothing_twice() {
    let api = Api::new().await;
    let id = api.batch().await;
    let recipients = some(7);
    let first = api.add(&id, &recipients).await;
    assert_eq!(
        first.json(),
        json!({ "added": 7, "duplicates": 0, "total": 7 })
    );
    let before = stored(&api).await;
    let again = api.add(&id, &recipients).await;
    assert_eq!(
        again.json(),
        json!({ "added": 0, "duplicates": 7, "total": 7 })
    );
    assert!(stored(&api).await == before);
    let more = api.add(&id, &some(9)).await;
    assert_eq!(
        more.json(),
        json!({ "added": 2, "duplicates": 7, "total": 9 })
    );
}

#[tokio::test]
async fn external_id_identifies_a_recipient_before_the_number() {
    let api = Api::new().await;
    let id = api.batch().await;
    let of = |to: usize, external_id: Value| {
        let recipient = json!({ "to_number": number(to), "external_id": external_id, "variables": { "name": "x" } });
        json!([recipient])
    };
    for (recipients, added) in [
        (of(0, json!("a")), 1),
        (of(1, json!("a")), 0),
        (of(0, json!("b")), 1),
        (of(0, Value::Null), 1),
        (of(0, Value::Null), 0),
        // An id that looks like a number is not that number.
        (of(1, json!(number(0))), 1),
    ] {
        let answer = api.add(&id, &recipients).await.json();
        assert_eq!(answer["added"], added, "{recipients}");
    }
    assert_eq!(api.stage.count("calls").await, 4);
}

#[tokio::test]
async fn repeats_within_a_request_are_one_recipient_or_a_fault() {
    let api = Api::new().await;
    let id = api.batch().await;
    let ada = json!({ "to_number": number(0), "external_id": "a", "variables": { "name": "Ada" } });
    let answer = api.add(&id, &json!([ada, ada, ada])).await;
    assert_eq!(
        answer.json(),
        json!({ "added": 1, "duplicates": 2, "total": 1 })
    );
    let mut eve = ada.clone();
    eve["variables"]["name"] = "Eve".into();
    let bob = json!({ "to_number": number(1), "variables": { "name": "Bob" } });
    let mut rob = bob.clone();
    rob["metadata"] = json!({ "a": "b" });
    let answer = api.add(&id, &json!([ada, eve, bob, rob])).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(
        answer.fields(),
        ["recipients[1].external_id", "recipients[3].to_number"]
    );
    assert_eq!(api.stage.count("calls").await, 1);
}

#[tokio::test]
async fn concurrent_requests_store_each_recipient_once() {
    let api = Api::new().await;
    let id = api.batch().await;
    let routers = [(); 4].map(|()| router(&api.stage));
    let body = json!({ "recipients": some(40) });
    let request = testkit::Request::post(&format!("/batches/{id}/recipients"), &body);
    let answers = tokio::join!(
        request.send(&routers[0]),
        request.send(&routers[1]),
        request.send(&routers[2]),
        request.send(&routers[3])
    );
    let answers = [answers.0, answers.1, answers.2, answers.3];
    let added: u64 = answers
        .iter()
        .map(|answer| answer.json()["added"].as_u64().unwrap())
        .sum();
    assert_eq!(added, 40);
    assert_eq!(api.stage.count("calls").await, 40);
    assert_eq!(api.read(&id).await["progress"]["recipients"], 40);
}

#[tokio::test]
async fn calls_are_due_at_the_batchs_time_within_the_calling_hours() {
    let api = Api::with(|stage| stage.set("CALLING_HOURS", "09:00-17:00")).await;
    let mut body = api.body();
    // The second day from now at noon UTC: 7 am in New York, 9 pm in Tokyo.
    let day = DateTime::now().timestamp_millis() / 86_400_000 + 2;
    let noon = DateTime::from_millis(day * 86_400_000 + 12 * 3_600_000);
    body["scheduled_at"] = noon.try_to_rfc3339_string().unwrap().into();
    let id = api.batch_of(&body).await;
    let of = |nth: usize, zone: &str| json!({ "to_number": number(nth), "time_zone": zone, "variables": { "name": "x" } });
    let zones = ["America/New_York", "America/Chicago"];
    let answer = api
        .add(&id, &json!([of(0, zones[0]), of(1, zones[1])]))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = stored(&api).await;
    let shown = calls[0].due_at.unwrap();
    assert!(shown > noon, "{shown}");
    assert_eq!(calls[0].scheduled_at, Some(noon));
    assert_eq!(
        text(&serde_json::to_value(calls[0].waiting_for).unwrap()),
        "calling_hours"
    );
    // 9 am in Chicago, an hour after New York.
    let later = calls[1].due_at.unwrap().timestamp_millis() - shown.timestamp_millis();
    assert_eq!(later, 3_600_000);
}

#[tokio::test]
async fn recipients_can_be_added_until_the_batch_ends() {
    let api = Api::new().await;
    let id = api.filled(1).await;
    assert_eq!(api.change(&id, "start").await.status, 200);
    api.add_some(&id, 2).await;
    let waits: Vec<_> = stored(&api)
        .await
        .iter()
        .map(|call| call.waiting_for)
        .collect();
    let words = serde_json::to_value(waits).unwrap();
    assert_eq!(words, json!(["batch", "permit"]));
    assert_eq!(api.change(&id, "pause").await.status, 200);
    api.add_some(&id, 3).await;
    for status in ["canceling", "canceled", "completed"] {
        api.set("batches", doc! { "_id": &id }, doc! { "status": status })
            .await;
        let answer = api.add(&id, &some(4)).await;
        answer.assert_problem(409, &format!("batch_{status}"));
    }
    api.set(
        "batches",
        doc! { "_id": &id },
        doc! { "status": "draft", "expires_at": DateTime::now() },
    )
    .await;
    api.add(&id, &some(4))
        .await
        .assert_problem(409, "batch_expired");
    assert_eq!(api.stage.count("calls").await, 3);
}

#[tokio::test]
async fn batch_has_at_most_100_000_recipients_and_finds_unused_places() {
    let api = Api::new().await;
    let id = api.filled(3).await;
    let this = || doc! { "_id": &id };
    api.set("batches", this(), doc! { "reserved": 99_999_i64 })
        .await;
    // A request may still be at work: its places stay reserved.
    api.somebody_adds(&id).await;
    api.add(&id, &some(5))
        .await
        .assert_problem(422, "batch_full");
    api.add_some(&id, 4).await;
    api.add(&id, &some(5))
        .await
        .assert_problem(422, "batch_full");
    assert_eq!(api.stage.count("calls").await, 4);
    api.nobody_adds(&id).await;
    let answer = api.add(&id, &some(6)).await;
    assert_eq!(
        answer.json(),
        json!({ "added": 2, "duplicates": 4, "total": 6 })
    );
    // A repeat needs no place.
    api.set("batches", this(), doc! { "reserved": 100_000_i64 })
        .await;
    assert_eq!(api.add(&id, &some(6)).await.status, 200);
}

#[tokio::test]
async fn last_places_go_to_one_of_two_concurrent_requests() {
    let api = Api::new().await;
    let id = api.batch().await;
    api.set(
        "batches",
        doc! { "_id": &id },
        doc! { "reserved": 99_000_i64 },
    )
    .await;
    let all = some(2_000);
    let (first, second) = all.as_array().unwrap().split_at(1_000);
    let (first, second) = (json!(first), json!(second));
    let routers = [(); 2].map(|()| router(&api.stage));
    let request = |recipients: &Value| {
        let body = json!({ "recipients": recipients });
        testkit::Request::post(&format!("/batches/{id}/recipients"), &body)
    };
    let (first, second) = (request(&first), request(&second));
    // A request that died has left the places, so that the loser finds none by counting.
    api.somebody_adds(&id).await;
    let (first, second) = tokio::join!(first.send(&routers[0]), second.send(&routers[1]));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422], "{} {}", first.text(), second.text());
    let loser = if first.status == 200 { second } else { first };
    loser.assert_problem(422, "batch_full");
    assert_eq!(api.stage.count("calls").await, 1_000);
}

#[tokio::test]
async fn batch_whose_user_is_gone_takes_no_recipients() {
    let api = Api::new().await;
    let id = api.batch().await;
    let users = api.stage.database().collection::<Document>("users");
    users.delete_many(doc! {}).await.unwrap();
    api.add(&id, &some(1))
        .await
        .assert_problem(404, "not_found");
    assert_eq!(api.stage.count("calls").await, 0);
}
