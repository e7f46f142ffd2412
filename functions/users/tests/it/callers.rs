//! Tests API keys and scopes.

use serde_json::json;
use testkit::{API_KEY, Request, Stage, api_key};

use crate::support::{ada, create_ada, function, start, stored_users, text};

#[tokio::test]
async fn key_is_accepted_as_bearer_or_as_x_api_key() {
    let (_stage, function) = start().await;
    for (name, value) in [
        ("authorization", format!("Bearer {API_KEY}")),
        ("authorization", format!("bearer {API_KEY}")),
        ("authorization", format!("BEARER   {API_KEY}")),
        ("x-api-key", API_KEY.to_owned()),
    ] {
        let answer = Request::new("GET", "/users")
            .header(name, &value)
            .send(&function)
            .await;
        assert_eq!(answer.status, 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn request_without_a_known_key_is_401() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let bare = [
        Request::new("GET", "/users"),
        Request::new("POST", "/users").json(&ada()),
        Request::new("POST", "/users").body("no JSON"),
        Request::new("GET", &path),
        Request::new("GET", "/users/none"),
        Request::new("PATCH", &path).json(&json!({"name": "x"})),
        Request::new("DELETE", &path),
        Request::new("GET", &format!("{path}/calls?status=x")),
    ];
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    for request in bare {
        for request in [
            request.clone(),
            request.clone().with_key("another-key"),
            request.clone().with_key(""),
            request.clone().with_key(hash),
            request.clone().with_key(&API_KEY.to_uppercase()),
            request.clone().header("authorization", API_KEY),
            request
                .clone()
                .header("authorization", &format!("Basic {API_KEY}")),
            request
                .clone()
                .header("authorization", &format!("Token {API_KEY}")),
            request.clone().header("authorization", ""),
            request.clone().header("x-api-key", "another-key"),
            request
                .clone()
                .header("x-api-key", &format!("Bearer {API_KEY}")),
            request.clone().header("x-api-key", "ключ"),
        ] {
            let answer = request.send(&function).await;
            answer.assert_problem(401, "unauthorized");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    assert_eq!(stored_users(&stage).await, 1);
}

#[tokio::test]
async fn scopes_limit_a_key() {
    let keys = [
        api_key("reader", "reads", "users:read"),
        api_key("writer", "writes", "users:write"),
        api_key("caller", "calls", "calls:read+calls:write"),
    ];
    let stage = Stage::new().await.set("API_KEYS", &keys.join(","));
    let function = function(&stage);
    let created = Request::post("/users", &ada())
        .with_key("writes")
        .send(&function)
        .await;
    assert_eq!(created.status, 201);
    let user = created.json();
    assert_eq!(user["created_by"], "writer");
    let path = format!("/users/{}", text(&user, "id"));
    let reads = [
        Request::new("GET", "/users"),
        Request::new("GET", &path),
        Request::new("GET", &format!("{path}/calls")),
    ];
    let writes = [
        Request::new("POST", "/users").json(&ada()),
        Request::new("PATCH", &path).json(&json!({"name": "x"})),
        Request::new("DELETE", &path),
    ];
    for (requests, scope, refused) in [
        (&reads, "users:read", ["writes", "calls"]),
        (&writes, "users:write", ["reads", "calls"]),
    ] {
        for request in requests {
            for key in refused {
                let answer = request.clone().with_key(key).send(&function).await;
                answer.assert_problem(403, "missing_scope");
                assert!(
                    text(&answer.json(), "detail").contains(scope),
                    "{}",
                    answer.text()
                );
            }
        }
    }
    for request in reads {
        assert_eq!(request.with_key("reads").send(&function).await.status, 200);
    }
    let [_, change, delete] = writes;
    assert_eq!(change.with_key("writes").send(&function).await.status, 200);
    assert_eq!(delete.with_key("writes").send(&function).await.status, 204);
}

#[tokio::test]
async fn missing_scope_is_rejected_before_the_body_is_read() {
    let stage = Stage::new()
        .await
        .set("API_KEYS", &api_key("reader", "reads", "users:read"));
    let function = function(&stage);
    let request = Request::new("POST", "/users").with_key("reads");
    for request in [
        request.clone(),
        request.clone().body("{"),
        request.json(&json!({"x": 1})),
    ] {
        request
            .send(&function)
            .await
            .assert_problem(403, "missing_scope");
    }
}

#[tokio::test]
async fn development_without_keys_is_open() {
    let stage = Stage::new().await.set("API_KEYS", "");
    let function = function(&stage);
    assert_eq!(
        Request::new("GET", "/users").send(&function).await.status,
        200
    );
    let answer = Request::new("GET", "/users")
        .with_key("any")
        .send(&function)
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn each_of_several_keys_is_known_by_its_name() {
    let keys = [api_key("first", "one", ""), api_key("second", "two", "")].join(", ");
    let stage = Stage::new().await.set("API_KEYS", &keys);
    let function = function(&stage);
    for (key, name) in [("one", "first"), ("two", "second")] {
        let mut body = ada();
        body["email"] = format!("{key}@example.com").into();
        let answer = Request::post("/users", &body)
            .with_key(key)
            .send(&function)
            .await;
        assert_eq!(answer.json()["created_by"], name);
    }
    assert_eq!(
        Request::new("GET", "/users")
            .with_key("three")
            .send(&function)
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn any_header_with_a_known_key_authenticates() {
    let (_stage, function) = start().await;
    let bearer = format!("Bearer {API_KEY}");
    let long: Vec<_> = (0..8)
        .map(|_| "Basic YTpi".to_owned())
        .chain([bearer.clone()])
        .collect();
    for (authorization, x_api_key) in [
        ("Basic YTpi", API_KEY),
        ("Digest username=\"a\", realm=\"b\"", API_KEY),
        ("Bearer of-a-proxy", API_KEY),
        ("Bearer", API_KEY),
        ("", API_KEY),
        ("é", API_KEY),
        (API_KEY, API_KEY),
        (&*bearer, "of-a-proxy"),
        (&*bearer, ""),
        (&*bearer, "é"),
        ("Basic YTpi", &format!("of-a-proxy,{API_KEY}")),
        ("Basic YTpi", &format!("{API_KEY}, of-a-proxy")),
        ("Basic YTpi", &format!(" \t{API_KEY} \t")),
        (&format!("Basic YTpi,{bearer}"), ""),
        (&format!("Basic YTpi, {bearer}, Token x"), ""),
        (&format!("{bearer},Basic YTpi"), ""),
        (&format!("Bearer of-a-proxy,{bearer}"), ""),
        (&format!("é,{bearer}"), ""),
        (&format!(",,{bearer},"), ""),
        (&*long.join(","), ""),
        (&format!("bearer\t{API_KEY}"), ""),
        (&format!(" bEaReR \t {API_KEY}\t "), ""),
    ] {
        let request = Request::new("GET", "/users").header("authorization", authorization);
        let answer = request.header("x-api-key", x_api_key).send(&function).await;
        assert_eq!(answer.status, 200, "{authorization:?} {x_api_key:?}");
    }
}

#[tokio::test]
async fn headers_without_a_known_key_are_rejected() {
    let (_stage, function) = start().await;
    let detail = async |authorization: &str, x_api_key: &str| {
        let request = Request::new("GET", "/users").header("authorization", authorization);
        let request = match x_api_key {
            "" => request,
            key => request.header("x-api-key", key),
        };
        let answer = request.send(&function).await;
        answer.assert_problem(401, "unauthorized");
        text(&answer.json(), "detail").to_owned()
    };
    for (authorization, x_api_key) in [
        ("Bearer of-a-proxy", "unknown"),
        ("Basic YTpi", "unknown"),
        ("Bearer a,Bearer b", "c,d"),
        (&format!("Bearer of-a-proxy, {API_KEY}"), ""),
        (&format!("Bearer {API_KEY}x"), ""),
        (&format!("Bearer x {API_KEY}"), ""),
        (&format!("Bearer Bearer {API_KEY}"), ""),
        ("Bearer", ""),
        ("Basic YTpi", &format!("Bearer {API_KEY}")),
        ("Basic YTpi", &format!("{}{API_KEY}", "junk,".repeat(100))),
    ] {
        let detail = detail(authorization, x_api_key).await;
        assert!(
            detail.contains("unknown"),
            "{authorization:?} {x_api_key:?}: {detail}"
        );
    }
    for authorization in [
        "",
        "Basic YTpi",
        API_KEY,
        &format!("Basic {API_KEY}"),
        &format!("Token {API_KEY},Digest x"),
        &format!("Bearer{API_KEY}"),
        &format!("Bearer\u{a0}{API_KEY}"),
    ] {
        let detail = detail(authorization, "").await;
        assert!(
            detail.contains("is required"),
            "{authorization:?}: {detail}"
        );
    }
}

#[tokio::test]
async fn key_with_a_comma_is_accepted() {
    let stage = Stage::new()
        .await
        .set("API_KEYS", &api_key("odd", "a,b", ""));
    let function = function(&stage);
    for (name, value) in [("authorization", "Bearer a,b"), ("x-api-key", "a,b")] {
        let answer = Request::new("GET", "/users")
            .header(name, value)
            .send(&function)
            .await;
        assert_eq!(answer.status, 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn first_known_key_decides() {
    let keys = [
        api_key("first", "one", "users:write"),
        api_key("second", "two", ""),
    ]
    .join(",");
    let function = function(&Stage::new().await.set("API_KEYS", &keys));
    let request = |bearer: &str, other: &str| {
        Request::new("GET", "/users")
            .with_key(bearer)
            .header("x-api-key", other)
    };
    let refused = request("one", "two").send(&function).await;
    refused.assert_problem(403, "missing_scope");
    assert_eq!(request("two", "one").send(&function).await.status, 200);
}
