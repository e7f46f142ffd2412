//! Every response has the headers that all responses must have, whatever its status.

use axum::{Router, routing::get};
use outdial::{domain::CallStatus, http::with_common_layers};
use serde_json::{Value, json};
use testkit::{API_KEY, Answer, Request, Stage, Twilio, api_key};
use twilio_sim::clock::Speed;

use crate::functions_on;

/// Sends the request, and asserts the status of the response and the headers that every response must have.
async fn check((name, function): (&str, &Router), status: u16, request: Request) -> Answer {
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
async fn users_responses_have_every_header() {
    let weak = api_key("weak", "weak", "calls:read");
    let keys = format!("{},{weak}", api_key("tester", API_KEY, ""));
    let stage = Stage::new().await.set("API_KEYS", &keys);
    let (stage, proxy) = stage.behind_proxy().await;
    let functions = functions_on(&stage.set("TWILIO_API_BASE_URL", "http://127.0.0.1:1"));
    let users = ("users", functions.router("users"));
    let post = |body: Value| Request::post("/users", &body);
    let created = check(users, 201, post(ada("ada@example.com"))).await;
    let path = created.header("location").to_owned();
    check(users, 409, post(ada("ADA@example.com"))).await;
    check(users, 400, post(json!({})).body("{")).await;
    check(users, 413, post(json!({"name": "a".repeat(70_000)}))).await;
    check(
        users,
        415,
        post(ada("b@example.com")).without("content-type"),
    )
    .await;
    check(users, 422, post(json!({}))).await;
    check(users, 401, Request::new("GET", "/users")).await;
    check(users, 403, Request::new("GET", "/users").with_key("weak")).await;
    check(users, 404, Request::get("/users/nobody")).await;
    check(users, 404, Request::get("/users/a/b/c")).await;
    check(users, 405, keyed("PUT", "/users")).await;
    check(users, 200, keyed("HEAD", "/users")).await;
    check(users, 200, Request::get("/users?page=1")).await;
    check(users, 200, Request::get(&path)).await;
    check(users, 200, Request::get(&format!("{path}/calls"))).await;
    check(
        users,
        200,
        keyed("PATCH", &path).json(&json!({"name": "Ada King"})),
    )
    .await;
    check(users, 204, keyed("DELETE", &path)).await;
    proxy.cut();
    check(users, 503, Request::get(&path)).await;
    let health = ("health", functions.router("health"));
    check(health, 503, Request::new("GET", "/health")).await;
}

#[tokio::test]
async fn call_and_recording_responses_have_every_header() {
    let twilio = Twilio::start_at(Speed::parse("1000").unwrap()).await;
    let stage = Stage::new().await.playing(&twilio);
    let functions = functions_on(&stage);
    let calls = ("outbound-calls", functions.router("outbound-calls"));

    let user = stage.user().await;
    let body = json!({"user_id": user, "to_number": "+12125550109", "script": "Hello."});
    let dial = || Request::post("/calls/outbound", &body);
    let placed = check(calls, 201, dial()).await;
    let path = placed.header("location").to_owned();
    check(calls, 202, keyed("POST", &format!("{path}/hangup"))).await;
    let ended = stage.call(|call| call.status = CallStatus::Completed).await;
    let ended = format!("/calls/{}", ended.call_id);
    check(calls, 409, keyed("POST", &format!("{ended}/hangup"))).await;
    check(calls, 404, Request::get("/calls/none")).await;
    check(calls, 405, keyed("PUT", &path)).await;
    check(calls, 422, Request::post("/calls/outbound", &json!({}))).await;
    for (status, fault) in [(502, "refuse"), (202, "reset")] {
        let plan = json!({"rest": [{"on": "create", "action": fault}]});
        twilio.faults(&plan).await;
        check(calls, status, dial()).await;
    }
    twilio.faults(&json!({})).await;
    let closed = functions_on(&stage.clone().set("MAX_CALLS_PER_DAY", "0"));
    check(
        ("outbound-calls", closed.router("outbound-calls")),
        429,
        dial(),
    )
    .await;

    let call = stage.call(|call| call.recording_enabled = true).await;
    let call_sid = call.twilio_sid.unwrap().to_string();
    let recording_sid = twilio.record().await;
    let hook = |path: &str| {
        let fields = [
            ("CallSid", call_sid.as_str()),
            ("CallStatus", "completed"),
            ("RecordingSid", &recording_sid),
            ("RecordingStatus", "completed"),
        ];
        Request::webhook(path, &fields)
    };
    for (name, function, path) in [
        ("voice", functions.router("voice"), "/twilio/voice"),
        ("status", functions.router("status"), "/twilio/status"),
        (
            "recording",
            functions.router("recording"),
            "/twilio/recording",
        ),
    ] {
        check((name, function), 200, hook(path)).await;
        check((name, function), 403, Request::new("POST", path)).await;
        check(
            (name, function),
            404,
            Request::new("POST", "/twilio/nothing"),
        )
        .await;
        check((name, function), 405, Request::new("GET", path)).await;
        check((name, function), 413, hook(path).body(&"a".repeat(70_000))).await;
    }
    let fallback = ("fallback", functions.router("fallback"));
    let path = "/twilio/fallback";
    check(fallback, 200, hook(path).body(&"a".repeat(70_000))).await;
    check(fallback, 404, Request::new("POST", "/twilio/nothing")).await;
    check(fallback, 405, Request::new("GET", path)).await;
    for (name, function, path) in [
        ("status", functions.router("status"), "/twilio/status"),
        (
            "recording",
            functions.router("recording"),
            "/twilio/recording",
        ),
    ] {
        check((name, function), 400, Request::webhook(path, &[("A", "b")])).await;
    }

    let path = format!("/calls/{}", call.call_id);
    check(calls, 200, Request::get(&path)).await;
    let listed = check(calls, 200, Request::get(&format!("{path}/recordings"))).await;
    let id = listed.json()["recordings"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/recordings/{id}");
    check(calls, 200, Request::get(&path)).await;
    let signed = check(calls, 307, Request::get(&format!("{path}/media"))).await;
    let signed = signed.header("location").replace(testkit::BASE_URL, "");
    let media = ("media", functions.router("media"));
    let audio = || Request::new("GET", &signed);
    check(media, 200, audio()).await;
    check(media, 206, audio().header("range", "bytes=0-3")).await;
    check(media, 416, audio().header("range", "bytes=99999999-")).await;
    check(media, 403, Request::new("GET", "/media")).await;
    check(media, 404, Request::new("GET", "/media/x")).await;
    check(media, 405, Request::new("POST", "/media")).await;
    check(calls, 204, keyed("DELETE", &path)).await;
    check(media, 404, audio()).await;
}

#[tokio::test]
async fn public_responses_have_every_header() {
    let twilio = Twilio::start().await;
    let functions = functions_on(&Stage::new().await.playing(&twilio));
    let health = ("health", functions.router("health"));
    for path in ["/health", "/openapi.json", "/docs", "/docs/start.js"] {
        check(health, 200, Request::new("GET", path)).await;
    }
    check(health, 404, Request::new("GET", "/docs/nothing")).await;
    check(health, 405, Request::new("POST", "/docs")).await;
}

#[tokio::test]
async fn panic_response_has_every_header() {
    let panics =
        with_common_layers(Router::new().route("/", get(async || -> () { panic!("a defect") })));
    check(("a defect", &panics), 500, Request::new("GET", "/")).await;
}
