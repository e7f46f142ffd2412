//! Tests the list of users: pages, cursors and filters.

use axum::Router;
use serde_json::{Value, json};
use testkit::{Answer, Request};

use crate::support::{create, start, text};

async fn create_users(function: &Router, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let email = format!("user{number}@example.com");
        let body = json!({"name": "U", "email": email, "phone_number": "+12125550123"});
        ids.push(text(&create(function, &body).await, "id").to_owned());
    }
    ids.reverse();
    ids
}

async fn get(function: &Router, query: &str) -> Answer {
    Request::get(&format!("/users{query}")).send(function).await
}

fn ids(page: &Value) -> Vec<String> {
    let users = page["users"].as_array().unwrap();
    users
        .iter()
        .map(|user| text(user, "id").to_owned())
        .collect()
}

#[tokio::test]
async fn pages_are_numbered_from_the_newest() {
    let (_stage, function) = start().await;
    let newest_first = create_users(&function, 5).await;
    for (page, expected) in [
        (1, &newest_first[..2]),
        (2, &newest_first[2..4]),
        (3, &newest_first[4..]),
        (4, &[]),
    ] {
        let answer = get(&function, &format!("?page={page}&page_size=2")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        assert_eq!(ids(&body), expected);
        assert_eq!(
            (&body["total"], &body["page"], &body["page_size"]),
            (&json!(5), &json!(page), &json!(2))
        );
        assert_eq!(body["next_cursor"].is_string(), page < 3, "{body}");
        assert!(body.as_object().unwrap().contains_key("next_cursor"));
    }
    let body = get(&function, "").await.json();
    assert_eq!(ids(&body), newest_first);
    assert_eq!((&body["page"], &body["page_size"]), (&json!(1), &json!(20)));
    assert_eq!(
        get(&function, "?page_size=100").await.json()["page_size"],
        100
    );
}

#[tokio::test]
async fn empty_list_is_a_page() {
    let (_stage, function) = start().await;
    let expected =
        json!({"users": [], "total": 0, "page": 1, "page_size": 20, "next_cursor": null});
    assert_eq!(get(&function, "").await.json(), expected);
    assert_eq!(get(&function, "?").await.json(), expected);
}

#[tokio::test]
async fn cursors_walk_the_whole_list_once_without_counting() {
    let (_stage, function) = start().await;
    let newest_first = create_users(&function, 5).await;
    let first = get(&function, "?page_size=2").await.json();
    let mut walked = ids(&first);
    let mut cursor = first["next_cursor"].clone();
    // A new user between two requests is newer than all users on later pages.
    create(
        &function,
        &json!({"name": "N", "email": "n@example.com", "phone_number": "+12125550123"}),
    )
    .await;
    while let Some(text) = cursor.as_str() {
        let body = get(&function, &format!("?page_size=2&cursor={text}"))
            .await
            .json();
        let object = body.as_object().unwrap();
        assert!(
            !object.contains_key("total") && !object.contains_key("page"),
            "{body}"
        );
        walked.extend(ids(&body));
        cursor = body["next_cursor"].clone();
    }
    assert_eq!(walked, newest_first);
}

#[tokio::test]
async fn parameter_out_of_range_is_named() {
    let (_stage, function) = start().await;
    for (query, fields) in [
        ("?page=0", &["page"][..]),
        ("?page=-1", &["page"]),
        ("?page=1.5", &["page"]),
        ("?page=x", &["page"]),
        ("?page=", &["page"]),
        ("?page=10001", &["page"]),
        ("?page=99999999999999999999", &["page"]),
        ("?page=%31%zz", &["page"]),
        ("?page=%ff", &["page"]),
        ("?page=+1", &["page"]),
        ("?page=%2B1", &["page"]),
        ("?page_size=0", &["page_size"]),
        ("?page_size=101", &["page_size"]),
        ("?page_size=ten", &["page_size"]),
        ("?page=0&page_size=0", &["page", "page_size"]),
        ("?cursor=", &["cursor"]),
        ("?cursor=abc", &["cursor"]),
        ("?cursor=%ff%fe", &["cursor"]),
        ("?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &["cursor"]),
        ("?cursor=abc&page_size=1000", &["cursor", "page_size"]),
        ("?cursor=abc&page=0", &["cursor", "page"]),
    ] {
        let answer = get(&function, query).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), fields, "{query}");
    }
}

#[tokio::test]
async fn page_and_cursor_exclude_each_other() {
    let (_stage, function) = start().await;
    create_users(&function, 2).await;
    let body = get(&function, "?page_size=1").await.json();
    let cursor = text(&body, "next_cursor");
    let answer = get(&function, &format!("?page=1&cursor={cursor}")).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["cursor"]);
    let altered = format!("{}A", &cursor[..cursor.len() - 1]);
    let altered = if altered == cursor {
        format!("{}B", &cursor[..cursor.len() - 1])
    } else {
        altered
    };
    get(&function, &format!("?cursor={altered}"))
        .await
        .assert_problem(422, "validation_failed");
}

#[tokio::test]
async fn user_is_found_by_address_in_any_case() {
    let (_stage, function) = start().await;
    let newest_first = create_users(&function, 3).await;
    for email in [
        "user1@example.com",
        "USER1@example.com",
        "user1%40Example.com",
    ] {
        let body = get(&function, &format!("?email={email}")).await.json();
        assert_eq!(ids(&body), newest_first[1..2]);
        assert_eq!(
            (&body["total"], &body["next_cursor"]),
            (&json!(1), &json!(null))
        );
    }
    let body = get(&function, "?email=nobody@example.com").await.json();
    assert_eq!((&body["users"], &body["total"]), (&json!([]), &json!(0)));
    let second_page = get(&function, "?email=user1@example.com&page=2")
        .await
        .json();
    assert_eq!(
        (&second_page["users"], &second_page["total"]),
        (&json!([]), &json!(1))
    );
}

#[tokio::test]
async fn malformed_address_is_listed_with_the_other_errors() {
    let (_stage, function) = start().await;
    for (query, fields) in [
        ("?email=ada", &["email"][..]),
        ("?email=", &["email"]),
        ("?email=%ff@example.com%zz", &["email"]),
        (
            "?email=ada&page=0&page_size=0",
            &["email", "page", "page_size"],
        ),
    ] {
        let answer = get(&function, query).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), fields, "{query}");
    }
    create_users(&function, 2).await;
    let body = get(&function, "?page_size=1").await.json();
    let with_cursor = format!(
        "?email=user1@example.com&cursor={}",
        text(&body, "next_cursor")
    );
    assert_eq!(get(&function, &with_cursor).await.fields(), ["email"]);
}

/// Creates users with two numbers in turn. Returns those with the first number, newest first.
async fn create_users_of_two_numbers(function: &Router) -> Vec<String> {
    let mut ids = Vec::new();
    for nth in 0..6 {
        let email = format!("user{nth}@example.com");
        let number = ["+12125550123", "+12125550124"][nth % 2];
        let body = json!({"name": "U", "email": email, "phone_number": number});
        let user = create(function, &body).await;
        if nth % 2 == 0 {
            ids.push(text(&user, "id").to_owned());
        }
    }
    ids.reverse();
    ids
}

#[tokio::test]
async fn users_are_found_by_number_newest_first() {
    let (_stage, function) = start().await;
    let found = create_users_of_two_numbers(&function).await;
    for number in ["%2B12125550123", "+12125550123", "%2012125550123"] {
        let body = get(&function, &format!("?phone_number={number}")).await;
        let body = body.json();
        assert_eq!(ids(&body), found, "{number}");
        assert_eq!(
            (&body["total"], &body["next_cursor"]),
            (&json!(3), &json!(null))
        );
    }
    let nobody = get(&function, "?phone_number=%2B12125550199").await.json();
    assert_eq!(
        (&nobody["users"], &nobody["total"]),
        (&json!([]), &json!(0))
    );
    let second = get(&function, "?phone_number=%2B12125550123&page=2&page_size=2").await;
    assert_eq!(ids(&second.json()), found[2..]);
}

#[tokio::test]
async fn cursor_of_users_by_number_is_valid_only_for_that_list() {
    let (_stage, function) = start().await;
    let found = create_users_of_two_numbers(&function).await;
    let query = "?phone_number=%2B12125550123&page_size=2";
    let first = get(&function, query).await.json();
    assert_eq!(ids(&first), found[..2]);
    let cursor = text(&first, "next_cursor");
    let rest = get(&function, &format!("{query}&cursor={cursor}"))
        .await
        .json();
    assert_eq!(
        (ids(&rest), &rest["next_cursor"]),
        (found[2..].to_vec(), &json!(null))
    );
    assert!(!rest.as_object().unwrap().contains_key("total"), "{rest}");
    for other in ["?", "?phone_number=%2B12125550124&"] {
        let refused = get(&function, &format!("{other}cursor={cursor}")).await;
        refused.assert_problem(422, "validation_failed");
        assert_eq!(refused.fields(), ["cursor"], "{other}");
    }
    let all = get(&function, "?page_size=2").await.json();
    let of_all = text(&all, "next_cursor");
    let refused = get(&function, &format!("{query}&cursor={of_all}")).await;
    assert_eq!(refused.fields(), ["cursor"]);
}

#[tokio::test]
async fn address_and_number_filters_combine() {
    let (_stage, function) = start().await;
    create_users_of_two_numbers(&function).await;
    for (number, count) in [("%2B12125550123", 1), ("%2B12125550124", 0)] {
        let query = format!("?email=user0@example.com&phone_number={number}");
        let body = get(&function, &query).await.json();
        assert_eq!((ids(&body).len(), &body["total"]), (count, &json!(count)));
    }
}

#[tokio::test]
async fn blank_in_an_address_is_read_as_plus() {
    let (_stage, function) = start().await;
    let email = "ada+calls@example.com";
    let body = json!({"name": "U", "email": email, "phone_number": "+12125550123"});
    let id = text(&create(&function, &body).await, "id").to_owned();
    for written in [
        "ada+calls@example.com",
        "ada%20calls@example.com",
        "ada%2Bcalls@example.com",
    ] {
        let body = get(&function, &format!("?email={written}")).await.json();
        assert_eq!(ids(&body), std::slice::from_ref(&id), "{written}");
    }
    // An address may contain a blank inside quotation marks.
    let quoted =
        json!({"name": "U", "email": "\"ada b\"@example.com", "phone_number": "+12125550123"});
    let id = text(&create(&function, &quoted).await, "id").to_owned();
    let body = get(&function, "?email=%22ada+b%22@example.com")
        .await
        .json();
    assert_eq!(ids(&body), [id]);
}

#[tokio::test]
async fn malformed_number_is_named() {
    let (_stage, function) = start().await;
    for number in [
        "",
        "12125550123",
        "%2B0125550123",
        "%2B1%20212%20555%200123",
        "++12125550123",
        "%2B%2B12125550123",
        "+12125550123+",
        "(212)%20555-0123",
    ] {
        let answer = get(&function, &format!("?phone_number={number}&page=0")).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["page", "phone_number"], "{number}");
        assert!(answer.text().contains("E.164"), "{}", answer.text());
    }
}
