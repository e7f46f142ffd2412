//! Tests immediate calls that Twilio does not take now, on a stack with a dial queue.

use outdial::dao::Dao;
use serde_json::{Value, json};
use testkit::{Queue, Stage, new_sid};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::dialling::the_call;
use crate::support::{
    Api, having_queue, router, status_callback, status_router, with_key, with_line,
};

const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n";

fn fast(stage: Stage) -> Stage {
    having_queue(stage).set("DIALS_PER_SECOND", "100")
}

async fn refusing(status: u16, code: i32) -> Api {
    let api = Api::with(fast).await;
    let refuse = json!({ "on": "create", "action": "refuse", "status": status, "code": code });
    api.twilio.faults(&json!({ "rest": [refuse] })).await;
    api
}

fn dao(api: &Api) -> Dao {
    Dao::from_settings(&api.stage.settings()).unwrap()
}

/// Asserts that the response is a 202 with the waiting call, and that a repeat replays it. Returns the call.
async fn assert_waits(api: &Api, body: &Value) -> Value {
    let answer = api.post_with_key("k", body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let call = answer.json();
    assert_eq!(call["status"], "scheduled");
    assert_eq!(call["waiting_for"], "twilio");
    assert_eq!(
        (&call["dial_outcome"], &call["dial_begun_at"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(call["events"], json!([]));
    let stored = the_call(api).await;
    assert_eq!(stored.get_str("lane").ok(), Some("normal"));
    assert_eq!(stored.get_i32("answered_status").ok(), Some(202));
    for field in ["announces_dial", "dial_deadline", "counted_as"] {
        assert!(!stored.contains_key(field), "{stored}");
    }
    api.assert_counted(0).await;
    let again = api.post_with_key("k", body).await;
    assert_eq!(again.status, 202);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json(), call);
    call
}

#[tokio::test]
async fn call_that_twilio_does_not_take_now_waits_after_one_request() {
    for (status, code) in [(429, 20429), (400, 10004)] {
        let api = refusing(status, code).await;
        let call = assert_waits(&api, &api.body()).await;
        assert_eq!(api.twilio.dials().await.len(), 1, "{code}");
        assert!(call["due_at"].as_str() > call["created_at"].as_str());
        assert!(call["expires_at"].as_str() > call["due_at"].as_str());
        let dispatcher = dao(&api).take_over_dispatch("test").await.unwrap();
        assert_eq!(dispatcher.stop, None);
    }
}

#[tokio::test]
async fn unreachable_twilio_lets_the_call_wait() {
    let api = Api::with(|stage| fast(stage).set("TWILIO_API_BASE_URL", "http://127.0.0.1:1")).await;
    assert_waits(&api, &api.body()).await;
}

#[tokio::test]
async fn refused_account_lets_the_call_wait_and_stops_the_dispatcher() {
    for (status, code) in [(401, 20003), (403, 20005), (403, 10001), (400, 21210)] {
        let api = refusing(status, code).await;
        assert_waits(&api, &api.body()).await;
        assert_eq!(api.twilio.dials().await.len(), 1);
        let dispatcher = dao(&api).take_over_dispatch("test").await.unwrap();
        assert_eq!(dispatcher.stop.unwrap().code, Some(code));
    }
}

#[tokio::test]
async fn longest_wait_holds_for_a_call_that_twilio_does_not_take() {
    let api = refusing(429, 20429).await;
    let mut body = api.body();
    body["max_wait_seconds"] = json!(3);
    body["priority"] = json!("urgent");
    let call = api.post(&body).await.json();
    assert_eq!(call["status"], "scheduled");
    assert_eq!(call["due_at"], call["expires_at"]);
    let stored = the_call(&api).await;
    let (end, made) = (
        stored.get_datetime("expires_at").unwrap(),
        stored.get_datetime("created_at").unwrap(),
    );
    let millis = end.timestamp_millis() - made.timestamp_millis();
    assert!((2_000..=3_000).contains(&millis), "{millis}");
    assert_eq!(stored.get_str("lane").ok(), Some("urgent"));
}

#[tokio::test]
async fn call_that_may_not_wait_is_refused_after_one_request() {
    for (status, code, retry_after) in [(429, 20429, "5"), (401, 20003, "")] {
        let api = refusing(status, code).await;
        let mut body = api.body();
        body["max_wait_seconds"] = json!(0);
        let answer = api.post(&body).await;
        answer.assert_problem(502, "twilio_refused");
        assert_eq!(answer.header("retry-after"), retry_after);
        assert_eq!(api.twilio.dials().await.len(), 1);
        assert_eq!(the_call(&api).await.get_str("status").ok(), Some("failed"));
        api.assert_counted(0).await;
    }
}

#[tokio::test]
async fn refused_number_ends_an_immediate_call_of_a_stack_with_a_queue() {
    let api = refusing(403, 21211).await;
    let answer = api.post(&api.body()).await;
    answer.assert_problem(422, "twilio_refused");
    assert_eq!(the_call(&api).await.get_str("status").ok(), Some("failed"));
}

#[tokio::test]
async fn load_at_twilio_pauses_the_permits_and_wakes_the_dispatcher() {
    let queue = Queue::new().await;
    let api = Api::with(|stage| fast(stage).set("WAKE_QUEUE_URL", queue.url())).await;
    let busy = json!({ "on": "create", "action": "rate_limit", "requests": [1] });
    api.twilio.faults(&json!({ "rest": [busy] })).await;
    assert_eq!(api.post(&api.body()).await.status, 202);
    assert_eq!(queue.receive_all().await, [json!({ "wake": true })]);
    let next = api.post(&api.body()).await;
    assert_eq!(next.json()["waiting_for"], "permit", "{}", next.text());
    assert_eq!(api.twilio.dials().await.len(), 1);
}

/// Answers the dial with 429, after something else has happened to the call.
async fn busy_after(change: impl AsyncFn(&Api, &str)) -> Api {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let api = Api::with(|stage| fast(stage).set("TWILIO_API_BASE_URL", &url)).await;
    let twilio = async {
        let (mut asked, _) = listener.accept().await.unwrap();
        asked.read_exact(&mut [0; 4]).await.unwrap();
        let stored = the_call(&api).await;
        change(&api, stored.get_str("call_id").unwrap()).await;
        asked.write_all(BUSY.as_bytes()).await.unwrap();
    };
    let body = api.body();
    let (answer, ()) = tokio::join!(api.post_with_key("k", &body), twilio);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let again = api.post_with_key("k", &body).await;
    assert_eq!(again.status, 202, "{}", again.text());
    assert_eq!(again.json(), answer.json());
    api
}

#[tokio::test]
async fn webhook_shows_that_twilio_has_the_call_after_all() {
    let api = busy_after(async |api, id| {
        let told = status_callback(id, new_sid().as_str(), "ringing", 1);
        assert_eq!(told.send(&status_router(&api.stage)).await.status, 200);
    })
    .await;
    let stored = the_call(&api).await;
    assert_eq!(stored.get_str("status").ok(), Some("ringing"));
    assert_eq!(stored.get_str("dial_outcome").ok(), Some("accepted"));
    api.assert_counted(1).await;
}

#[tokio::test]
async fn hang_up_request_cancels_a_call_that_twilio_does_not_take() {
    let api = busy_after(async |api, id| {
        assert_eq!(api.hang_up(id).await.status, 202);
    })
    .await;
    let stored = the_call(&api).await;
    assert_eq!(stored.get_str("status").ok(), Some("canceled"));
    assert_eq!(stored.get_str("status_reason").ok(), Some("requested"));
    api.assert_counted(0).await;
}

#[tokio::test]
async fn failed_return_to_the_queue_leaves_the_outcome_unknown() {
    let (api, line) = with_line().await;
    // A server without TLS: no attempt connects, and the first one shows that the dial has begun.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let deaf = format!("https://{}", listener.local_addr().unwrap());
    let unreachable = router(&fast(api.stage.clone()).set("TWILIO_API_BASE_URL", &deaf));
    let request = with_key("k", &api.body());
    let cut = async {
        let _only_try = listener.accept().await.unwrap();
        line.cut();
        drop(listener);
    };
    let (answer, ()) = tokio::join!(request.send(&unreachable), cut);
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["dial_outcome"], "unknown");
    line.restore();
    // `reconcile` settles it, as any dial that is still pending.
    let stored = the_call(&api).await;
    assert_eq!(stored.get_str("status").ok(), Some("initiated"));
    assert_eq!(stored.get_str("dial_outcome").ok(), Some("pending"));
    let repeat = request.send(&api.router).await;
    repeat.assert_problem(409, "request_in_progress");
}
