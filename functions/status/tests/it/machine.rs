//! Tests the callback of machine detection: its signature, its form, and a database that is away.

use testkit::{Queue, Request, Stage, new_sid};

use crate::support::{assert_accepted, router, stored};

fn result(path: &str, sid: &str, answered_by: &str) -> Request {
    Request::webhook(path, &[("CallSid", sid), ("AnsweredBy", answered_by)])
}

#[tokio::test]
async fn signed_result_is_stored_and_a_forged_one_is_not() {
    let stage = Stage::new().await;
    let call = stage.call(|_| {}).await;
    let sid = call.twilio_sid.as_ref().unwrap().as_str();
    let path = format!("/twilio/machine?call_id={}", call.call_id);
    let forged = result(&path, sid, "human").header("x-twilio-signature", "AAAA");
    assert_eq!(forged.send(&router(&stage)).await.status, 403);
    assert_eq!(stored(&stage, &call).await.get("answered_by"), None);
    for _ in 0..2 {
        let answer = result(&path, sid, "human").send(&router(&stage)).await;
        assert_accepted(&answer);
        let stored = stored(&stage, &call).await;
        assert_eq!(stored.get_str("answered_by").ok(), Some("human"));
    }
}

#[tokio::test]
async fn malformed_and_unknown_results_change_nothing() {
    let stage = Stage::new().await;
    let call = stage.call(|_| {}).await;
    let sid = call.twilio_sid.as_ref().unwrap().as_str();
    let path = format!("/twilio/machine?call_id={}", call.call_id);
    for answered_by in ["", "Human", "$where", &"a".repeat(65)] {
        let answer = result(&path, sid, answered_by).send(&router(&stage)).await;
        assert_eq!(answer.status, 400, "{answered_by}");
    }
    let other = new_sid();
    for path in ["/twilio/machine", &path] {
        let answer = result(path, other.as_str(), "fax")
            .send(&router(&stage))
            .await;
        assert_accepted(&answer);
    }
    assert_eq!(stored(&stage, &call).await.get("answered_by"), None);
}

#[tokio::test]
async fn result_waits_in_the_queue_while_the_database_is_away() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let down = stage.clone().set("MONGO_URI", "mongodb://127.0.0.1:1");
    let call = stage.call(|_| {}).await;
    let sid = call.twilio_sid.as_ref().unwrap().as_str();
    let path = format!("/twilio/machine?call_id={}", call.call_id);
    let answer = result(&path, sid, "human").send(&router(&down)).await;
    assert_accepted(&answer);
    let messages = queue.messages().await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["topic"], "machine");
}
