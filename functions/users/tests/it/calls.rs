//! Tests the list of a user's calls.

use std::cmp::Reverse;

use outdial::{
    domain::{CallId, CallStatus},
    http::CallBody,
};
use serde_json::{Value, json};
use testkit::Request;

use crate::support::{ada, create, create_ada, start, store_call, text};

fn ids(page: &Value) -> Vec<String> {
    let calls = page["calls"].as_array().unwrap();
    calls
        .iter()
        .map(|call| text(call, "call_id").to_owned())
        .collect()
}

#[tokio::test]
async fn users_calls_are_listed_newest_first() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let user = path.trim_start_matches("/users/");
    let mut newest_first = Vec::new();
    for at in [10, 20, 30, 30, 40] {
        newest_first.insert(0, store_call(&stage, user, CallStatus::Completed, at).await);
    }
    // The id orders two calls of the same millisecond.
    let object_id = |id: &String| id.parse::<CallId>().unwrap().object_id();
    newest_first[1..3].sort_by_key(|id| Reverse(object_id(id)));
    store_call(
        &stage,
        "65f0a1b2c3d4e5f601234567",
        CallStatus::Completed,
        50,
    )
    .await;

    let first = Request::get(&format!("{path}/calls?page_size=2"))
        .send(&function)
        .await;
    assert_eq!(first.status, 200, "{}", first.text());
    let first = first.json();
    assert_eq!(
        (&first["total"], &first["page"], &first["page_size"]),
        (&json!(5), &json!(1), &json!(2))
    );
    let mut walked = ids(&first);
    let mut cursor = first["next_cursor"].clone();
    while let Some(text) = cursor.as_str() {
        let page = Request::get(&format!("{path}/calls?cursor={text}&page_size=2"))
            .send(&function)
            .await
            .json();
        assert!(
            page.get("total").is_none() && page.get("page").is_none(),
            "{page}"
        );
        walked.extend(ids(&page));
        cursor = page["next_cursor"].clone();
    }
    assert_eq!(walked, newest_first);
    let third = Request::get(&format!("{path}/calls?page=3&page_size=2"))
        .send(&function)
        .await
        .json();
    assert_eq!(ids(&third), newest_first[4..]);
}

#[tokio::test]
async fn calls_are_filtered_by_status() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let user = path.trim_start_matches("/users/");
    let mut of = Vec::new();
    for (at, status) in (1..).zip(CallStatus::ALL) {
        of.push((status, store_call(&stage, user, status, at).await));
    }
    for (status, id) in of {
        let answer = Request::get(&format!("{path}/calls?status={}", status.as_str()))
            .send(&function)
            .await;
        let page = answer.json();
        assert_eq!(ids(&page), [id]);
        assert_eq!(page["total"], 1);
        assert_eq!(page["calls"][0]["status"], status.as_str());
    }
}

#[tokio::test]
async fn all_invalid_parameters_are_listed_at_once() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    for (query, fields) in [
        ("status=ended", &["status"][..]),
        ("status=", &["status"]),
        ("status=Completed", &["status"]),
        ("status=in_progress", &["status"]),
        ("status=%ff", &["status"]),
        (
            "status=x&page=0&page_size=101",
            &["page", "page_size", "status"],
        ),
        ("status=x&cursor=x", &["cursor", "status"]),
    ] {
        let answer = Request::get(&format!("{path}/calls?{query}"))
            .send(&function)
            .await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), fields, "{query}");
    }
}

#[tokio::test]
async fn cursor_is_valid_only_for_its_list() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let mut bob = ada();
    bob["email"] = "bob@example.com".into();
    let bob = create(&function, &bob).await;
    let user = path.trim_start_matches("/users/");
    for at in 1..=2 {
        store_call(&stage, user, CallStatus::Busy, at).await;
    }
    let cursor_of = async |list: &str| {
        let page = Request::get(&format!("{list}page_size=1"))
            .send(&function)
            .await
            .json();
        text(&page, "next_cursor").to_owned()
    };
    let all = cursor_of(&format!("{path}/calls?")).await;
    let busy = cursor_of(&format!("{path}/calls?status=busy&")).await;
    let users = cursor_of("/users?").await;
    for foreign in [
        format!("/users?cursor={all}"),
        format!("{path}/calls?cursor={users}"),
        format!("{path}/calls?cursor={busy}"),
        format!("{path}/calls?status=busy&cursor={all}"),
        format!("{path}/calls?status=completed&cursor={busy}"),
        format!("/users/{}/calls?cursor={all}", text(&bob, "id")),
    ] {
        let answer = Request::get(&foreign).send(&function).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["cursor"], "{foreign}");
    }
    let own = Request::get(&format!("{path}/calls?status=busy&cursor={busy}"))
        .send(&function)
        .await;
    assert_eq!(own.json()["calls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn listed_call_has_all_its_fields() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let user = path.trim_start_matches("/users/");
    let call = stage.call(|call| call.user_id = user.to_owned()).await;
    let page = Request::get(&format!("{path}/calls"))
        .send(&function)
        .await
        .json();
    assert_eq!(page["calls"][0], json!(CallBody::from(call)));
}

#[tokio::test]
async fn user_without_calls_has_an_empty_list_and_unknown_user_is_404() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    let page = Request::get(&format!("{path}/calls"))
        .send(&function)
        .await
        .json();
    assert_eq!(
        page,
        json!({"calls": [], "total": 0, "page": 1, "page_size": 20, "next_cursor": null})
    );
    let unknown = Request::get("/users/65f0a1b2c3d4e5f601234567/calls")
        .send(&function)
        .await;
    unknown.assert_problem(404, "not_found");
}
