use serde_json::json;
use testkit::{API_KEY, Request, Stage, api_key};

use crate::support::{ada, create_ada, function, start, stored_users, text};

#[tokio::test]
async fn a_key_comes_as_bearer_or_as_x_api_key() {
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
async fn without_a_known_key_everything_is_401() {
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
async fn a_key_may_do_what_its_scopes_say() {
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
async fn what_a_key_may_not_do_is_refused_before_its_body_is_read() {
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
