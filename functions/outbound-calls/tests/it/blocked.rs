//! Tests `/blocked-numbers`, and that blocked numbers are not called.

use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use testkit::{API_KEY, Answer, Request, api_key};

use crate::support::{Api, QUEUED, post, router, text};

const NUMBER: &str = QUEUED;
const PATH: &str = "/blocked-numbers/%2B12125550109";

async fn block(api: &Api, body: &Value) -> Answer {
    api.send(&Request::post("/blocked-numbers", body)).await
}

async fn unblock(api: &Api, path: &str) -> Answer {
    api.send(&Request::new("DELETE", path).with_key(API_KEY))
        .await
}

#[tokio::test]
async fn blocked_number_is_refused_until_it_is_unblocked() {
    let api = Api::new().await;
    let reason = "asked not to be called again";
    let answer = block(&api, &json!({ "phone_number": NUMBER, "reason": reason })).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("location"), PATH);
    let blocked = answer.json();
    assert_eq!(blocked["phone_number"], NUMBER);
    assert_eq!(blocked["reason"], reason);
    assert_eq!(blocked["created_by"], "tester");
    assert!(text(&blocked["created_at"]).ends_with('Z'));

    let refused = api.post_with_key("k", &api.body()).await;
    refused.assert_problem(422, "number_blocked");
    assert_eq!(refused.fields(), ["to_number"]);
    assert!(!refused.text().contains(reason), "{}", refused.text());
    api.assert_untouched().await;
    api.assert_counted(0).await;
    let other = api.post(&api.body_to("+12125550112")).await;
    assert_eq!(other.status, 201, "{}", other.text());

    for path in [PATH, "/blocked-numbers/+12125550109"] {
        assert_eq!(api.get(path).await.json(), blocked, "{path}");
    }
    assert_eq!(unblock(&api, PATH).await.status, 204);
    api.get(PATH).await.assert_problem(404, "not_found");
    unblock(&api, PATH).await.assert_problem(404, "not_found");
    assert_eq!(api.post_with_key("k", &api.body()).await.status, 201);
}

#[tokio::test]
async fn blocking_a_number_again_changes_nothing() {
    let api = Api::new().await;
    let first = block(&api, &json!({ "phone_number": NUMBER, "reason": "first" })).await;
    for body in [
        json!({ "phone_number": NUMBER, "reason": "second" }),
        json!({ "phone_number": NUMBER, "reason": null }),
        json!({ "phone_number": NUMBER }),
    ] {
        let again = block(&api, &body).await;
        assert_eq!(again.status, 200, "{}", again.text());
        assert_eq!(again.json(), first.json());
        assert_eq!(again.header("location"), PATH);
    }
    assert_eq!(api.stage.count("blocked_numbers").await, 1);
    assert_eq!(
        unblock(&api, "/blocked-numbers/+12125550109").await.status,
        204
    );
}

#[tokio::test]
async fn repeat_is_replayed_after_its_number_was_blocked() {
    let api = Api::new().await;
    let first = api.post_with_key("k", &api.body()).await;
    assert_eq!(first.status, 201);
    block(&api, &json!({ "phone_number": NUMBER })).await;
    let repeat = api.post_with_key("k", &api.body()).await;
    assert_eq!(repeat.status, 201, "{}", repeat.text());
    assert_eq!(repeat.header("idempotent-replayed"), "true");
}

#[tokio::test]
async fn configured_numbers_are_blocked() {
    let api = Api::with(|stage| stage.set("BLOCKED_NUMBERS", "+12125550199, +12125550109")).await;
    let refused = api.post(&api.body()).await;
    refused.assert_problem(422, "number_blocked");
    api.assert_untouched().await;
    api.get(PATH).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn response_lists_every_invalid_field_of_a_block() {
    let api = Api::new().await;
    for body in [
        json!({}),
        json!({ "phone_number": null }),
        json!({ "phone_number": "12125550109" }),
        json!({ "phone_number": "+1 212 555 0109" }),
        json!({ "phone_number": 12_125_550_109_i64 }),
    ] {
        let answer = block(&api, &body).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["phone_number"], "{body}");
    }
    let many = json!({ "phone_number": "x", "reason": "", "until": "tomorrow" });
    let answer = block(&api, &many).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["phone_number", "reason", "until"]);
    for reason in [
        json!(" "),
        json!("a\u{7}"),
        json!("a".repeat(201)),
        json!(1),
    ] {
        let body = json!({ "phone_number": NUMBER, "reason": reason });
        let answer = block(&api, &body).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["reason"], "{body}");
    }
    assert_eq!(api.stage.count("blocked_numbers").await, 0);
}

#[tokio::test]
async fn invalid_number_is_refused_with_its_correct_spelling() {
    let api = Api::new().await;
    for (number, spelling) in [
        ("+4402079460018", "+442079460018"),
        ("+5215562000000", "+525562000000"),
        ("+551199123456", "+5511999123456"),
        ("+22990123456", "+2290190123456"),
        ("+378882288", "+3780549882288"),
        ("+112125550123", "+12125550123"),
    ] {
        let answer = block(&api, &json!({ "phone_number": number })).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["phone_number"]);
        assert!(answer.text().contains(spelling), "{}", answer.text());
    }
    for number in [
        "+15550001111",
        "+11235550123",
        "+9999999999",
        "+39236618300",
    ] {
        let answer = block(&api, &json!({ "phone_number": number })).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["phone_number"]);
    }
    assert_eq!(api.stage.count("blocked_numbers").await, 0);
}

/// Stores a number without validation, as an earlier version did.
async fn store(api: &Api, number: &str) {
    let numbers = api
        .stage
        .database()
        .collection::<Document>("blocked_numbers");
    let blocked = doc! { "number": number, "created_at": DateTime::now() };
    numbers.insert_one(blocked).await.unwrap();
}

#[tokio::test]
async fn entry_of_an_earlier_version_blocks_its_line_and_can_be_read_and_deleted() {
    let api = Api::with(|stage| stage.set("ALLOWED_COUNTRIES", "US,MX,GB,AR,BR,IT")).await;
    for (stored, dialled) in [
        ("+5215562000000", "+525562000000"),
        ("+4402079460018", "+442079460018"),
        ("+54111523456789", "+5491123456789"),
        ("+551199123456", "+5511999123456"),
        ("+39236618300", "+390236618300"),
        ("+112125550123", "+12125550123"),
    ] {
        store(&api, stored).await;
        let refused = api.post(&api.body_to(dialled)).await;
        refused.assert_problem(422, "number_blocked");
        assert!(refused.text().contains(stored), "{}", refused.text());
        let path = format!("/blocked-numbers/{stored}");
        assert_eq!(api.get(&path).await.json()["phone_number"], stored);
        assert_eq!(unblock(&api, &path).await.status, 204);
        let placed = api.post(&api.body_to(dialled)).await;
        assert_eq!(placed.status, 201, "{dialled}: {}", placed.text());
    }
    // Not a spelling of a valid number.
    store(&api, "+15550001111").await;
    let path = "/blocked-numbers/+15550001111";
    assert_eq!(api.get(path).await.status, 200);
    assert_eq!(unblock(&api, path).await.status, 204);
}

#[tokio::test]
async fn block_covers_both_valid_spellings_of_a_line() {
    for (first, second) in [
        ("+541123456789", "+5491123456789"),
        ("+390549882288", "+3780549882288"),
        ("+442890123456", "+3534890123456"),
        ("+38344123456", "+37744123456"),
    ] {
        for (blocked, dialled) in [(first, second), (second, first)] {
            let countries = "AR,IT,SM,GB,IE,XK,MC";
            let api = Api::with(|stage| stage.set("ALLOWED_COUNTRIES", countries)).await;
            let answer = block(&api, &json!({ "phone_number": blocked })).await;
            assert_eq!(answer.status, 201, "{}", answer.text());
            let refused = api.post(&api.body_to(dialled)).await;
            refused.assert_problem(422, "number_blocked");
            let configured = api.stage.clone().set("BLOCKED_NUMBERS", blocked);
            unblock(&api, &format!("/blocked-numbers/{blocked}")).await;
            let refused = post(&api.body_to(dialled)).send(&router(&configured)).await;
            refused.assert_problem(422, "number_blocked");
            api.assert_untouched().await;
        }
    }
}

#[tokio::test]
async fn configured_number_blocks_every_spelling_of_its_line() {
    let numbers = "+5215562000000,+4402079460018,+15550001111";
    let api = Api::with(|stage| {
        stage
            .set("BLOCKED_NUMBERS", numbers)
            .set("ALLOWED_COUNTRIES", "MX,GB")
    })
    .await;
    for dialled in ["+525562000000", "+442079460018"] {
        let refused = api.post(&api.body_to(dialled)).await;
        refused.assert_problem(422, "number_blocked");
    }
    api.assert_untouched().await;
}

#[tokio::test]
async fn number_that_is_not_blocked_is_not_found() {
    let api = Api::new().await;
    for name in [
        "12125550109",
        "%2B",
        "+",
        "%2B1212555010a",
        "%20",
        "%ff",
        "%252B12125550109",
        "+12125550109",
    ] {
        let path = format!("/blocked-numbers/{name}");
        api.get(&path).await.assert_problem(404, "not_found");
        unblock(&api, &path).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn blocked_numbers_are_listed_by_page_and_by_cursor() {
    let api = Api::new().await;
    for last in 0..3 {
        block(
            &api,
            &json!({ "phone_number": format!("+1212555010{last}") }),
        )
        .await;
    }
    let all = api.get("/blocked-numbers").await.json();
    let numbers = |list: &Value| {
        let items = list["blocked_numbers"].as_array().unwrap();
        items
            .iter()
            .map(|item| text(&item["phone_number"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        numbers(&all),
        ["+12125550102", "+12125550101", "+12125550100"]
    );
    assert_eq!(
        (&all["total"], &all["page"], &all["page_size"]),
        (&json!(3), &json!(1), &json!(20))
    );
    assert_eq!(all["next_cursor"], Value::Null);

    let first = api.get("/blocked-numbers?page=1&page_size=2").await.json();
    let cursor = text(&first["next_cursor"]);
    let rest = api.get(&format!("/blocked-numbers?cursor={cursor}")).await;
    assert_eq!(numbers(&rest.json()), ["+12125550100"]);
    assert_eq!(rest.json().get("total"), None);
    for query in ["page=0", "page_size=101", "cursor=x", "page=1&cursor=x"] {
        let answer = api.get(&format!("/blocked-numbers?{query}")).await;
        answer.assert_problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn reading_and_blocking_need_call_scopes_and_unblocking_its_own() {
    let keys = [
        api_key("reads", "reads", "calls:read"),
        api_key("writes", "writes", "calls:write"),
        api_key("unblocks", "unblocks", "numbers:unblock"),
        api_key("all", "all", ""),
    ]
    .join(",");
    let api = Api::with(|stage| stage.set("API_KEYS", &keys)).await;
    let body = json!({ "phone_number": NUMBER });
    let adding = Request::post("/blocked-numbers", &body);
    let requests = [
        (adding.clone(), "writes", 201),
        (Request::get("/blocked-numbers"), "reads", 200),
        (Request::get(PATH), "reads", 200),
        (Request::new("DELETE", PATH), "unblocks", 204),
        (adding, "all", 201),
        (Request::new("DELETE", PATH), "all", 204),
    ];
    for (request, allowed, status) in requests {
        for other in ["reads", "writes", "unblocks"] {
            if allowed != other && allowed != "all" {
                let refused = api.send(&request.clone().with_key(other)).await;
                refused.assert_problem(403, "missing_scope");
            }
        }
        let unknown = api.send(&request.clone().with_key("nobody's")).await;
        unknown.assert_problem(401, "unauthorized");
        let answer = api.send(&request.with_key(allowed)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

#[tokio::test]
async fn wrong_method_gets_the_allowed_ones() {
    let api = Api::new().await;
    for (method, path, allow) in [
        ("DELETE", "/blocked-numbers", "POST"),
        ("PUT", PATH, "DELETE"),
    ] {
        let answer = api
            .send(&Request::new(method, path).with_key(API_KEY))
            .await;
        answer.assert_problem(405, "method_not_allowed");
        assert!(answer.header("allow").contains(allow), "{method} {path}");
    }
}
