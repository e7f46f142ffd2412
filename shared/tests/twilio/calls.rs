//! Tests reading, ending and deleting a call.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::{
    domain::{CallStatus, EventSource},
    twilio::{CallDetails, TwilioError},
};

use crate::server::{ACCOUNT, CALL, Reply, Server, client, impatient};
use crate::support::{assert_unavailable, call_sid, code};

fn call(status: &str) -> Reply {
    Reply::http(
        200,
        format!(r#"{{"sid": "{CALL}", "status": "{status}", "duration": null}}"#),
    )
}

fn not_in_progress() -> Reply {
    Reply::refusal(400, 21220, "Call is not in-progress.")
}

#[tokio::test]
async fn details_of_a_call_are_read() {
    let body = format!(
        r#"{{"sid": "{CALL}", "status": "completed", "duration": "42", "answered_by": "human",
             "from": "+12125550100", "date_created": "Mon, 16 Aug 2010 03:44:01 +0000",
             "end_time": "Mon, 16 Aug 2010 03:45:01 +0000", "queue_time": "2500", "price": null, "new_field": {{}}}}"#
    );
    let server = Server::start([Reply::http(200, body)]).await;
    let details = server.client().get_call_details(&call_sid()).await.unwrap();
    let expected = CallDetails {
        sid: call_sid(),
        status: CallStatus::Completed,
        duration_seconds: Some(42),
        answered_by: Some("human".to_owned()),
        from_number: "+12125550100".parse().ok(),
        created_at: Some(DateTime::parse_rfc3339_str("2010-08-16T03:44:01Z").unwrap()),
        ended_at: Some(DateTime::parse_rfc3339_str("2010-08-16T03:45:01Z").unwrap()),
        queued_for: Some(Duration::from_millis(2_500)),
        is_other_direction: false,
    };
    assert_eq!(details, expected);
    let request = server.request();
    assert_eq!(
        request.line,
        format!("GET /2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json HTTP/1.1")
    );
    assert!(request.headers["authorization"].starts_with("Basic "));
}

#[tokio::test]
async fn details_become_an_update_from_the_api() {
    let server = Server::start([call("ringing")]).await;
    let details = server.client().get_call_details(&call_sid()).await.unwrap();
    let now = DateTime::from_millis(1_700_000_000_000);
    let update = details.to_status_update(now);
    assert_eq!(update.call_sid, call_sid());
    assert_eq!(update.status, CallStatus::Ringing);
    assert_eq!((update.at, update.source), (now, EventSource::Api));
}

#[tokio::test]
async fn unknown_call_is_a_refusal() {
    let server = Server::start([Reply::refusal(404, 20404, "not found")]).await;
    let error = server.client().get_call_details(&call_sid()).await;
    let error = error.unwrap_err();
    assert_eq!(code(&error), Some(20404));
    assert_eq!(error.to_string(), "Twilio refused: not found");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn read_is_repeated_at_most_twice() {
    let broken = Reply::http(503, "");
    let busy = Reply::refusal(429, 20429, "Too many requests");
    let server = Server::start([broken.clone(), busy, call("queued")]).await;
    let details = server.client().get_call_details(&call_sid()).await.unwrap();
    assert_eq!(details.status, CallStatus::Queued);
    assert_eq!(server.requests().len(), 3);

    let server = Server::start([broken]).await;
    assert_unavailable(server.client().get_call_details(&call_sid()).await);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn unusable_response_differs_from_no_response() {
    for body in [
        String::new(),
        "{}".to_owned(),
        "<html>".to_owned(),
        format!(r#"{{"sid": "{CALL}", "status": "exploded"}}"#),
        r#"{"sid": "CA1", "status": "queued"}"#.to_owned(),
        format!(
            r#"{{"sid": "{CALL}", "status": "queued"}}{}"#,
            " ".repeat(5_000_000)
        ),
    ] {
        let server = Server::start([Reply::http(200, body)]).await;
        let result = server.client().get_call_details(&call_sid()).await;
        assert!(
            matches!(result, Err(TwilioError::Unusable(_))),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn missing_response_is_unavailable() {
    for reply in [
        Reply::Reset,
        Reply::HalfClose,
        Reply::Stall,
        Reply::redirect("http://127.0.0.1:1/"),
    ] {
        let server = Server::start([reply]).await;
        let client = client(server.address, impatient());
        assert_unavailable(client.get_call_details(&call_sid()).await);
    }
}

#[tokio::test]
async fn live_call_is_ended_with_completed() {
    let server = Server::start([call("in-progress")]).await;
    let details = server.client().hangup_call(&call_sid()).await.unwrap();
    assert_eq!(details.status, CallStatus::InProgress);
    let request = server.request();
    assert_eq!(
        request.line,
        format!("POST /2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json HTTP/1.1")
    );
    assert_eq!(request.body, "Status=completed");
}

#[tokio::test]
async fn call_that_cannot_be_completed_is_canceled() {
    let server = Server::start([not_in_progress(), call("canceled")]).await;
    let details = server.client().hangup_call(&call_sid()).await.unwrap();
    assert_eq!(details.status, CallStatus::Canceled);
    let bodies: Vec<_> = server.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies, ["Status=completed", "Status=canceled"]);
}

#[tokio::test]
async fn call_that_has_ended_cannot_be_hung_up() {
    let server = Server::start([not_in_progress()]).await;
    let error = server.client().hangup_call(&call_sid()).await.unwrap_err();
    assert_eq!(code(&error), Some(21220));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn hang_up_without_a_response_is_unavailable() {
    let server = Server::start([Reply::http(500, "")]).await;
    assert_unavailable(server.client().hangup_call(&call_sid()).await);
    for request in server.requests() {
        assert_eq!(request.body, "Status=completed");
    }
}

#[tokio::test]
async fn waiting_call_is_canceled_and_never_completed() {
    let server = Server::start([call("canceled")]).await;
    let details = server.client().cancel_call(&call_sid()).await.unwrap();
    assert_eq!(details.status, CallStatus::Canceled);
    assert_eq!(server.request().body, "Status=canceled");
}

#[tokio::test]
async fn call_that_cannot_be_canceled_is_read() {
    let server = Server::start([not_in_progress(), call("in-progress")]).await;
    let details = server.client().cancel_call(&call_sid()).await.unwrap();
    assert_eq!(details.status, CallStatus::InProgress);
    let lines: Vec<_> = server.requests().into_iter().map(|r| r.line).collect();
    assert!(
        lines[0].starts_with("POST ") && lines[1].starts_with("GET "),
        "{lines:?}"
    );
}

#[tokio::test]
async fn call_is_deleted_once_it_has_ended() {
    let gone = Reply::refusal(404, 20404, "not found");
    let live = Reply::refusal(409, 20009, "not complete");
    for (reply, refused) in [
        (Reply::http(204, ""), None),
        (gone, None),
        (live, Some(20009)),
    ] {
        let server = Server::start([reply]).await;
        let deleted = server.client().delete_call(&call_sid()).await;
        assert_eq!(deleted.err().as_ref().and_then(code), refused);
        assert_eq!(
            server.request().line,
            format!("DELETE /2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json HTTP/1.1")
        );
    }
}
