//! Tests `/health`: the checks of database and Twilio, how long a result is reused, and what a key adds.

use std::{
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use axum::Router;
use futures_util::future::join_all;
use mongodb::{
    bson::{DateTime, doc},
    event::{EventHandler, command::CommandEvent},
};
use outdial::dao::Dao;
use serde_json::{Value, json};
use testkit::{ACCOUNT_SID, API_KEY, Answer, ApiDocument, Proxy, Request, Stage, Twilio, api_key};

fn function(stage: &Stage) -> Router {
    health::router(health::App::from_settings(&stage.settings()).unwrap())
}

fn at(stage: Stage, twilio: &str) -> Stage {
    stage.set("TWILIO_API_BASE_URL", twilio)
}

/// Sends a request without a key. Returns the status, the body and the time.
async fn get_health(function: &Router) -> (u16, Value, Duration) {
    let begun = Instant::now();
    let answer = send(function, Request::new("GET", "/health")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    (answer.status.as_u16(), answer.json(), begun.elapsed())
}

/// Returns the response after checking it against the API document.
async fn send(function: &Router, request: Request) -> Answer {
    let answer = request.send(function).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    ApiDocument::new(&outdial::http::openapi::document([health::openapi()]))
        .check(&request, &answer);
    answer
}

/// Returns `dialing` from the response to a caller with this key.
async fn dialing(function: &Router, key: &str) -> Value {
    let answer = send(function, Request::new("GET", "/health").with_key(key)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["dialing"].take()
}

fn dao(stage: &Stage) -> Dao {
    Dao::new(&stage.settings().mongo().unwrap()).unwrap()
}

async fn looks_at_the_account(twilio: &Twilio) -> usize {
    twilio
        .requests("GET", &format!("/Accounts/{ACCOUNT_SID}.json"))
        .await
        .len()
}

#[tokio::test]
async fn everything_up_is_healthy() {
    let twilio = Twilio::start().await;
    let function = function(&at(Stage::new().await, twilio.url()));
    let (status, body, _) = get_health(&function).await;
    assert_eq!(status, 200, "{body}");
    let mut fields: Vec<_> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["database", "status", "timestamp", "twilio", "version"]
    );
    assert_eq!(
        (&body["status"], &body["database"], &body["twilio"]),
        (&json!("healthy"), &json!("up"), &json!("up"))
    );
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    let timestamp = DateTime::parse_rfc3339_str(body["timestamp"].as_str().unwrap()).unwrap();
    assert!((DateTime::now().timestamp_millis() - timestamp.timestamp_millis()).abs() < 60_000);
}

#[tokio::test]
async fn twilio_result_is_reused() {
    let twilio = Twilio::start().await;
    let function = function(&at(Stage::new().await, twilio.url()));
    let answers = tokio::join!(
        get_health(&function),
        get_health(&function),
        get_health(&function)
    );
    assert_eq!([answers.0.0, answers.1.0, answers.2.0], [200; 3]);
    for _ in 0..5 {
        assert_eq!(get_health(&function).await.0, 200);
    }
    assert_eq!(looks_at_the_account(&twilio).await, 1);
}

#[tokio::test]
async fn unreachable_twilio_is_reported_and_result_is_reused() {
    let twilio = Twilio::start().await;
    let proxy = Proxy::to(&twilio.address().to_string()).await;
    proxy.cut();
    let function = function(&at(
        Stage::new().await,
        &format!("http://{}", proxy.address()),
    ));
    let (status, body, elapsed) = get_health(&function).await;
    assert_eq!((status, &body["status"]), (503, &json!("unhealthy")));
    assert_eq!(
        (&body["database"], &body["twilio"]),
        (&json!("up"), &json!("down"))
    );
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    proxy.restore();
    assert_eq!(get_health(&function).await.0, 503);
    assert_eq!(looks_at_the_account(&twilio).await, 0);
}

#[tokio::test]
async fn twilio_is_down_if_it_rejects_the_credentials() {
    let twilio = Twilio::start().await;
    let stage = at(Stage::new().await, twilio.url()).set("TWILIO_AUTH_TOKEN", "another-token");
    let (status, body, _) = get_health(&function(&stage)).await;
    assert_eq!((status, &body["twilio"]), (503, &json!("down")));
}

#[tokio::test]
async fn check_times_out_after_two_seconds() {
    let twilio = Twilio::start().await;
    let proxy = Proxy::to(&twilio.address().to_string()).await;
    let (stage, database) = at(Stage::new().await, &format!("http://{}", proxy.address()))
        .behind_proxy()
        .await;
    proxy.stall();
    database.stall();
    let (status, body, elapsed) = get_health(&function(&stage)).await;
    assert_eq!(status, 503);
    assert_eq!(
        (&body["database"], &body["twilio"]),
        (&json!("down"), &json!("down"))
    );
    assert!(
        elapsed < Duration::from_secs(3),
        "side by side: {elapsed:?}"
    );
}

/// A request with a key reads the database. Requests without a key reuse that result for a while.
#[tokio::test]
async fn unreachable_database_is_reported_until_it_is_back() {
    let twilio = Twilio::start().await;
    let (stage, database) = at(Stage::new().await, twilio.url()).behind_proxy().await;
    let function = function(&stage);
    assert_eq!(get_health(&function).await.0, 200);
    database.cut();
    assert_eq!(get_health(&function).await.0, 200, "the result is reused");
    let begun = Instant::now();
    let known = send(&function, Request::get("/health")).await;
    let elapsed = begun.elapsed();
    for body in [known.json(), get_health(&function).await.1] {
        assert_eq!(
            (&body["status"], &body["database"], &body["twilio"]),
            (&json!("unhealthy"), &json!("down"), &json!("up"))
        );
    }
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    database.restore();
    assert_eq!(get_health(&function).await.0, 503, "the result is reused");
    let known = send(&function, Request::get("/health")).await;
    assert_eq!(known.status, 200, "{}", known.text());
    assert_eq!(get_health(&function).await.0, 200);
}

/// Returns a function, and the commands that it sends to the database.
fn overheard(stage: &Stage) -> (Router, Receiver<String>) {
    let (hear, heard) = channel();
    let observer = EventHandler::callback(move |event| {
        if let CommandEvent::Started(command) = event {
            let _ = hear.send(command.command_name);
        }
    });
    let settings = stage.settings().observed_by(observer);
    let app = health::App::from_settings(&settings).unwrap();
    (health::router(app), heard)
}

#[tokio::test]
async fn concurrent_anonymous_requests_share_one_check() {
    let twilio = Twilio::start().await;
    let stage = at(Stage::new().await, twilio.url());
    let (function, heard) = overheard(&stage);
    let answers = join_all((0..50).map(|_| get_health(&function))).await;
    assert!(answers.iter().all(|answer| answer.0 == 200));
    let strangers = [
        Request::new("HEAD", "/health"),
        Request::new("GET", "/health?x=y"),
        Request::new("GET", "/health").header("authorization", "Basic YTpi"),
    ];
    for request in strangers {
        assert_eq!(request.send(&function).await.status, 200);
    }
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["ping"]);
    assert_eq!(looks_at_the_account(&twilio).await, 1);
}

#[tokio::test]
async fn kill_switch_is_read_for_each_known_caller_and_counts_as_check() {
    let stage = Stage::with_twilio().await;
    let (function, heard) = overheard(&stage);
    for _ in 0..3 {
        dialing(&function, API_KEY).await;
        assert_eq!(get_health(&function).await.0, 200);
    }
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["find"; 3]);
}

#[tokio::test]
async fn key_is_accepted_next_to_a_proxys_header() {
    let function = function(&Stage::with_twilio().await);
    let request = Request::new("GET", "/health")
        .header("authorization", "Basic YTpi")
        .header("x-api-key", API_KEY);
    let answer = send(&function, request).await;
    assert_eq!(answer.json()["dialing"]["on"], true);
}

#[tokio::test]
async fn only_callers_with_a_key_see_the_kill_switch() {
    let stage = Stage::with_twilio().await;
    let keys = format!(
        "{},{}",
        api_key("tester", API_KEY, ""),
        api_key("clerk", "of-users-alone", "users:read")
    );
    let stage = stage.set("API_KEYS", &keys);
    let function = function(&stage);
    let never = json!({ "on": true, "since": null, "reason": null, "by": null });
    assert_eq!(dialing(&function, API_KEY).await, never);

    let dao = dao(&stage);
    let off = dao.switch_dialing(false, Some("a stolen key"), Some("ada@desk"));
    let since = off.await.unwrap().since.unwrap();
    for key in [API_KEY, "of-users-alone"] {
        let told = dialing(&function, key).await;
        assert_eq!(
            (&told["on"], &told["reason"], &told["by"]),
            (&json!(false), &json!("a stolen key"), &json!("ada@desk"))
        );
        let at = DateTime::parse_rfc3339_str(told["since"].as_str().unwrap()).unwrap();
        assert_eq!(at, since);
    }
    let (status, body, _) = get_health(&function).await;
    assert_eq!((status, body.get("dialing")), (200, None), "{body}");

    dao.switch_dialing(true, None, None).await.unwrap();
    assert_eq!(dialing(&function, API_KEY).await["on"], true);
}

#[tokio::test]
async fn unknown_key_is_rejected() {
    let stage = Stage::with_twilio().await;
    let function = function(&stage);
    for (name, value) in [
        ("authorization", "Bearer of-a-stranger"),
        ("authorization", "bearer "),
        ("x-api-key", "of-a-stranger"),
    ] {
        let request = Request::new("GET", "/health").header(name, value);
        let answer = send(&function, request).await;
        answer.assert_problem(401, "unauthorized");
    }
    // A `Basic` header is not an API key (a proxy may have added it), so the request is anonymous.
    let request = Request::new("GET", "/health").header("authorization", "Basic YTpi");
    let answer = send(&function, request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json().get("dialing")),
        (200, None)
    );
}

#[tokio::test]
async fn health_works_without_readable_keys() {
    // Production accepts no plain local URLs, and nothing listens at these, so Twilio and the database are down.
    let nowhere = "https://127.0.0.1:1";
    let malformed = Stage::with_twilio().await.set("API_KEYS", "a:b");
    let production = Stage::new()
        .await
        .set("ENVIRONMENT", "production")
        .set("MONGO_URI", "mongodb://127.0.0.1:1/?tls=true");
    let production = at(production, nowhere);
    for (stage, expected, database) in [
        (malformed, 200, "up"),
        (production.clone().set("API_KEYS", "a:b"), 503, "down"),
        (production.set("API_KEYS", ""), 503, "down"),
    ] {
        let function = function(&stage);
        let (status, body, _) = get_health(&function).await;
        assert_eq!((status, &body["database"]), (expected, &json!(database)));
        assert_eq!(body.get("dialing"), None, "{body}");
        let answer = send(&function, Request::get("/health")).await;
        answer.assert_problem(401, "unauthorized");
    }
    let open = Stage::with_twilio().await.set("API_KEYS", "");
    let (_, body, _) = get_health(&function(&open)).await;
    assert_eq!(body["dialing"]["on"], true, "development is open: {body}");
}

#[tokio::test]
async fn unreadable_kill_switch_counts_as_off() {
    let stage = Stage::with_twilio().await;
    let broken = doc! { "_id": "dialing", "on": "yes" };
    let counters = stage.database().collection("counters");
    counters.insert_one(broken).await.unwrap();
    let told = dialing(&function(&stage), API_KEY).await;
    assert_eq!(told["on"], false);
    assert_eq!(told["reason"], "the stored switch cannot be read");
}

#[tokio::test]
async fn caller_with_a_key_gets_a_503_while_the_database_is_down() {
    let (stage, database) = Stage::with_twilio().await.behind_proxy().await;
    let function = function(&stage);
    database.cut();
    let request = Request::new("GET", "/health").with_key(API_KEY);
    let answer = send(&function, request).await;
    let body = answer.json();
    assert_eq!(answer.status, 503, "{body}");
    assert_eq!(
        (&body["database"], body.get("dialing")),
        (&json!("down"), None)
    );
}

#[tokio::test]
async fn holder_of_a_key_sees_its_scopes() {
    let stage = Stage::with_twilio().await.set(
        "API_KEYS",
        &[
            api_key("all", API_KEY, ""),
            api_key("reader", "read", "calls:read+users:read"),
        ]
        .join(","),
    );
    let function = function(&stage);
    let scopes = async |request: Request| send(&function, request).await.json()["scopes"].take();
    let health = || Request::new("GET", "/health");
    assert_eq!(scopes(health()).await, Value::Null);
    assert_eq!(
        scopes(health().with_key("read")).await,
        json!(["calls:read", "users:read"])
    );
    assert_eq!(
        scopes(health().with_key(API_KEY)).await,
        json!([
            "users:read",
            "users:write",
            "calls:read",
            "calls:write",
            "numbers:unblock"
        ])
    );
}
