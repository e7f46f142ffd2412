//! Tests `GET /calls`: filters, pages and cursors.

use std::cmp::Reverse;

use mongodb::bson::DateTime;
use outdial::domain::{Call, CallStatus};
use serde_json::{Value, json};
use testkit::Request;

use crate::support::{Api, text};

/// Stores a call of the user, created at this time in milliseconds.
async fn store(api: &Api, user: &str, status: CallStatus, at: i64) -> Call {
    let call = api.stage.call(|call| {
        user.clone_into(&mut call.user_id);
        call.status = status;
        call.created_at = DateTime::from_millis(at);
    });
    call.await
}

fn ids(page: &Value) -> Vec<String> {
    let calls = page["calls"].as_array().unwrap();
    calls.iter().map(|call| text(&call["call_id"])).collect()
}

/// The ids in the whole list, page by page.
async fn walk(api: &Api, query: &str, page_size: usize) -> Vec<String> {
    let mut walked = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/calls?page_size={page_size}{query}{cursor}");
        let answer = api.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let page = answer.json();
        assert_eq!(page["page_size"], page_size);
        let ids = ids(&page);
        assert!(ids.len() <= page_size, "{page}");
        walked.extend(ids);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return walked,
        }
    }
}

fn time(at: i64) -> String {
    let at = DateTime::from_millis(at);
    at.try_to_rfc3339_string().unwrap()
}

#[tokio::test]
async fn every_filter_lists_its_calls_once_newest_first_in_any_page_size() {
    let api = Api::new().await;
    let users = [api.user.clone(), api.stage.user().await];
    let mut calls = Vec::new();
    for at in [1_000, 2_000, 2_000, 2_000, 2_000, 3_000, 4_000] {
        for user in &users {
            for status in [CallStatus::Completed, CallStatus::Ringing] {
                calls.push(store(&api, user, status, at).await);
            }
        }
    }
    // Calls of the same millisecond are ordered by id.
    calls.sort_by_key(|call| Reverse((call.created_at, call.id)));
    for user in [None, Some(&users[1])] {
        for status in [None, Some(CallStatus::Ringing)] {
            for from in [None, Some(1_000), Some(1_001), Some(2_000), Some(4_001)] {
                for to in [None, Some(2_001), Some(4_000)] {
                    if to.is_some() && from > to {
                        continue;
                    }
                    let shown = calls.iter().filter(|call| {
                        let at = call.created_at.timestamp_millis();
                        user.is_none_or(|user| call.user_id == *user)
                            && status.is_none_or(|status| call.status == status)
                            && from.is_none_or(|from| at >= from)
                            && to.is_none_or(|to| at < to)
                    });
                    let expected: Vec<_> = shown.map(|call| call.call_id.to_string()).collect();
                    let query = [
                        user.map(|user| format!("&user_id={user}")),
                        status.map(|status| format!("&status={}", status.as_str())),
                        from.map(|from| format!("&from={}", time(from))),
                        to.map(|to| format!("&to={}", time(to))),
                    ];
                    let query: String = query.into_iter().flatten().collect();
                    for page_size in [3, 100] {
                        let walked = walk(&api, &query, page_size).await;
                        assert_eq!(walked, expected, "{query} by {page_size}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn listed_call_equals_the_call_that_is_read() {
    let api = Api::new().await;
    let call = store(&api, &api.user, CallStatus::Busy, 1).await;
    let page = api.get("/calls").await.json();
    let read = api.call(&call.call_id.to_string()).await;
    assert_eq!(
        page,
        json!({ "calls": [read], "page_size": 20, "next_cursor": null })
    );
}

#[tokio::test]
async fn time_may_have_any_offset() {
    let api = Api::new().await;
    let call = store(&api, &api.user, CallStatus::Busy, 0).await;
    for (query, shown) in [
        ("from=1970-01-01T01:00:00%2B01:00", 1),
        ("from=1970-01-01T00:00:00-00:01", 0),
        ("to=1970-01-01T00:00:00.001Z", 1),
        ("to=1970-01-01t00:00:00z", 0),
    ] {
        let page = api.get(&format!("/calls?{query}")).await.json();
        let expected = vec![call.call_id.to_string(); shown];
        assert_eq!(ids(&page), expected, "{query}");
    }
}

#[tokio::test]
async fn response_lists_every_invalid_parameter() {
    let api = Api::new().await;
    for (query, fields) in [
        ("status=ended", &["status"][..]),
        ("from=yesterday", &["from"]),
        ("to=2026-01-02", &["to"]),
        ("to=", &["to"]),
        ("from=2026-01-02T03:04:05", &["from"]),
        ("from=2026-02-30T03:04:05Z", &["from"]),
        (
            "from=2026-01-02T03:04:05Z&to=2026-01-02T03:04:05Z",
            &["from"],
        ),
        (
            "from=2026-01-02T03:04:05Z&to=2025-01-02T03:04:05Z",
            &["from"],
        ),
        ("page=1", &["page"]),
        (
            "from=x&to=y&status=z&page_size=0&page=0&cursor=x",
            &["cursor", "from", "page", "page_size", "status", "to"],
        ),
        ("user_id=nobody&page_size=101", &["page_size"]),
    ] {
        let path = format!("/calls?{query}");
        let answer = Request::get(&path).send(&api.router).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), fields, "{query}");
    }
}

#[tokio::test]
async fn calls_of_an_unknown_user_are_not_found() {
    let api = Api::new().await;
    for user in ["65f0a1b2c3d4e5f601234567", "nobody", ""] {
        let answer = api.get(&format!("/calls?user_id={user}")).await;
        answer.assert_problem(404, "not_found");
    }
    let page = api.get(&format!("/calls?user_id={}", api.user)).await;
    assert_eq!(ids(&page.json()), Vec::<String>::new());
}

#[tokio::test]
async fn cursor_of_calls_works_with_its_own_filter_only() {
    let api = Api::new().await;
    for at in 1..=2 {
        store_to(&api, "+12125550123", CallStatus::Busy, at).await;
    }
    let filters = [
        String::new(),
        "&status=busy".to_owned(),
        format!("&user_id={}", api.user),
        format!("&from={}", time(1)),
        format!("&to={}", time(3)),
        "&to_number=%2B12125550123".to_owned(),
        "&to_number=%2B12125550123&status=busy".to_owned(),
    ];
    for own in &filters {
        let page = api.get(&format!("/calls?page_size=1{own}")).await.json();
        let cursor = text(&page["next_cursor"]);
        for filter in &filters {
            let answer = api.get(&format!("/calls?cursor={cursor}{filter}")).await;
            if filter == own {
                assert_eq!(ids(&answer.json()).len(), 1, "{own}");
                continue;
            }
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.fields(), ["cursor"], "{own} with {filter}");
        }
    }
}

#[tokio::test]
async fn listing_calls_needs_the_read_scope() {
    let api = Api::with(|stage| {
        let keys = testkit::api_key("users", testkit::API_KEY, "users:read+calls:write");
        stage.set("API_KEYS", &keys)
    })
    .await;
    let refused = Request::get("/calls").send(&api.router).await;
    refused.assert_problem(403, "missing_scope");
    let stranger = Request::new("GET", "/calls").send(&api.router).await;
    stranger.assert_problem(401, "unauthorized");
    let other_method = Request::new("DELETE", "/calls").with_key(testkit::API_KEY);
    let refused = other_method.send(&api.router).await;
    refused.assert_problem(405, "method_not_allowed");
}

/// Stores a call to the number.
async fn store_to(api: &Api, to: &str, status: CallStatus, at: i64) -> Call {
    let call = api.stage.call(|call| {
        api.user.clone_into(&mut call.user_id);
        call.to_number = to.parse().unwrap();
        call.status = status;
        call.created_at = DateTime::from_millis(at);
    });
    call.await
}

#[tokio::test]
async fn calls_to_a_number_are_listed_with_every_other_filter() {
    let api = Api::new().await;
    let other_user = api.stage.user().await;
    let mut calls = Vec::new();
    for at in [1_000, 2_000, 2_000, 3_000] {
        for to in ["+12125550123", "+12125550124"] {
            for status in [CallStatus::Completed, CallStatus::Busy] {
                calls.push(store_to(&api, to, status, at).await);
            }
        }
    }
    calls.sort_by_key(|call| Reverse((call.created_at, call.id)));
    let user = format!("&user_id={}", api.user);
    let other_user = format!("&user_id={other_user}");
    for number in ["%2B12125550123", "+12125550123", "%2012125550123"] {
        for (query, status, from, owned) in [
            ("", None, 0, true),
            ("&status=busy", Some(CallStatus::Busy), 0, true),
            ("&from=1970-01-01T00:00:02Z", None, 2_000, true),
            (&user, None, 0, true),
            (&other_user, None, 0, false),
        ] {
            let shown = calls.iter().filter(|call| {
                owned
                    && call.to_number.as_str() == "+12125550123"
                    && status.is_none_or(|status| call.status == status)
                    && call.created_at.timestamp_millis() >= from
            });
            let expected: Vec<_> = shown.map(|call| call.call_id.to_string()).collect();
            let query = format!("&to_number={number}{query}");
            for page_size in [1, 3, 100] {
                let walked = walk(&api, &query, page_size).await;
                assert_eq!(walked, expected, "{query} by {page_size}");
            }
        }
    }
    let nobody = walk(&api, "&to_number=%2B12125550199", 20).await;
    assert_eq!(nobody, Vec::<String>::new());
}

#[tokio::test]
async fn number_not_in_e164_format_is_named() {
    let api = Api::new().await;
    for number in [
        "",
        "12125550123",
        "+0125550123",
        "++12125550123",
        "%2B1%20212%20555%200123",
        "+12125550123+",
        "0800",
    ] {
        let path = format!("/calls?to_number={number}&status=ended");
        let answer = api.get(&path).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["status", "to_number"], "{number}");
        assert!(answer.text().contains("E.164"), "{}", answer.text());
    }
}
