//! Tests what `outdial erase` removes and keeps. The tests run on several threads, because the simulator must answer during a command.

use axum::Router;
use mongodb::bson::{DateTime, Document, doc};
use outdial::dao::number_counter;
use outdial::domain::{Call, CallStatus, DialOutcome};
use serde_json::json;
use testkit::{ACCOUNT_SID, API_KEY, Request, Stage, TRANSCRIPTION_SERVICES, Twilio};
use twilio_sim::clock::Speed;

use crate::{everything, fail, outdial_on, succeed};

/// Texts that identify the person.
pub const PERSONAL: [&str; 7] = [
    "Ada",
    "@example.com",
    "2125550123",
    "Your biopsy",
    "4155552671",
    "A-17",
    "biopsy_understood",
];

/// Stores a user and a recorded call of theirs.
pub async fn person(stage: &Stage, twilio: &Twilio) -> (String, Call) {
    let recording = twilio.record().await;
    let known = twilio.calls().await;
    let sid = known[0]["sid"].as_str().expect("a name").to_owned();
    let user = stage.user().await;
    let metadata = serde_json::from_value(json!({ "order": "A-17" })).expect("notes");
    let call = stage
        .call(|call| {
            call.user_id.clone_from(&user);
            call.twilio_sid = Some(sid.parse().expect("a name"));
            call.status = CallStatus::Completed;
            call.script = Some("Your biopsy is ready.".parse().expect("a script"));
            call.stored_result = Some("biopsy_understood".to_owned());
            call.metadata = metadata;
            call.to_number = "+14155552671".parse().expect("a number");
            call.recording_enabled = true;
            call.recording_url = Some(format!("https://api.twilio.com/{recording}"));
            call.duration_seconds = Some(17);
            call.error_code = Some(13_224);
            call.error_message = Some("+14155552671 cannot be called".to_owned());
            call.idempotency_scope = Some("scope-of-the-key".to_owned());
            call.request_hash = Some("hash-of-the-request".to_owned());
        })
        .await;
    webhook(&call, &recording).send(&recordings(stage)).await;
    assert_eq!(stage.count("recordings").await, 1);
    (user, call)
}

pub fn recordings(stage: &Stage) -> Router {
    recording::router(recording::App::from_settings(&stage.settings()).expect("a stage"))
}

/// A recording callback.
pub fn webhook(call: &Call, recording: &str) -> Request {
    let url = format!("https://api.twilio.com/{recording}");
    Request::webhook(
        &format!("/twilio/recording?call_id={}", call.call_id),
        &[
            ("AccountSid", ACCOUNT_SID),
            (
                "CallSid",
                call.twilio_sid.as_ref().expect("it has one").as_str(),
            ),
            ("RecordingSid", recording),
            ("RecordingUrl", &url),
            ("RecordingStatus", "completed"),
        ],
    )
}

/// Asserts that the API lists the erased call under another `call_id`.
pub async fn assert_listed_under_another_id(stage: &Stage, call: &Call) {
    let app = outbound_calls::App::from_settings(&stage.settings()).expect("a stage");
    let answer = Request::get("/calls")
        .send(&outbound_calls::router(app))
        .await;
    assert_eq!(answer.status, 200);
    let listed = &answer.json()["calls"][0];
    assert_eq!(listed["status"], "completed");
    assert_eq!(listed["to_number"], "");
    assert_ne!(listed["call_id"], call.call_id.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_person_leaves_only_anonymous_facts() {
    let twilio = Twilio::start_at(Speed::parse("100").expect("a factor")).await;
    let stage = Stage::new().await.playing(&twilio);
    let (user, call) = person(&stage, &twilio).await;
    let database = stage.database();
    let day = chrono::Utc::now().date_naive();
    for (name, document) in [
        (
            "counters",
            doc! { "_id": format!("calls:{day}:{user}"), "count": 1 },
        ),
        (
            "counters",
            doc! { "_id": format!("calls:{day}"), "count": 1 },
        ),
        (
            "blocked_numbers",
            doc! { "number": "+14155552671", "reason": "Ada asked", "created_at": DateTime::now() },
        ),
    ] {
        database
            .collection(name)
            .insert_one(document)
            .await
            .expect("it is stored");
    }

    let shown = succeed(&mut outdial_on(&stage, &["erase", &user, "--dry-run"]));
    assert!(shown.contains("calls: 1, recordings: 1"), "{shown}");
    assert!(
        !PERSONAL
            .iter()
            .any(|text| text.len() > 3 && !text.starts_with('@') && shown.contains(text)),
        "{shown}"
    );
    let (_, stderr) = fail(&mut outdial_on(&stage, &["erase", &user]));
    assert!(stderr.contains("pass --yes"), "{stderr}");
    assert_eq!(stage.count("users").await, 1);

    let stdout = succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert!(stdout.ends_with("erased\n"), "{stdout}");
    assert!(twilio.calls().await.is_empty());
    let left = everything(stage.database()).await;
    let blocked = "\"+14155552671\"";
    assert!(left.contains(blocked), "an opt-out survives: {left}");
    let others = left.replace(blocked, "");
    let names = [
        user.as_str(),
        "scope-of",
        "hash-of",
        &call.call_id.to_string(),
    ]
    .map(str::to_owned);
    for text in PERSONAL.map(str::to_owned).iter().chain(&names) {
        assert!(!others.contains(text.as_str()), "{text} is left: {left}");
    }
    let calls = database.collection::<Document>("calls");
    let facts = calls
        .find_one(doc! {})
        .await
        .expect("the database answers")
        .expect("it is kept");
    assert_eq!(facts.get_str("country").expect("a country"), "US");
    assert_eq!(facts.get_str("status").expect("a status"), "completed");
    assert_eq!(facts.get_i64("duration_seconds").expect("a length"), 17);
    assert_eq!(facts.get_i32("error_code").expect("a code"), 13_224);
    assert_eq!(
        *facts.get_datetime("created_at").expect("a time"),
        call.created_at
    );
    let read = database.collection::<Call>("calls").find_one(doc! {}).await;
    assert!(
        read.is_ok_and(|call| call.is_some()),
        "a call that is erased can be read"
    );
    assert_listed_under_another_id(&stage, &call).await;

    // Late webhooks change nothing.
    let late = webhook(&call, "RE00000000000000000000000000000001");
    assert_eq!(late.send(&recordings(&stage)).await.status, 200);
    let status = status::router(status::App::from_settings(&stage.settings()).expect("a stage"));
    let sid = call.twilio_sid.as_ref().expect("it has one").as_str();
    let late = Request::webhook(
        &format!("/twilio/status?call_id={}", call.call_id),
        &[
            ("CallSid", sid),
            ("CallStatus", "completed"),
            ("To", "+14155552671"),
            ("SequenceNumber", "9"),
        ],
    );
    assert_eq!(late.send(&status).await.status, 200);
    assert_eq!(everything(stage.database()).await, left);
    let api = outbound_calls::App::from_settings(&stage.settings()).expect("a stage");
    let read = Request::get(&format!("/calls/{}", call.call_id)).with_key(API_KEY);
    read.send(&outbound_calls::router(api))
        .await
        .assert_problem(404, "not_found");

    let stdout = succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert_eq!(stdout, format!("no user with id {user}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_and_block_reasons_of_every_spelling_are_erased() {
    let stage = Stage::with_twilio().await;
    let user = stage.user().await;
    stage
        .call(|call| {
            call.user_id.clone_from(&user);
            call.status = CallStatus::Failed;
            call.dial_outcome = Some(DialOutcome::Refused);
            call.twilio_sid = None;
            call.to_number = "+5491123456789".parse().expect("a number");
        })
        .await;
    let counter = |number: &str| {
        let number = number.parse().expect("a number");
        doc! { "_id": number_counter(&number, DateTime::now()), "count": 1_i64 }
    };
    let blocked = |number: &str| doc! { "number": number, "reason": "A-17 asked" };
    let others = "+12125550199";
    for (name, document) in [
        // The counters of the user's number, and of the smallest spelling of the called number.
        ("counters", counter("+12125550123")),
        ("counters", counter("+541123456789")),
        ("counters", counter(others)),
        ("blocked_numbers", blocked("+541123456789")),
        ("blocked_numbers", blocked("+54111523456789")),
        ("blocked_numbers", blocked("+112125550123")),
    ] {
        let collection = stage.database().collection(name);
        collection.insert_one(document).await.expect("it is stored");
    }
    succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    let left = everything(stage.database()).await;
    assert!(!left.contains("A-17"), "{left}");
    assert_eq!(stage.count("blocked_numbers").await, 3, "{left}");
    assert_eq!(left.matches(":to:").count(), 1, "{left}");
    let kept = counter(others);
    assert!(
        left.contains(kept.get_str("_id").expect("a name")),
        "{left}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transcript_is_erased_here_and_at_twilio() {
    // Twilio's SID is not known if its response was lost.
    for is_known in [true, false] {
        let twilio = Twilio::start_at(Speed::parse("100").expect("a factor")).await;
        let stage = Stage::new().await.playing(&twilio);
        let stage = stage.set("TRANSCRIPTION_SERVICES", TRANSCRIPTION_SERVICES);
        let (user, call) = person(&stage, &twilio).await;
        let calls = stage.database().collection::<Document>("calls");
        let transcribed = doc! { "$set": { "transcribe": true } };
        calls
            .update_one(doc! { "_id": call.id }, transcribed)
            .await
            .expect("it is stored");
        let recording = twilio.calls().await[0]["recordings"][0]["sid"].clone();
        let recording = recording.as_str().expect("a recording");
        webhook(&call, recording).send(&recordings(&stage)).await;
        assert_eq!(twilio.transcripts().await.len(), 1);
        let transcripts = stage.database().collection::<Document>("transcripts");
        let sentence = doc! { "speaker": "callee", "text": "Ada speaking." };
        let mut change = doc! { "$set": { "sentences": [sentence] } };
        if !is_known {
            change.insert("$unset", doc! { "twilio_sid": "" });
        }
        transcripts
            .update_one(doc! {}, change)
            .await
            .expect("it is stored");
        let stdout = succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
        assert!(stdout.ends_with("erased\n"), "{stdout}");
        assert!(twilio.transcripts().await.is_empty(), "{is_known}");
        assert_eq!(stage.count("transcripts").await, 0);
    }
}
