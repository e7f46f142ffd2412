//! Tests `cargo xtask dev`, the stack that keeps running.

use std::time::Duration;

use outdial::aws::sqs::Queue;
use outdial::webhook::QueuedWebhook;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::dev_process::{Dev, KEPT};

#[tokio::test]
async fn local_api_responds_as_a_deployed_one() {
    let dev = Dev::start();

    let json = |request: RequestBuilder| request.header("content-type", "application/json");
    let not_utf_8 = json(dev.request(Method::POST, "/users")).body(&b"{\"name\": \"\xff\"}"[..]);
    assert_problem(send(not_utf_8).await, 400, "malformed_json").await;

    // Repeated headers are joined with a comma.
    let email = format!("{}@example.com", Uuid::new_v4());
    let user = json!({ "name": "Ada Lovelace", "email": email, "phone_number": "+14155552671" });
    let create = || dev.request(Method::POST, "/users").json(&user);
    let key = "idempotency-key";
    let created = send(create().header(key, "a").header(key, "b")).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let repeated = send(create().header(key, "a,b")).await;
    assert_eq!(repeated.headers()["idempotent-replayed"], "true");

    // Paths without a route go to health. OPTIONS goes to the path's own function.
    for path in ["/nowhere", "/twilio/voice/x", "/recordings"] {
        assert_problem(send(dev.request(Method::GET, path)).await, 404, "not_found").await;
    }
    let options = send(dev.request(Method::OPTIONS, "/users")).await;
    assert_eq!(options.headers()["allow"], "GET,HEAD,POST");
    assert_problem(options, 405, "method_not_allowed").await;
    let head = send(dev.request(Method::HEAD, "/openapi.json")).await;
    assert_eq!(head.status(), StatusCode::OK);

    // Malformed requests are 4xx.
    let too_long = dev
        .request(Method::POST, "/users")
        .body(vec![b' '; 11_000_000]);
    assert_eq!(send(too_long).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    for request in [
        "POST /users HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        "GET /users HTTP/1.1\r\nConnection: close\r\nX-Note: \u{e9}\r\nAuthorization: Bearer \u{e9}\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n",
        "POST /2015-03-31/functions/nobody/invocations HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        "nonsense\r\n\r\n",
    ] {
        let answer = dev.answer_to(request);
        assert!(answer.starts_with("HTTP/1.1 4"), "{request}: {answer}");
    }
}

#[tokio::test]
async fn browser_finds_the_pages_of_the_local_api() {
    let dev = Dev::start();
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = |path| dev.request(Method::GET, path).header("accept", browser);
    let home = send(page("/")).await;
    assert_eq!(home.status(), StatusCode::OK);
    assert_eq!(home.headers()["content-type"], "text/html; charset=utf-8");
    let policy = home.headers()["content-security-policy"].to_str();
    assert!(policy.expect("text").starts_with("default-src 'none'"));
    let text = home.text().await.expect("a page");
    let links: Vec<_> = text
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(links, ["/console", "/docs", "/health"]);
    for link in links {
        assert_eq!(send(page(link)).await.status(), StatusCode::OK, "{link}");
    }
    assert_problem(send(page("/nowhere")).await, 404, "not_found").await;
    assert_problem(send(dev.request(Method::GET, "/")).await, 404, "not_found").await;
}

#[tokio::test]
async fn key_calls_and_recordings_outlive_a_restart() {
    let port = testkit::free_port().expect("a free port");
    let dev = Dev::start_at(port, &["--speed", "100"]);
    let user = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+14155552671" });
    let user = json_of(dev.request(Method::POST, "/users").json(&user)).await;
    let call = json!({
        "user_id": user["id"], "to_number": "+14155552671", "script": "Hello! Your order is ready.", "recording_enabled": true,
    });
    let call = json_of(dev.request(Method::POST, "/calls/outbound").json(&call)).await;
    let path = format!("/calls/{}", call["call_id"].as_str().expect("a name"));
    let recordings = format!("{path}/recordings");
    let finished = async {
        loop {
            let found = json_of(dev.request(Method::GET, &recordings)).await;
            if found["recordings"][0]["status"] == "completed" {
                break found["recordings"][0]["id"]
                    .as_str()
                    .expect("a name")
                    .to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let recording = tokio::time::timeout(Duration::from_secs(30), finished).await;
    let recording = recording.expect("a recording in time");
    let media = format!("/recordings/{recording}/media");
    let audio = bytes_of(dev.request(Method::GET, &media)).await;
    assert!(audio.starts_with(b"RIFF"));
    let call = json_of(dev.request(Method::GET, &path)).await;
    assert_eq!(call["status"], "completed");
    let key = dev.api_key().to_owned();

    let dev = dev.restart(port);
    assert_eq!(dev.api_key(), key);
    assert_eq!(json_of(dev.request(Method::GET, &path)).await, call);
    assert_eq!(bytes_of(dev.request(Method::GET, &media)).await, audio);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in KEPT.map(|kind| dev.kept(kind)) {
            let metadata = std::fs::metadata(&file).expect("it is kept");
            assert_eq!(
                metadata.permissions().mode() & 0o777,
                0o600,
                "{}",
                file.display()
            );
        }
    }
}

#[tokio::test]
async fn call_interrupted_by_a_stop_has_ended_after_the_restart() {
    let port = testkit::free_port().expect("a free port");
    let dev = Dev::start_at(port, &[]);
    let user = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+14155552671" });
    let user = json_of(dev.request(Method::POST, "/users").json(&user)).await;
    let call = json!({
        "user_id": user["id"], "to_number": "+14155552671", "script": "Your order is ready. ".repeat(50), "recording_enabled": true,
    });
    let call = json_of(dev.request(Method::POST, "/calls/outbound").json(&call)).await;
    let path = format!("/calls/{}", call["call_id"].as_str().expect("a name"));
    let recordings = format!("{path}/recordings");
    let shown = |dev: &Dev, wanted: [&'static str; 2]| {
        let (call, recordings) = (
            dev.request(Method::GET, &path),
            dev.request(Method::GET, &recordings),
        );
        let again = move |request: &RequestBuilder| json_of(request.try_clone().expect("no body"));
        let all = async move {
            loop {
                let found = again(&recordings).await;
                let status = again(&call).await["status"].clone();
                if [&status, &found["recordings"][0]["recording_status"]] == wanted {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all)
    };
    let running = shown(&dev, ["in-progress", "in-progress"]).await;
    running.expect("a recording in time");

    let dev = dev.restart(port);
    let ended = shown(&dev, ["completed", "absent"]).await;
    ended.expect("its end in time");
}

#[tokio::test]
async fn queued_webhook_is_applied() {
    let dev = Dev::start_with(&["--speed", "100"]);
    let text = std::fs::read_to_string(dev.variables_file()).expect("dev writes it");
    let variables: Value = serde_json::from_str(&text).expect("an object of texts");
    let user = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+14155552671" });
    let user = json_of(dev.request(Method::POST, "/users").json(&user)).await;
    let call = json!({ "user_id": user["id"], "to_number": "+12125550101", "script": "Nobody hears this." });
    let call = json_of(dev.request(Method::POST, "/calls/outbound").json(&call)).await;
    let call_id = call["call_id"].as_str().expect("an id");

    let url = variables["WEBHOOK_QUEUE_URL"].as_str().expect("a queue");
    let queue = Queue::new(url.parse().expect("a URL"));
    let id = call_id.parse().expect("an id");
    let message = QueuedWebhook::undelivered(Some(id), None, "a-request".to_owned());
    queue.send_json(&message).await.expect("SQS takes it");
    let path = format!("/calls/{call_id}");
    let applied = async {
        while json_of(dev.request(Method::GET, &path)).await["delivery"] != "none" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let applied = tokio::time::timeout(Duration::from_secs(30), applied).await;
    applied.expect("it is applied in time");
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("the gateway answers")
}

async fn json_of(request: RequestBuilder) -> Value {
    let answer = send(request).await;
    let status = answer.status();
    let value = answer.json().await.expect("JSON");
    assert!(status.is_success(), "{status}: {value}");
    value
}

/// The body of a response. Follows redirects.
async fn bytes_of(request: RequestBuilder) -> Vec<u8> {
    let answer = send(request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.bytes().await.expect("a body").to_vec()
}

async fn assert_problem(answer: Response, status: u16, code: &str) {
    assert_eq!(answer.status(), status);
    let problem: Value = answer.json().await.expect("a problem is JSON");
    assert_eq!(problem["code"], code, "{problem:#}");
}
