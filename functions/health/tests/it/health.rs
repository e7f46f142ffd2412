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

/// The answer to somebody without a key, and how long it took.
async fn ask(function: &Router) -> (u16, Value, Duration) {
    let begun = Instant::now();
    let answer = send(function, Request::new("GET", "/health")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    (answer.status.as_u16(), answer.json(), begun.elapsed())
}

/// The answer, which must be one that the document promises.
async fn send(function: &Router, request: Request) -> Answer {
    let answer = request.send(function).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    ApiDocument::new(&outdial::http::openapi::document([health::openapi()]))
        .check(&request, &answer);
    answer
}

/// What `dialing` is for a caller with that key.
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
    let (status, body, _) = ask(&function).await;
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
async fn twilio_is_asked_once_in_a_while_however_often_we_are() {
    let twilio = Twilio::start().await;
    let function = function(&at(Stage::new().await, twilio.url()));
    let asked = tokio::join!(ask(&function), ask(&function), ask(&function));
    assert_eq!([asked.0.0, asked.1.0, asked.2.0], [200; 3]);
    for _ in 0..5 {
        assert_eq!(ask(&function).await.0, 200);
    }
    assert_eq!(looks_at_the_account(&twilio).await, 1);
}

#[tokio::test]
async fn a_twilio_that_is_away_is_named_and_not_asked_again_at_once() {
    let twilio = Twilio::start().await;
    let proxy = Proxy::to(&twilio.address().to_string()).await;
    proxy.cut();
    let function = function(&at(
        Stage::new().await,
        &format!("http://{}", proxy.address()),
    ));
    let (status, body, elapsed) = ask(&function).await;
    assert_eq!((status, &body["status"]), (503, &json!("unhealthy")));
    assert_eq!(
        (&body["database"], &body["twilio"]),
        (&json!("up"), &json!("down"))
    );
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    proxy.restore();
    assert_eq!(ask(&function).await.0, 503);
    assert_eq!(looks_at_the_account(&twilio).await, 0);
}

#[tokio::test]
async fn a_twilio_that_refuses_our_credentials_is_down() {
    let twilio = Twilio::start().await;
    let stage = at(Stage::new().await, twilio.url()).set("TWILIO_AUTH_TOKEN", "another-token");
    let (status, body, _) = ask(&function(&stage)).await;
    assert_eq!((status, &body["twilio"]), (503, &json!("down")));
}

#[tokio::test]
async fn a_silent_twilio_or_database_costs_two_seconds() {
    let twilio = Twilio::start().await;
    let proxy = Proxy::to(&twilio.address().to_string()).await;
    let (stage, database) = at(Stage::new().await, &format!("http://{}", proxy.address()))
        .behind_proxy()
        .await;
    proxy.stall();
    database.stall();
    let (status, body, elapsed) = ask(&function(&stage)).await;
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

/// A caller with a key has the database read. Strangers get that result for a while.
#[tokio::test]
async fn a_database_that_is_away_is_named_until_it_is_back() {
    let twilio = Twilio::start().await;
    let (stage, database) = at(Stage::new().await, twilio.url()).behind_proxy().await;
    let function = function(&stage);
    assert_eq!(ask(&function).await.0, 200);
    database.cut();
    assert_eq!(ask(&function).await.0, 200, "not checked again so soon");
    let begun = Instant::now();
    let known = send(&function, Request::get("/health")).await;
    let elapsed = begun.elapsed();
    for body in [known.json(), ask(&function).await.1] {
        assert_eq!(
            (&body["status"], &body["database"], &body["twilio"]),
            (&json!("unhealthy"), &json!("down"), &json!("up"))
        );
    }
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    database.restore();
    assert_eq!(ask(&function).await.0, 503, "not checked again so soon");
    let known = send(&function, Request::get("/health")).await;
    assert_eq!(known.status, 200, "{}", known.text());
    assert_eq!(ask(&function).await.0, 200);
}

/// What the function asks of the database.
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
async fn strangers_at_the_same_moment_share_one_check() {
    let twilio = Twilio::start().await;
    let stage = at(Stage::new().await, twilio.url());
    let (function, heard) = overheard(&stage);
    let answers = join_all((0..50).map(|_| ask(&function))).await;
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
async fn the_switch_is_read_for_each_known_caller_and_spares_strangers_the_check() {
    let stage = Stage::with_twilio().await;
    let (function, heard) = overheard(&stage);
    for _ in 0..3 {
        dialing(&function, API_KEY).await;
        assert_eq!(ask(&function).await.0, 200);
    }
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["find"; 3]);
}

#[tokio::test]
async fn a_key_beside_a_proxys_header_is_known() {
    let function = function(&Stage::with_twilio().await);
    let request = Request::new("GET", "/health")
        .header("authorization", "Basic YTpi")
        .header("x-api-key", API_KEY);
    let answer = send(&function, request).await;
    assert_eq!(answer.json()["dialing"]["on"], true);
}

#[tokio::test]
async fn a_caller_with_a_key_is_told_how_the_switch_stands_and_others_are_not() {
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
    let (status, body, _) = ask(&function).await;
    assert_eq!((status, body.get("dialing")), (200, None), "{body}");

    dao.switch_dialing(true, None, None).await.unwrap();
    assert_eq!(dialing(&function, API_KEY).await["on"], true);
}

#[tokio::test]
async fn a_key_that_is_not_known_is_refused_and_learns_nothing() {
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
    // What is no API key at all is a stranger's, as before: a proxy may have put it there.
    let request = Request::new("GET", "/health").header("authorization", "Basic YTpi");
    let answer = send(&function, request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json().get("dialing")),
        (200, None)
    );
}

#[tokio::test]
async fn without_readable_keys_health_is_told_and_nobody_is_known() {
    // Production takes neither a Twilio nor a database on this machine, so there they are down.
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
        let (status, body, _) = ask(&function).await;
        assert_eq!((status, &body["database"]), (expected, &json!(database)));
        assert_eq!(body.get("dialing"), None, "{body}");
        let answer = send(&function, Request::get("/health")).await;
        answer.assert_problem(401, "unauthorized");
    }
    let open = Stage::with_twilio().await.set("API_KEYS", "");
    let (_, body, _) = ask(&function(&open)).await;
    assert_eq!(body["dialing"]["on"], true, "development is open: {body}");
}

#[tokio::test]
async fn an_unreadable_switch_is_told_as_off() {
    let stage = Stage::with_twilio().await;
    let broken = doc! { "_id": "dialing", "on": "yes" };
    let counters = stage.database().collection("counters");
    counters.insert_one(broken).await.unwrap();
    let told = dialing(&function(&stage), API_KEY).await;
    assert_eq!(told["on"], false);
    assert_eq!(told["reason"], "the stored switch cannot be read");
}

#[tokio::test]
async fn a_caller_with_a_key_is_answered_while_the_database_is_away() {
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
