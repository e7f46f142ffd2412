//! Tests reading, playing and deleting recordings.

use axum::Router;
use outdial::{
    domain::{Call, RecordingStatus},
    http::media_url::MediaSigner,
};
use serde_json::{Value, json};
use testkit::{API_KEY, Answer, Request};
use twilio_sim::clock::Speed;

use crate::{
    life::{Played, play},
    support::{Api, text},
};

fn recording_router(api: &Api) -> Router {
    let stage = api.stage.clone().set("BASE_URL", testkit::BASE_URL);
    let app = recording::App::from_settings(&stage.settings()).unwrap();
    recording::router(app)
}

const MEDIA: &str =
    "https://api.twilio.com/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Recordings";

/// A recording callback for the call.
async fn report_recording(api: &Api, call: &Call, recording: &str, status: &str) {
    let id = call.call_id.to_string();
    let sid = call.twilio_sid.as_ref().unwrap().to_string();
    let answer = Request::webhook(
        &format!("/twilio/recording?call_id={id}"),
        &[
            ("AccountSid", testkit::ACCOUNT_SID),
            ("CallSid", &sid),
            ("RecordingSid", recording),
            ("RecordingUrl", &format!("{MEDIA}/{recording}")),
            ("RecordingStatus", status),
            ("RecordingDuration", "4"),
            ("RecordingChannels", "1"),
        ],
    )
    .send(&recording_router(api))
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn listed(api: &Api, call: &Call) -> Vec<Value> {
    let answer = api
        .get(&format!("/calls/{}/recordings", call.call_id))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["recordings"].as_array().unwrap().clone()
}

async fn delete(api: &Api, id: &str) -> Answer {
    let path = format!("/recordings/{id}");
    api.send(&Request::new("DELETE", &path).with_key(API_KEY))
        .await
}

const FIRST: &str = "RE00000000000000000000000000000001";
const SECOND: &str = "RE00000000000000000000000000000002";

#[tokio::test]
async fn recordings_of_a_call_are_listed_oldest_first_and_read() {
    let api = Api::new().await;
    let call = api.stage.call(|call| call.recording_enabled = true).await;
    assert_eq!(listed(&api, &call).await, Vec::<Value>::new());
    report_recording(&api, &call, FIRST, "completed").await;
    report_recording(&api, &call, SECOND, "in-progress").await;
    let recordings = listed(&api, &call).await;
    let sids: Vec<_> = recordings
        .iter()
        .map(|recording| text(&recording["twilio_sid"]))
        .collect();
    assert_eq!(sids, [FIRST, SECOND]);
    for (field, value) in [
        ("call_id", json!(call.call_id.to_string())),
        ("recording_url", json!(format!("{MEDIA}/{FIRST}"))),
        ("recording_status", json!("completed")),
        ("status", json!("completed")),
        ("duration_seconds", json!(4)),
        ("channels", json!(1)),
        ("error_code", Value::Null),
    ] {
        assert_eq!(recordings[0][field], value, "{field}");
    }
    assert_eq!(recordings[1]["status"], "processing");
    let id = text(&recordings[0]["id"]);
    assert_eq!(
        api.get(&format!("/recordings/{id}")).await.json(),
        recordings[0]
    );
    assert_eq!(
        api.call(&call.call_id.to_string()).await["recording_url"],
        recordings[0]["recording_url"]
    );
}

#[tokio::test]
async fn unknown_recording_is_not_found() {
    let api = Api::new().await;
    for id in [
        "65f0a1b2c3d4e5f601234567",
        "1",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        FIRST,
    ] {
        api.get(&format!("/recordings/{id}"))
            .await
            .assert_problem(404, "not_found");
        api.get(&format!("/recordings/{id}/media"))
            .await
            .assert_problem(404, "not_found");
        delete(&api, id).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn audio_url_has_a_signature_for_five_minutes() {
    let api = Api::with(|stage| stage.set("MEDIA_URL", "https://m.example.com/media")).await;
    let call = api.stage.call(|_| ()).await;
    report_recording(&api, &call, FIRST, "completed").await;
    let id = text(&listed(&api, &call).await[0]["id"]);
    let path = format!("/recordings/{id}/media");
    let now = mongodb::bson::DateTime::now().timestamp_millis() / 1_000;
    let answer = api.get(&path).await;
    assert_eq!(answer.status, 307, "{}", answer.text());
    let location = answer.header("location");
    let query = location
        .strip_prefix("https://m.example.com/media?")
        .unwrap();
    let signer = MediaSigner::new(&api.stage.settings().media_signing_key().unwrap());
    assert_eq!(signer.check(query, now).unwrap().as_str(), FIRST);
    assert!(signer.check(query, now + 299).is_some());
    assert!(signer.check(query, now + 360).is_none());
    let stranger = Request::new("GET", &path).send(&api.router).await;
    stranger.assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn json_response_has_the_url_and_its_expiry() {
    let api = Api::with(|stage| stage.set("MEDIA_URL", "https://m.example.com/media")).await;
    let call = api.stage.call(|_| ()).await;
    report_recording(&api, &call, FIRST, "completed").await;
    let id = text(&listed(&api, &call).await[0]["id"]);
    let path = format!("/recordings/{id}/media");
    let signer = MediaSigner::new(&api.stage.settings().media_signing_key().unwrap());
    for (accept, is_told) in [
        ("application/json", true),
        ("Application/JSON;q=0.9", true),
        ("audio/x-wav, application/json", true),
        ("application/json-seq", false),
        ("*/*", false),
        ("audio/*", false),
        ("", false),
    ] {
        let answer = api
            .send(&Request::get(&path).header("accept", accept))
            .await;
        assert_eq!(answer.header("vary"), "accept");
        assert_eq!(answer.header("cache-control"), "no-store");
        if !is_told {
            assert_eq!(answer.status, 307, "{accept}");
            continue;
        }
        assert_eq!(answer.status, 200, "{accept}");
        let body = answer.json();
        let url = text(&body["url"]);
        let query = url.strip_prefix("https://m.example.com/media?").unwrap();
        let expires_at = text(&body["expires_at"]);
        let expires = mongodb::bson::DateTime::parse_rfc3339_str(&expires_at).unwrap();
        let expires = expires.timestamp_millis() / 1_000;
        assert_eq!(signer.check(query, expires - 1).unwrap().as_str(), FIRST);
        assert!(signer.check(query, expires).is_none());
    }
}

#[tokio::test]
async fn audio_of_an_incomplete_recording_is_a_409() {
    let api = Api::new().await;
    for status in ["in-progress", "absent", "failed"] {
        let call = api.stage.call(|_| ()).await;
        let recording = format!("RE{}", uuid(&call));
        report_recording(&api, &call, &recording, status).await;
        let id = text(&listed(&api, &call).await[0]["id"]);
        let answer = api.get(&format!("/recordings/{id}/media")).await;
        answer.assert_problem(409, "recording_not_ready");
    }
}

fn uuid(call: &Call) -> String {
    call.call_id.to_string().replace('-', "")
}

#[tokio::test]
async fn deleted_recording_is_gone_at_twilio_too_and_stays_deleted() {
    let played = Played::start(Speed::parse("40").unwrap()).await;
    let api = &played.api;
    let id = play(&played, &json!({ "recording_enabled": true })).await;
    let call: Call = api
        .stage
        .database()
        .collection("calls")
        .find_one(mongodb::bson::doc! { "call_id": &id })
        .await
        .unwrap()
        .unwrap();
    let recording = listed(api, &call).await[0].clone();
    let (recording_id, sid) = (text(&recording["id"]), text(&recording["twilio_sid"]));
    report_recording(api, &call, SECOND, "completed").await;

    let answer = delete(api, &recording_id).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert!(answer.body.is_empty());
    assert!(
        api.twilio.calls().await[0]["recordings"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    api.get(&format!("/recordings/{recording_id}"))
        .await
        .assert_problem(404, "not_found");
    api.get(&format!("/recordings/{recording_id}/media"))
        .await
        .assert_problem(404, "not_found");
    delete(api, &recording_id)
        .await
        .assert_problem(404, "not_found");
    assert_eq!(listed(api, &call).await.len(), 1);
    assert_eq!(
        api.call(&id).await["recording_url"],
        format!("{MEDIA}/{SECOND}")
    );

    report_recording(api, &call, &sid, "completed").await;
    assert_eq!(listed(api, &call).await.len(), 1);
    assert_eq!(
        api.call(&id).await["recording_url"],
        format!("{MEDIA}/{SECOND}")
    );

    let second = text(&listed(api, &call).await[0]["id"]);
    assert_eq!(delete(api, &second).await.status, 204);
    assert_eq!(api.call(&id).await["recording_url"], Value::Null);
}

#[tokio::test]
async fn recording_that_twilio_does_not_delete_stays() {
    let api = Api::new().await;
    let call = api.stage.call(|_| ()).await;
    report_recording(&api, &call, FIRST, "completed").await;
    let id = text(&listed(&api, &call).await[0]["id"]);
    for (fault, code) in [
        (
            json!({ "on": "delete", "action": "refuse", "status": 401, "code": 20003 }),
            "twilio_refused",
        ),
        (
            json!({ "on": "delete", "action": "error", "status": 503 }),
            "twilio_unreachable",
        ),
    ] {
        api.twilio.faults(&json!({ "rest": [fault] })).await;
        delete(&api, &id).await.assert_problem(502, code);
        assert_eq!(api.get(&format!("/recordings/{id}")).await.status, 200);
    }
    api.twilio.faults(&json!({})).await;
    let gone_at_twilio = delete(&api, &id).await;
    assert_eq!(gone_at_twilio.status, 204, "{}", gone_at_twilio.text());
    let recordings = api
        .stage
        .database()
        .collection::<mongodb::bson::Document>("recordings");
    let stored = recordings
        .find_one(mongodb::bson::doc! {})
        .await
        .unwrap()
        .unwrap();
    let deleted = serde_json::to_value(RecordingStatus::Deleted).unwrap();
    assert_eq!(stored.get_str("status").ok(), deleted.as_str());
}

#[tokio::test]
async fn refusal_names_the_status_in_the_list() {
    let api = Api::new().await;
    let call = api.stage.call(|call| call.recording_enabled = true).await;
    for (nth, word) in ["in-progress", "paused", "stopped", "absent", "failed"]
        .into_iter()
        .enumerate()
    {
        let sid = format!("RE{nth:032}");
        report_recording(&api, &call, &sid, word).await;
        let recordings = listed(&api, &call).await;
        let recording = recordings
            .iter()
            .find(|one| one["twilio_sid"] == sid)
            .unwrap();
        let refused = api
            .get(&format!("/recordings/{}/media", text(&recording["id"])))
            .await;
        refused.assert_problem(409, "recording_not_ready");
        let detail = text(&refused.json()["detail"]);
        let status = text(&recording["status"]);
        assert!(
            detail.contains(&format!(" {status}.")),
            "{status}: {detail}"
        );
    }
}
