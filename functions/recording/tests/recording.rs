//! The router of `recording`, in process: a real database, and Lambda events as Twilio causes them.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

use std::time::{Duration, Instant};

use axum::Router;
use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use outdial::domain::{Call, DialOutcome};
use testkit::{ACCOUNT_SID, Answer, Request, Stage, new_sid};

const FIRST: &str = "RE00000000000000000000000000000001";
const SECOND: &str = "RE00000000000000000000000000000002";

fn router(stage: &Stage) -> Router {
    let app =
        recording::App::from_settings(&stage.settings()).expect("the stage is well configured");
    recording::router(app)
}

fn url(recording: &str) -> String {
    format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{recording}")
}

fn callback(
    path: &str,
    sid: &str,
    recording: &str,
    status: &str,
    more: &[(&str, &str)],
) -> Request {
    let url = url(recording);
    let params = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", sid),
        ("RecordingSid", recording),
        ("RecordingUrl", &url),
        ("RecordingStatus", status),
        ("RecordingSource", "OutboundAPI"),
        ("RecordingTrack", "both"),
        ("RecordingChannels", "1"),
        ("RecordingStartTime", "Thu, 01 Jan 2026 00:00:00 +0000"),
    ];
    Request::webhook(path, &[&params, more].concat())
}

fn path(call: &Call) -> String {
    format!("/twilio/recording?call_id={}", call.call_id)
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

async fn tell(stage: &Stage, call: &Call, recording: &str, status: &str, more: &[(&str, &str)]) {
    let request = callback(&path(call), sid(call), recording, status, more);
    assert_taken(&request.send(&router(stage)).await);
}

async fn stored(stage: &Stage, recording: &str) -> Document {
    let recordings = stage.database().collection::<Document>("recordings");
    let found = recordings
        .find_one(doc! { "twilio_sid": recording })
        .await
        .unwrap();
    found.expect("the recording is stored")
}

async fn url_of(stage: &Stage, call: &Call) -> Option<String> {
    let stored = stage.stored(&call.call_id.to_string()).await;
    stored.get_str("recording_url").ok().map(str::to_owned)
}

#[tokio::test]
async fn a_completed_recording_is_stored_and_its_url_is_the_calls() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    tell(
        &stage,
        &call,
        FIRST,
        "completed",
        &[("RecordingDuration", "12")],
    )
    .await;
    let recording = stored(&stage, FIRST).await;
    assert_eq!(
        recording.get_str("call_id").ok(),
        Some(call.id.to_hex().as_str())
    );
    assert_eq!(
        recording.get_str("recording_url").ok(),
        Some(url(FIRST).as_str())
    );
    assert_eq!(
        recording.get_str("recording_status").ok(),
        Some("completed")
    );
    assert_eq!(recording.get_str("status").ok(), Some("completed"));
    assert_eq!(recording.get_i64("duration_seconds").ok(), Some(12));
    assert_eq!(recording.get_i32("channels").ok(), Some(1));
    assert_eq!(
        recording
            .get_datetime("started_at")
            .unwrap()
            .timestamp_millis(),
        1_767_225_600_000
    );
    assert!(recording.get_datetime("created_at").is_ok());
    assert_eq!(url_of(&stage, &call).await, Some(url(FIRST)));
}

#[tokio::test]
async fn callbacks_end_alike_in_any_order() {
    let stage = Stage::new().await;
    let orders = [
        (["in-progress", "completed"], "completed"),
        (["completed", "in-progress"], "completed"),
        (["in-progress", "absent"], "absent"),
        (["absent", "in-progress"], "absent"),
        (["failed", "in-progress"], "failed"),
        (["in-progress", "failed"], "failed"),
        (["completed", "completed"], "completed"),
    ];
    for (number, (statuses, last)) in orders.into_iter().enumerate() {
        let call = stage.call(|_| ()).await;
        let recording = format!("RE{number:032}");
        for status in statuses {
            let facts: &[(&str, &str)] = match status {
                "completed" => &[("RecordingDuration", "12")],
                "absent" => &[("RecordingDuration", "0"), ("ErrorCode", "16102")],
                _ => &[("RecordingDuration", "-1")],
            };
            tell(&stage, &call, &recording, status, facts).await;
        }
        let stored = stored(&stage, &recording).await;
        assert_eq!(stored.get_str("status").ok(), Some(last), "{statuses:?}");
        assert_eq!(
            stored.get_str("recording_status").ok(),
            Some(last),
            "{statuses:?}"
        );
        if last == "absent" {
            assert_eq!(stored.get_i32("error_code").ok(), Some(16102));
        }
        let expected = (last == "completed").then(|| url(&recording));
        assert_eq!(url_of(&stage, &call).await, expected, "{statuses:?}");
    }
    assert_eq!(stage.count("recordings").await, 7);
}

#[tokio::test]
async fn the_url_of_a_call_is_that_of_its_first_completed_recording() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    tell(&stage, &call, FIRST, "in-progress", &[]).await;
    assert_eq!(url_of(&stage, &call).await, None);
    tell(&stage, &call, SECOND, "completed", &[]).await;
    assert_eq!(url_of(&stage, &call).await, Some(url(SECOND)));
    tell(&stage, &call, FIRST, "completed", &[]).await;
    assert_eq!(url_of(&stage, &call).await, Some(url(SECOND)));
    assert_eq!(stage.count("recordings").await, 2);
}

#[tokio::test]
async fn a_word_of_twilios_that_is_new_counts_as_processing() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    tell(&stage, &call, FIRST, "paused", &[]).await;
    let recording = stored(&stage, FIRST).await;
    assert_eq!(recording.get_str("status").ok(), Some("processing"));
    assert_eq!(recording.get_str("recording_status").ok(), Some("paused"));
}

#[tokio::test]
async fn callbacks_at_the_same_moment_make_one_recording() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let routers: Vec<_> = (0..4).map(|_| router(&stage)).collect();
    let requests = ["completed", "in-progress", "completed", "in-progress"]
        .map(|status| callback(&path(&call), sid(&call), FIRST, status, &[]));
    for answer in join_all(
        requests
            .iter()
            .zip(&routers)
            .map(|(request, router)| request.send(router)),
    )
    .await
    {
        assert_taken(&answer);
    }
    assert_eq!(stage.count("recordings").await, 1);
    assert_eq!(
        stored(&stage, FIRST).await.get_str("status").ok(),
        Some("completed")
    );
    assert_eq!(url_of(&stage, &call).await, Some(url(FIRST)));
}

#[tokio::test]
async fn a_call_is_found_by_its_name_else_by_twilios() {
    let stage = Stage::new().await;
    let paths = [
        "/twilio/recording",
        "/twilio/recording?call_id=nonsense",
        "/twilio/recording?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ];
    for (number, path) in paths.into_iter().enumerate() {
        let call = stage.call(|_| ()).await;
        let recording = format!("RE{number:032}");
        let answer = callback(path, sid(&call), &recording, "completed", &[])
            .send(&router(&stage))
            .await;
        assert_taken(&answer);
        assert_eq!(url_of(&stage, &call).await, Some(url(&recording)), "{path}");
    }
}

#[tokio::test]
async fn the_first_webhook_brings_twilios_name_of_the_call() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.dial_outcome = Some(DialOutcome::Unknown);
        })
        .await;
    let sid = new_sid();
    let answer = callback(&path(&call), sid.as_str(), FIRST, "completed", &[])
        .send(&router(&stage))
        .await;
    assert_taken(&answer);
    let stored = stage.stored(&call.call_id.to_string()).await;
    assert_eq!(stored.get_str("twilio_sid").ok(), Some(sid.as_str()));
    assert_eq!(stored.get_str("dial_outcome").ok(), Some("accepted"));
    assert_eq!(
        stored.get_str("recording_url").ok(),
        Some(url(FIRST).as_str())
    );
}

#[tokio::test]
async fn a_recording_of_another_call_of_twilios_changes_nothing() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let before = stage.stored(&call.call_id.to_string()).await;
    let answer = callback(&path(&call), new_sid().as_str(), FIRST, "completed", &[])
        .send(&router(&stage))
        .await;
    assert_taken(&answer);
    assert_eq!(stage.count("recordings").await, 0);
    assert_eq!(stage.stored(&call.call_id.to_string()).await, before);
}

#[tokio::test]
async fn a_recording_of_a_call_that_is_not_known_is_taken_and_not_stored() {
    let stage = Stage::new().await;
    for path in [
        "/twilio/recording",
        "/twilio/recording?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let answer = callback(path, new_sid().as_str(), FIRST, "completed", &[])
            .send(&router(&stage))
            .await;
        assert_taken(&answer);
    }
    assert_eq!(stage.count("recordings").await, 0);
}

#[tokio::test]
async fn a_form_that_is_no_callback_is_malformed() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    let whole = [
        ("CallSid", sid(&call)),
        ("RecordingSid", FIRST),
        ("RecordingStatus", "completed"),
    ];
    for left_out in 0..whole.len() {
        let mut params = whole.to_vec();
        params.remove(left_out);
        let answer = Request::webhook(&path(&call), &params).send(&router).await;
        answer.assert_problem(400, "malformed_form");
    }
    for (name, value) in [
        ("CallSid", "CA1"),
        ("RecordingSid", "CA00000000000000000000000000000001"),
    ] {
        let params = whole.map(|(field, was)| (field, if field == name { value } else { was }));
        let answer = Request::webhook(&path(&call), &params).send(&router).await;
        answer.assert_problem(400, "malformed_form");
    }
    assert_eq!(stage.count("recordings").await, 0);
}

#[tokio::test]
async fn without_a_database_twilio_is_asked_to_come_again() {
    let (stage, line) = Stage::new().await.behind_proxy().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    let request = callback(&path(&call), sid(&call), FIRST, "completed", &[]);
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
    assert_eq!(url_of(&stage, &call).await, Some(url(FIRST)));
}

#[tokio::test]
async fn a_forged_callback_is_refused_without_a_look_into_the_database() {
    let (stage, line) = Stage::new().await.behind_proxy().await;
    let call = stage.call(|_| ()).await;
    line.stall();
    let router = router(&stage);
    let good = callback(&path(&call), sid(&call), FIRST, "completed", &[]);
    for forged in [
        good.clone().without("x-twilio-signature"),
        good.clone()
            .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        good.clone().body(&format!(
            "CallSid={}&RecordingSid={FIRST}&RecordingStatus=completed",
            sid(&call)
        )),
        good.clone().moved("/twilio/recording"),
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
    assert_eq!(stage.count("recordings").await, 0);
}
