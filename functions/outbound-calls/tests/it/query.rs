//! Tests the query parameters of all routes.

use serde_json::{Value, json};
use testkit::{API_KEY, Request};

use crate::support::Api;

/// Every operation with an API key: method, path, and query parameters.
async fn operations(api: &Api) -> Vec<(String, String, Vec<String>)> {
    let call = api.stage.call(|_| ()).await.call_id.to_string();
    let document = serde_json::to_value(outbound_calls::openapi()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{call_id}", &call)
            .replace("{recording_id}", "65f0a1b2c3d4e5f601234567")
            .replace("{phone_number}", "+12125550123");
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names = parameters
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned());
            all.push((method.to_uppercase(), path.clone(), names.collect()));
        }
    }
    assert!(!all.is_empty(), "the document has operations");
    all
}

fn request(method: &str, path: &str, query: &str) -> Request {
    let request = Request::new(method, &format!("{path}?{query}")).with_key(API_KEY);
    match method {
        "POST" => request.json(&json!({})),
        _ => request,
    }
}

#[tokio::test]
async fn every_route_refuses_unknown_parameters_by_name() {
    let api = Api::new().await;
    let stored = operations(&api).await;
    for (method, path, known) in &stored {
        for (query, fields) in [
            ("colour=red", &["colour"][..]),
            ("_=1764350000", &["_"]),
            ("b=1&a=2&b=3", &["a", "b"]),
            ("STATUS=busy&Page=1", &["Page", "STATUS"]),
            ("page%20=1", &["page "]),
            ("form=%2B12125550123", &["form"]),
            ("colour", &["colour"]),
        ] {
            let answer = request(method, path, query).send(&api.router).await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.fields(), fields, "{method} {path} {query}");
            let message = answer.json()["errors"][0]["message"].to_string();
            for name in known {
                assert!(message.contains(name), "{message} without {name}");
            }
        }
    }
    assert_eq!(api.stage.count("calls").await, 1);
    assert!(api.twilio.dials().await.is_empty());
}

#[tokio::test]
async fn repeated_parameter_is_refused_by_name() {
    let api = Api::new().await;
    let mut checked = 0;
    for (method, path, known) in operations(&api).await {
        for name in known {
            let twice = format!("{name}=1&{name}=1");
            let answer = request(&method, &path, &twice).send(&api.router).await;
            answer.assert_problem(422, "validation_failed");
            let named = answer.fields();
            assert!(named.contains(&name), "{path} {name}: {named:?}");
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}

#[tokio::test]
async fn unknown_parameters_are_listed_with_other_errors() {
    let api = Api::new().await;
    for (path, fields) in [
        (
            "/calls?page_size=0&colour=red&form=x",
            &["colour", "form", "page_size"][..],
        ),
        ("/calls?page_size=0&user_id=nobody&a=b", &["a", "page_size"]),
        ("/stats?from=x&page=1", &["from", "page"]),
        (
            "/blocked-numbers?page=0&to_number=x",
            &["page", "to_number"],
        ),
    ] {
        let answer = api.get(path).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), fields, "{path}");
    }
}

#[tokio::test]
async fn authentication_comes_before_the_query() {
    let api = Api::with(|stage| {
        let keys = testkit::api_key("users", API_KEY, "users:read");
        stage.set("API_KEYS", &keys)
    })
    .await;
    for (method, path, _) in operations(&api).await {
        let known = request(&method, &path, "colour=red");
        let stranger = known.clone().without("authorization");
        let stranger = stranger.send(&api.router).await;
        stranger.assert_problem(401, "unauthorized");
        let refused = known.send(&api.router).await;
        refused.assert_problem(403, "missing_scope");
    }
}

#[tokio::test]
async fn empty_query_is_accepted() {
    let api = Api::new().await;
    for query in ["?", "?&", "?&&"] {
        for path in ["/calls", "/stats", "/blocked-numbers"] {
            let answer = api.get(&format!("{path}{query}")).await;
            assert_eq!(answer.status, 200, "{path}{query}: {}", answer.text());
        }
        let call = api.stage.call(|_| ()).await.call_id;
        let answer = api.get(&format!("/calls/{call}{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn blank_in_an_offset_is_read_as_plus() {
    let api = Api::new().await;
    for (from, to) in [
        ("2026-01-02T03:00:00 01:00", "2026-01-02T04:00:00%2B01:00"),
        ("2026-01-02T03:00:00+01:00", "2026-01-02T03:00:00Z"),
        ("2026-01-02%2003:00:00+01:00", "2026-01-02+03:00:00Z"),
    ] {
        let from = from.replace(' ', "%20");
        let told: Value = api.get(&format!("/stats?from={from}&to={to}")).await.json();
        assert_eq!(told["from"], "2026-01-02T02:00:00.000Z", "{told}");
        assert_eq!(told["to"], "2026-01-02T03:00:00.000Z", "{told}");
    }
    for time in [
        "+2026-01-02T03:00:00Z",
        "2026-01-02T03:00:00++01:00",
        "2026-01-02+03:00",
    ] {
        let answer = api.get(&format!("/calls?from={time}")).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["from"], "{time}");
    }
}
