//! The router of `status`, in process: a real database, a simulated Twilio, and Lambda events as Twilio causes them.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

use std::time::{Duration, Instant};

use axum::Router;
use mongodb::bson::{Bson, Document};
use outdial::domain::{Call, CallStatus, DialOutcome};
use serde_json::json;
use testkit::{ACCOUNT_SID, Answer, Request, Stage, Twilio, new_sid};

fn router(stage: &Stage) -> Router {
    let app = status::App::from_settings(&stage.settings()).expect("the stage is well configured");
    status::router(app)
}

/// A callback: that status with that number in the sequence, and more parameters.
fn callback(path: &str, sid: &str, status: &str, sequence: u32, more: &[(&str, &str)]) -> Request {
    let sequence = sequence.to_string();
    let params = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", sid),
        ("CallStatus", status),
        ("CallbackSource", "call-progress-events"),
        ("CallerName", ""),
        ("SequenceNumber", &sequence),
        ("Timestamp", "Thu, 01 Jan 2026 00:00:00 +0000"),
    ];
    Request::webhook(path, &[&params, more].concat())
}

fn path(call: &Call) -> String {
    format!("/twilio/status?call_id={}", call.call_id)
}

fn sid(call: &Call) -> &str {
    call.twilio_sid.as_ref().unwrap().as_str()
}

#[track_caller]
fn assert_taken(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    assert!(
        answer.text().ends_with("<Response></Response>"),
        "{}",
        answer.text()
    );
}

async fn tell(stage: &Stage, call: &Call, status: &str, sequence: u32, more: &[(&str, &str)]) {
    let request = callback(&path(call), sid(call), status, sequence, more);
    assert_taken(&request.send(&router(stage)).await);
}

async fn stored(stage: &Stage, call: &Call) -> Document {
    stage.stored(&call.call_id.to_string()).await
}

fn words(stored: &Document) -> Vec<String> {
    let events = stored.get_array("events").unwrap().iter();
    let word = |event: &Bson| {
        event
            .as_document()
            .unwrap()
            .get_str("status")
            .unwrap()
            .to_owned()
    };
    events.map(word).collect()
}

#[tokio::test]
async fn each_status_is_taken() {
    let stage = Stage::with_twilio().await;
    for status in CallStatus::ALL {
        let call = stage.call(|_| ()).await;
        let word = status.as_str();
        tell(&stage, &call, word, 1, &[]).await;
        let stored = stored(&stage, &call).await;
        // Queued ranks with initiated, which the call is already.
        if status != CallStatus::Queued {
            assert_eq!(stored.get_str("status").ok(), Some(word));
        }
        assert_eq!(words(&stored), [word]);
        let event = stored.get_array("events").unwrap()[0]
            .as_document()
            .unwrap();
        assert_eq!(event.get_str("source").ok(), Some("twilio"));
        assert_eq!(
            event.get_datetime("at").unwrap().timestamp_millis(),
            1_767_225_600_000
        );
    }
}

#[tokio::test]
async fn what_twilio_tells_at_the_end_is_stored() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let facts = [
        ("CallDuration", "61"),
        ("Duration", "2"),
        ("SipResponseCode", "200"),
        ("AnsweredBy", "machine_end_beep"),
    ];
    tell(&stage, &call, "completed", 3, &facts).await;
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_i64("duration_seconds").ok(), Some(61));
    assert_eq!(stored.get_i32("sip_response_code").ok(), Some(200));
    assert_eq!(stored.get_str("answered_by").ok(), Some("machine_end_beep"));

    let call = stage.call(|_| ()).await;
    let facts = [
        ("ErrorCode", "13224"),
        ("ErrorMessage", "Invalid number"),
        ("SipResponseCode", "404"),
    ];
    tell(&stage, &call, "failed", 2, &facts).await;
    let stored = self::stored(&stage, &call).await;
    assert_eq!(stored.get_i32("error_code").ok(), Some(13224));
    assert_eq!(stored.get_str("error_message").ok(), Some("Invalid number"));
}

#[tokio::test]
async fn a_status_never_goes_back() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    for (sequence, word) in [
        (2, "in-progress"),
        (1, "ringing"),
        (3, "completed"),
        (0, "initiated"),
    ] {
        tell(&stage, &call, word, sequence, &[]).await;
    }
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("status").ok(), Some("completed"));
    assert_eq!(
        words(&stored),
        ["initiated", "ringing", "in-progress", "completed"]
    );
}

#[tokio::test]
async fn a_duplicate_changes_nothing() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    let request = callback(&path(&call), sid(&call), "ringing", 1, &[])
        .header("i-twilio-idempotency-token", "t-1");
    assert_taken(&request.send(&router).await);
    let before = stored(&stage, &call).await;
    let same_token = callback(&path(&call), sid(&call), "ringing", 7, &[])
        .header("i-twilio-idempotency-token", "t-1");
    let same_sequence = callback(&path(&call), sid(&call), "ringing", 1, &[])
        .header("i-twilio-idempotency-token", "t-2");
    for duplicate in [request, same_token, same_sequence] {
        assert_taken(&duplicate.send(&router).await);
        assert_eq!(stored(&stage, &call).await, before);
    }
}

#[tokio::test]
async fn duplicates_at_the_same_moment_make_one_event() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let request = callback(&path(&call), sid(&call), "completed", 3, &[]);
    let routers = [
        router(&stage),
        router(&stage),
        router(&stage),
        router(&stage),
    ];
    let answers = tokio::join!(
        request.send(&routers[0]),
        request.send(&routers[1]),
        request.send(&routers[2]),
        request.send(&routers[3])
    );
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert_taken(&answer);
    }
    assert_eq!(words(&stored(&stage, &call).await), ["completed"]);
}

#[tokio::test]
async fn a_call_is_found_by_its_name_else_by_twilios() {
    let stage = Stage::with_twilio().await;
    for path in [
        "/twilio/status",
        "/twilio/status?call_id=nonsense",
        "/twilio/status?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let call = stage.call(|_| ()).await;
        let answer = callback(path, sid(&call), "ringing", 1, &[])
            .send(&router(&stage))
            .await;
        assert_taken(&answer);
        assert_eq!(
            stored(&stage, &call).await.get_str("status").ok(),
            Some("ringing"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_first_webhook_brings_twilios_name_and_settles_the_dial() {
    let stage = Stage::with_twilio().await;
    for outcome in [DialOutcome::Pending, DialOutcome::Unknown] {
        let call = stage
            .call(|call| {
                call.twilio_sid = None;
                call.dial_outcome = Some(outcome);
            })
            .await;
        let sid = new_sid();
        let answer = callback(&path(&call), sid.as_str(), "initiated", 0, &[])
            .send(&router(&stage))
            .await;
        assert_taken(&answer);
        let stored = stored(&stage, &call).await;
        assert_eq!(stored.get_str("twilio_sid").ok(), Some(sid.as_str()));
        assert_eq!(stored.get_str("dial_outcome").ok(), Some("accepted"));
    }
}

#[tokio::test]
async fn another_call_of_twilios_changes_nothing() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let before = stored(&stage, &call).await;
    let answer = callback(&path(&call), new_sid().as_str(), "completed", 3, &[])
        .send(&router(&stage))
        .await;
    assert_taken(&answer);
    assert_eq!(stored(&stage, &call).await, before);
}

#[tokio::test]
async fn a_call_that_is_not_known_is_taken_and_not_stored() {
    let stage = Stage::with_twilio().await;
    for path in [
        "/twilio/status",
        "/twilio/status?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let answer = callback(path, new_sid().as_str(), "completed", 3, &[])
            .send(&router(&stage))
            .await;
        assert_taken(&answer);
    }
    assert_eq!(stage.count("calls").await, 0);
}

#[tokio::test]
async fn a_form_that_is_no_callback_is_malformed() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let sid = sid(&call);
    let router = router(&stage);
    for params in [
        vec![],
        vec![("CallSid", sid)],
        vec![("CallStatus", "ringing")],
        vec![("CallSid", "CA1"), ("CallStatus", "ringing")],
        vec![("CallSid", sid), ("CallStatus", "exploded")],
        vec![("CallSid", sid), ("CallStatus", "")],
    ] {
        let answer = Request::webhook(&path(&call), &params).send(&router).await;
        answer.assert_problem(400, "malformed_form");
    }
    assert!(words(&stored(&stage, &call).await).is_empty());
}

#[tokio::test]
async fn fields_that_make_no_sense_count_as_absent() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let params = [
        ("CallSid", sid(&call)),
        ("CallStatus", "completed"),
        ("SequenceNumber", "x"),
        ("Timestamp", "yesterday"),
        ("CallDuration", "-1"),
        ("SipResponseCode", "ok"),
        ("SomethingNew", "$status"),
    ];
    assert_taken(
        &Request::webhook(&path(&call), &params)
            .send(&router(&stage))
            .await,
    );
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("status").ok(), Some("completed"));
    assert_eq!(stored.get_i32("sip_response_code").ok(), None);
}

#[tokio::test]
async fn text_from_outside_is_never_read_as_an_expression() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let facts = [
        ("AnsweredBy", "$script"),
        ("ErrorMessage", "$$ROOT"),
        ("ErrorCode", "1"),
    ];
    let request = callback(&path(&call), sid(&call), "failed", 3, &facts)
        .header("i-twilio-idempotency-token", "$status");
    assert_taken(&request.send(&router(&stage)).await);
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("answered_by").ok(), Some("$script"));
    assert_eq!(stored.get_str("error_message").ok(), Some("$$ROOT"));
}

#[tokio::test]
async fn without_a_database_twilio_is_asked_to_come_again() {
    let (stage, line) = Stage::with_twilio().await.behind_proxy().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    let request = callback(&path(&call), sid(&call), "ringing", 1, &[]);
    for fault in [testkit::Proxy::cut, testkit::Proxy::stall] {
        fault(&line);
        let begun = Instant::now();
        let answer = request.send(&router).await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        answer.assert_problem(503, "unavailable");
    }
    line.restore();
    assert_taken(&request.send(&router).await);
    assert_eq!(
        stored(&stage, &call).await.get_str("status").ok(),
        Some("ringing")
    );
}

#[tokio::test]
async fn a_forged_callback_is_refused_without_a_look_into_the_database() {
    let (stage, line) = Stage::with_twilio().await.behind_proxy().await;
    let call = stage.call(|_| ()).await;
    line.stall();
    let router = router(&stage);
    let good = callback(&path(&call), sid(&call), "completed", 3, &[]);
    for forged in [
        good.clone().without("x-twilio-signature"),
        good.clone()
            .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        good.clone()
            .body(&format!("CallSid={}&CallStatus=completed", sid(&call))),
        good.clone().moved("/twilio/status"),
    ] {
        let begun = Instant::now();
        let answer = forged.send(&router).await;
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        answer.assert_problem(403, "bad_signature");
    }
    assert_eq!(
        stored(&stage, &call).await.get_str("status").ok(),
        Some("initiated")
    );
}

/// A call that Twilio has, and that is to be ended as soon as we know its name.
async fn waiting(stage: &Stage, twilio: &Twilio) -> (Call, String) {
    let client = outdial::twilio::TwilioClient::new(&stage.settings().twilio().unwrap()).unwrap();
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.dial_outcome = Some(DialOutcome::Unknown);
            call.hangup_requested = true;
        })
        .await;
    let placed = outdial::twilio::OutboundCall {
        call_id: call.call_id,
        // Stays queued for half a minute.
        to: &"+12125550109".parse().unwrap(),
        from: &call.from_number,
        voice_url: testkit::BASE_URL,
        status_url: testkit::BASE_URL,
        recording_url: testkit::BASE_URL,
        record: false,
        machine_detection: None,
        ring_timeout_seconds: 30,
        time_limit_seconds: 600,
    };
    client.make_outbound_call(&placed).await;
    let sid = twilio.calls().await[0]["sid"].as_str().unwrap().to_owned();
    (call, sid)
}

#[tokio::test]
async fn a_hang_up_that_waits_is_done_by_the_webhook_that_brings_the_name() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let (call, sid) = waiting(&stage, &twilio).await;
    let answer = callback(&path(&call), &sid, "initiated", 0, &[])
        .send(&router(&stage))
        .await;
    assert_taken(&answer);
    assert_eq!(twilio.calls().await[0]["status"], "canceled");
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("status").ok(), Some("canceled"));
    assert_eq!(words(&stored), ["initiated", "canceled"]);
}

#[tokio::test]
async fn a_twilio_that_does_not_hang_up_in_time_does_not_hold_the_answer_up() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let (call, sid) = waiting(&stage, &twilio).await;
    twilio
        .faults(&json!({ "rest": [{ "on": "update", "action": "stall", "delay_ms": 30_000 }] }))
        .await;
    let begun = Instant::now();
    let answer = callback(&path(&call), &sid, "initiated", 0, &[])
        .send(&router(&stage))
        .await;
    assert!(
        begun.elapsed() < Duration::from_millis(6_500),
        "{:?}",
        begun.elapsed()
    );
    assert_taken(&answer);
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("twilio_sid").ok(), Some(sid.as_str()));
    assert_eq!(stored.get_str("status").ok(), Some("initiated"));
}

#[tokio::test]
async fn a_call_that_nobody_wants_to_end_goes_on() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let call = stage.call(|_| ()).await;
    tell(&stage, &call, "ringing", 1, &[]).await;
    assert!(twilio.requests("POST", ".json").await.is_empty());
}
