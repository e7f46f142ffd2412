//! All that we ask of Twilio beside dialling.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod twilio_server;

use std::time::{Duration, Instant};

use mongodb::bson::DateTime;
use outdial::{
    domain::{CallSid, CallStatus, EventSource, RecordingSid},
    twilio::{CallDetails, TwilioClient, TwilioError},
};
use twilio_server::{ACCOUNT, CALL, Reply, Server, client, config, impatient, patient};

const RECORDING: &str = "REfedcba9876543210fedcba9876543210";

fn call_sid() -> CallSid {
    CALL.parse().unwrap()
}

fn recording_sid() -> RecordingSid {
    RECORDING.parse().unwrap()
}

fn call(status: &str) -> Reply {
    Reply::http(
        200,
        format!(r#"{{"sid": "{CALL}", "status": "{status}", "duration": null}}"#),
    )
}

fn not_in_progress() -> Reply {
    Reply::refusal(400, 21220, "Call is not in-progress.")
}

fn code(error: &TwilioError) -> Option<i32> {
    match error {
        TwilioError::Refused(refusal) => refusal.code,
        TwilioError::Unavailable(_) | TwilioError::Unusable(_) => None,
    }
}

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, TwilioError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, TwilioError::Unavailable(_)), "{error:?}");
    for secret in ["primary", CALL, RECORDING, "127.0.0.1"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}

#[tokio::test]
async fn the_details_of_a_call_are_read() {
    let body = format!(
        r#"{{"sid": "{CALL}", "status": "completed", "duration": "42", "answered_by": "human",
             "from": "+12125550100", "date_created": "Mon, 16 Aug 2010 03:44:01 +0000",
             "end_time": "Mon, 16 Aug 2010 03:45:01 +0000", "price": null, "new_field": {{}}}}"#
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
async fn a_call_that_twilio_does_not_know_is_a_refusal() {
    let server = Server::start([Reply::refusal(404, 20404, "not found")]).await;
    let error = server.client().get_call_details(&call_sid()).await;
    let error = error.unwrap_err();
    assert_eq!(code(&error), Some(20404));
    assert_eq!(error.to_string(), "Twilio refused: not found");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_read_is_repeated_at_most_twice() {
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
async fn an_answer_that_makes_no_sense_is_told_from_none() {
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
async fn every_way_of_not_answering_is_unavailable() {
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
async fn a_live_call_is_ended_with_completed() {
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
async fn a_call_that_cannot_be_completed_is_canceled() {
    let server = Server::start([not_in_progress(), call("canceled")]).await;
    let details = server.client().hangup_call(&call_sid()).await.unwrap();
    assert_eq!(details.status, CallStatus::Canceled);
    let bodies: Vec<_> = server.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies, ["Status=completed", "Status=canceled"]);
}

#[tokio::test]
async fn a_call_that_has_ended_cannot_be_hung_up() {
    let server = Server::start([not_in_progress()]).await;
    let error = server.client().hangup_call(&call_sid()).await.unwrap_err();
    assert_eq!(code(&error), Some(21220));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_hang_up_that_twilio_could_not_answer_is_unavailable() {
    let server = Server::start([Reply::http(500, "")]).await;
    assert_unavailable(server.client().hangup_call(&call_sid()).await);
    for request in server.requests() {
        assert_eq!(request.body, "Status=completed");
    }
}

#[tokio::test]
async fn a_waiting_call_is_canceled_and_never_completed() {
    let server = Server::start([call("canceled")]).await;
    let details = server.client().cancel_call(&call_sid()).await.unwrap();
    assert_eq!(details.status, CallStatus::Canceled);
    assert_eq!(server.request().body, "Status=canceled");
}

#[tokio::test]
async fn a_call_that_can_be_canceled_no_more_is_looked_at() {
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
async fn a_ping_fetches_the_account() {
    let server = Server::start([Reply::http(200, r#"{"status": "active"}"#)]).await;
    server.client().ping().await.unwrap();
    assert_eq!(
        server.request().line,
        format!("GET /2010-04-01/Accounts/{ACCOUNT}.json HTTP/1.1")
    );
}

#[tokio::test]
async fn a_ping_with_an_api_key_asks_for_what_such_a_key_may_read() {
    let server = Server::start([Reply::http(200, r#"{"calls": []}"#)]).await;
    let mut config = config(&format!("http://{}", server.address));
    config.api_key = Some(("SK1".to_owned(), "key-secret".into()));
    let client = TwilioClient::with_timeouts(&config, patient()).unwrap();
    client.ping().await.unwrap();
    assert_eq!(
        server.request().line,
        format!("GET /2010-04-01/Accounts/{ACCOUNT}/Calls.json?PageSize=1 HTTP/1.1")
    );
}

#[tokio::test]
async fn a_ping_tells_wrong_credentials_from_a_twilio_that_is_away() {
    let server = Server::start([Reply::refusal(401, 20003, "Authenticate")]).await;
    let error = server.client().ping().await.unwrap_err();
    assert_eq!(code(&error), Some(20003));

    for reply in [Reply::Stall, Reply::http(503, "")] {
        let server = Server::start([reply]).await;
        let begun = Instant::now();
        assert_unavailable(client(server.address, impatient()).ping().await);
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_ping_that_is_answered_with_no_account_fails() {
    let server = Server::start([Reply::http(200, "pong")]).await;
    let result = client(server.address, impatient()).ping().await;
    assert!(
        matches!(result, Err(TwilioError::Unusable(_))),
        "{result:?}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_recordings_url_is_the_resource_without_an_extension() {
    let client = TwilioClient::new(&config("https://api.twilio.com")).unwrap();
    assert_eq!(
        client.get_recording_url(&recording_sid()).as_str(),
        format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}")
    );
}

#[tokio::test]
async fn a_recording_is_deleted_even_if_it_is_gone_already() {
    for reply in [
        Reply::http(204, ""),
        Reply::refusal(404, 20404, "not found"),
    ] {
        let server = Server::start([reply]).await;
        let client = server.client();
        client.delete_recording(&recording_sid()).await.unwrap();
        assert_eq!(
            server.request().line,
            format!("DELETE /2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}.json HTTP/1.1")
        );
    }
    let server = Server::start([Reply::http(500, "")]).await;
    assert_unavailable(server.client().delete_recording(&recording_sid()).await);
}

#[tokio::test]
async fn a_call_is_deleted_once_it_has_ended() {
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

#[tokio::test]
async fn audio_comes_as_twilio_sends_it_and_a_range_is_passed_on() {
    let answer = "HTTP/1.1 206 X\r\nContent-Range: bytes 0-3/100\r\nContent-Length: 4\r\n\r\nRIFF";
    let server = Server::start([Reply::Raw(answer.to_owned())]).await;
    let client = server.client();
    let response = client
        .fetch_media(&recording_sid(), Some("bytes=0-3"))
        .await;
    let response = response.unwrap();
    assert_eq!(response.status(), 206);
    assert_eq!(response.headers()["content-range"], "bytes 0-3/100");
    assert_eq!(response.bytes().await.unwrap(), "RIFF");
    let request = server.request();
    assert_eq!(
        request.line,
        format!("GET /2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}.wav HTTP/1.1")
    );
    assert_eq!(request.headers["range"], "bytes=0-3");
}

#[tokio::test]
async fn audio_that_is_not_there_is_told_by_its_status() {
    for status in [200, 404, 416] {
        let server = Server::start([Reply::http(status, "body")]).await;
        let response = server.client().fetch_media(&recording_sid(), None).await;
        let response = response.unwrap();
        assert_eq!(response.status(), status);
        assert!(!server.request().headers.contains_key("range"));
    }
}

#[tokio::test]
async fn audio_that_twilio_keeps_from_us_is_an_error() {
    let server = Server::start([Reply::refusal(401, 20003, "Authenticate")]).await;
    let result = server.client().fetch_media(&recording_sid(), None).await;
    assert_eq!(code(&result.unwrap_err()), Some(20003));
    for reply in [
        Reply::http(503, ""),
        Reply::http(204, ""),
        Reply::Stall,
        Reply::Reset,
    ] {
        let server = Server::start([reply]).await;
        let client = client(server.address, impatient());
        assert_unavailable(client.fetch_media(&recording_sid(), None).await);
    }
}

#[tokio::test]
async fn a_redirect_to_the_audio_is_followed_without_our_credentials() {
    let store = Server::start([Reply::http(200, "RIFF")]).await;
    let to = format!("http://{}/store/audio.wav?signature=1", store.address);
    let server = Server::start([Reply::redirect(&to)]).await;
    let client = server.client();
    let response = client.fetch_media(&recording_sid(), Some("bytes=0-")).await;
    assert_eq!(response.unwrap().bytes().await.unwrap(), "RIFF");
    let request = store.request();
    assert_eq!(request.line, "GET /store/audio.wav?signature=1 HTTP/1.1");
    assert_eq!(request.headers["range"], "bytes=0-");
    assert!(!request.headers.contains_key("authorization"));
    assert!(!request.headers.contains_key("referer"));
}

#[tokio::test]
async fn redirects_that_lead_nowhere_end() {
    let server = Server::start([Reply::redirect("/again")]).await;
    let result = server.client().fetch_media(&recording_sid(), None).await;
    assert_unavailable(result);
    let each_try = 4;
    assert_eq!(server.requests().len(), 3 * each_try);
}
