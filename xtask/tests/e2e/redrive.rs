//! Dead letters go back into the queue.

use serde_json::json;
use testkit::Queue;

use crate::{succeed, xtask};

fn redrive(from: &Queue, to: &Queue, more: &[&str]) -> String {
    let endpoint = std::env::var("OUTDIAL_TEST_SQS_ENDPOINT").expect("`cargo xtask test` sets it");
    let arguments = [&["redrive", "--from", from.url(), "--to", to.url()], more].concat();
    succeed(
        xtask(&arguments)
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "tests")
            .env("AWS_SECRET_ACCESS_KEY", "tests"),
    )
}

#[tokio::test]
async fn dead_letters_are_shown_and_then_moved() {
    let (dead, queue) = (Queue::new().await, Queue::new().await);
    let letter = json!({
        "topic": "status",
        "call_id": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
        "form": "CallSid=CA00000000000000000000000000000001&CallStatus=completed&To=%2B12125550123",
        "received_at": 1_795_381_200_000_i64,
        "request_id": "r",
    });
    dead.put(&letter.to_string()).await;
    let apology =
        json!({ "topic": "undelivered", "form": "", "received_at": 0, "request_id": "r" });
    dead.put(&apology.to_string()).await;
    dead.put("somebody else's").await;

    // What is shown there is hidden for a minute: another queue is moved.
    let shown = redrive(&dead, &queue, &["--dry-run"]);
    assert!(shown.contains("3 dead letters"), "{shown}");
    assert!(
        shown.contains("Status of 6ba7b810-9dad-41d1-80b4-00c04fd430c8, received 2026-11-22"),
        "{shown}"
    );
    assert!(
        shown.contains("Undelivered of a call, received 1970-01-01"),
        "{shown}"
    );
    assert!(shown.contains("not a webhook of ours"), "{shown}");
    assert!(!shown.contains("2125550123"), "{shown}");
    assert!(queue.messages().await.is_empty());

    let dead = Queue::new().await;
    dead.put(&letter.to_string()).await;
    let moved = redrive(&dead, &queue, &[]);
    assert!(
        moved.contains("1 moved back into the queue, 0 left"),
        "{moved}"
    );
    assert_eq!(queue.messages().await, [letter]);
    assert!(dead.messages().await.is_empty());
}

#[test]
fn a_queue_that_cannot_be_reached_is_named() {
    let output = xtask(&[
        "redrive",
        "--from",
        "http://127.0.0.1:1/1/dead",
        "--to",
        "http://127.0.0.1:1/1/q",
    ])
    .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    .env("AWS_REGION", "us-east-1")
    .env("AWS_ACCESS_KEY_ID", "tests")
    .env("AWS_SECRET_ACCESS_KEY", "tests")
    .output()
    .expect("xtask runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("error: cannot look into http://127.0.0.1:1/1/dead"),
        "{said}"
    );
}
