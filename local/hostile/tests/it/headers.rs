use axum::{Router, routing::get};
use outdial::{domain::CallStatus, http::with_common_layers};
use serde_json::{Value, json};
use testkit::{API_KEY, Answer, Request, Stage, Twilio, api_key};
use twilio_sim::clock::Speed;

use crate::Functions;

/// Sends the request, whose answer must have that status, and the headers that every answer has.
async fn answer((name, function): (&str, &Router), status: u16, request: Request) -> Answer {
    let answer = request.send(function).await;
    let of = format!("{name}: {} {}", request.method(), request.path());
    assert_eq!(answer.status, status, "{of}: {}", answer.text());
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{of}");
    let transport = answer.header("strict-transport-security");
    assert_eq!(transport, "max-age=31536000", "{of}");
    let public = name == "health" && status == 200 && request.path() != "/health";
    let caching = answer.header("cache-control");
    if public {
        assert!(!caching.is_empty(), "{of}");
    } else if !answer.header("etag").is_empty() {
        assert_eq!(caching, "private, no-cache", "{of}");
    } else {
        assert_eq!(caching, "no-store", "{of}");
    }
    if answer.header("content-type").starts_with("text/html") {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{of}: {policy}");
    }
    answer
}

fn keyed(method: &str, path: &str) -> Request {
    Request::new(method, path).with_key(API_KEY)
}

fn ada(email: &str) -> Value {
    json!({"name": "Ada Lovelace", "email": email, "phone_number": "+12125550123"})
}

#[tokio::test]
async fn users_are_answered_with_every_header() {
    let weak = api_key("weak", "weak", "calls:read");
    let keys = format!("{},{weak}", api_key("tester", API_KEY, ""));
    let stage = Stage::new().await.set("API_KEYS", &keys);
    let (stage, proxy) = stage.behind_proxy().await;
    let functions = Functions::of(&stage.set("TWILIO_API_BASE_URL", "http://127.0.0.1:1"));
    let users = ("users", &functions.users);
    let post = |body: Value| Request::post("/users", &body);
    let created = answer(users, 201, post(ada("ada@example.com"))).await;
    let path = created.header("location").to_owned();
    answer(users, 409, post(ada("ADA@example.com"))).await;
    answer(users, 400, post(json!({})).body("{")).await;
    answer(users, 413, post(json!({"name": "a".repeat(70_000)}))).await;
    answer(
        users,
        415,
        post(ada("b@example.com")).without("content-type"),
    )
    .await;
    answer(users, 422, post(json!({}))).await;
    answer(users, 401, Request::new("GET", "/users")).await;
    answer(users, 403, Request::new("GET", "/users").with_key("weak")).await;
    answer(users, 404, Request::get("/users/nobody")).await;
    answer(users, 404, Request::get("/users/a/b/c")).await;
    answer(users, 405, keyed("PUT", "/users")).await;
    answer(users, 200, keyed("HEAD", "/users")).await;
    answer(users, 200, Request::get("/users?page=1")).await;
    answer(users, 200, Request::get(&path)).await;
    answer(users, 200, Request::get(&format!("{path}/calls"))).await;
    answer(
        users,
        200,
        keyed("PATCH", &path).json(&json!({"name": "Ada King"})),
    )
    .await;
    answer(users, 204, keyed("DELETE", &path)).await;
    proxy.cut();
    answer(users, 503, Request::get(&path)).await;
    let health = ("health", &functions.health);
    answer(health, 503, Request::new("GET", "/health")).await;
}

#[tokio::test]
async fn calls_and_recordings_are_answered_with_every_header() {
    let twilio = Twilio::start_at(Speed::parse("1000").unwrap()).await;
    let stage = Stage::new().await.playing(&twilio);
    let functions = Functions::of(&stage);
    let calls = ("outbound-calls", &functions.outbound_calls);

    let user = stage.user().await;
    let body = json!({"user_id": user, "to_number": "+12125550109", "script": "Hello."});
    let dial = || Request::post("/calls/outbound", &body);
    let placed = answer(calls, 201, dial()).await;
    let path = placed.header("location").to_owned();
    answer(calls, 202, keyed("POST", &format!("{path}/hangup"))).await;
    let ended = stage.call(|call| call.status = CallStatus::Completed).await;
    let ended = format!("/calls/{}", ended.call_id);
    answer(calls, 409, keyed("POST", &format!("{ended}/hangup"))).await;
    answer(calls, 404, Request::get("/calls/none")).await;
    answer(calls, 405, keyed("PUT", &path)).await;
    answer(calls, 422, Request::post("/calls/outbound", &json!({}))).await;
    for (status, fault) in [(502, "refuse"), (202, "reset")] {
        let plan = json!({"rest": [{"on": "create", "action": fault}]});
        twilio.faults(&plan).await;
        answer(calls, status, dial()).await;
    }
    twilio.faults(&json!({})).await;
    let closed = Functions::of(&stage.clone().set("MAX_CALLS_PER_DAY", "0"));
    answer(("outbound-calls", &closed.outbound_calls), 429, dial()).await;

    let call = stage.call(|call| call.recording_enabled = true).await;
    let call_sid = call.twilio_sid.unwrap().to_string();
    let recording_sid = twilio.record().await;
    let hook = |path: &str| {
        let told = [
            ("CallSid", call_sid.as_str()),
            ("CallStatus", "completed"),
            ("RecordingSid", &recording_sid),
            ("RecordingStatus", "completed"),
        ];
        Request::webhook(path, &told)
    };
    for (name, function, path) in [
        ("voice", &functions.voice, "/twilio/voice"),
        ("status", &functions.status, "/twilio/status"),
        ("recording", &functions.recording, "/twilio/recording"),
    ] {
        answer((name, function), 200, hook(path)).await;
        answer((name, function), 403, Request::new("POST", path)).await;
        answer(
            (name, function),
            404,
            Request::new("POST", "/twilio/nothing"),
        )
        .await;
        answer((name, function), 405, Request::new("GET", path)).await;
        answer((name, function), 413, hook(path).body(&"a".repeat(70_000))).await;
    }
    for (name, function, path) in [
        ("status", &functions.status, "/twilio/status"),
        ("recording", &functions.recording, "/twilio/recording"),
    ] {
        answer((name, function), 400, Request::webhook(path, &[("A", "b")])).await;
    }

    let path = format!("/calls/{}", call.call_id);
    answer(calls, 200, Request::get(&path)).await;
    let listed = answer(calls, 200, Request::get(&format!("{path}/recordings"))).await;
    let id = listed.json()["recordings"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/recordings/{id}");
    answer(calls, 200, Request::get(&path)).await;
    let signed = answer(calls, 307, Request::get(&format!("{path}/media"))).await;
    let signed = signed.header("location").replace(testkit::BASE_URL, "");
    let media = ("media", &functions.media);
    let audio = || Request::new("GET", &signed);
    answer(media, 200, audio()).await;
    answer(media, 206, audio().header("range", "bytes=0-3")).await;
    answer(media, 416, audio().header("range", "bytes=99999999-")).await;
    answer(media, 403, Request::new("GET", "/media")).await;
    answer(media, 404, Request::new("GET", "/media/x")).await;
    answer(media, 405, Request::new("POST", "/media")).await;
    answer(calls, 204, keyed("DELETE", &path)).await;
    answer(media, 404, audio()).await;
}

#[tokio::test]
async fn what_is_open_is_answered_with_every_header() {
    let twilio = Twilio::start().await;
    let functions = Functions::of(&Stage::new().await.playing(&twilio));
    let health = ("health", &functions.health);
    for path in ["/health", "/openapi.json", "/docs", "/docs/start.js"] {
        answer(health, 200, Request::new("GET", path)).await;
    }
    answer(health, 404, Request::new("GET", "/docs/nothing")).await;
    answer(health, 405, Request::new("POST", "/docs")).await;
}

#[tokio::test]
async fn a_panic_is_answered_with_every_header() {
    let panics =
        with_common_layers(Router::new().route("/", get(async || -> () { panic!("a defect") })));
    answer(("a defect", &panics), 500, Request::new("GET", "/")).await;
}
