//! A person goes, and nothing brings them back. The simulator answers on another thread than the one that waits for a command.

use axum::Router;
use mongodb::bson::{DateTime, Document, doc};
use outdial::dao::number_counter;
use outdial::domain::{Call, CallStatus, DialOutcome};
use serde_json::json;
use testkit::{ACCOUNT_SID, API_KEY, Request, Stage, Twilio};
use twilio_sim::clock::Speed;

use crate::{everything, fail, succeed, xtask_on};

/// What a person is known by.
const PERSONAL: [&str; 6] = [
    "Ada",
    "@example.com",
    "2125550123",
    "Your biopsy",
    "4155552671",
    "A-17",
];

/// A user, and a call of theirs that Twilio has recorded, which is over for a day.
async fn person(stage: &Stage, twilio: &Twilio) -> (String, Call) {
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
            call.script = "Your biopsy is ready.".parse().expect("a script");
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

fn recordings(stage: &Stage) -> Router {
    recording::router(recording::App::from_settings(&stage.settings()).expect("a stage"))
}

/// A recording callback.
fn webhook(call: &Call, recording: &str) -> Request {
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

/// Without what is personal.
async fn is_listed_under_another_name(stage: &Stage, call: &Call) {
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
async fn nothing_is_left_of_a_person_but_facts_that_name_nobody() {
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

    let shown = succeed(&mut xtask_on(&stage, &["erase", &user, "--dry-run"]));
    assert!(shown.contains("calls: 1, recordings: 1"), "{shown}");
    assert!(
        !PERSONAL
            .iter()
            .any(|text| text.len() > 3 && !text.starts_with('@') && shown.contains(text)),
        "{shown}"
    );
    let (_, said) = fail(&mut xtask_on(&stage, &["erase", &user]));
    assert!(said.contains("confirm with --yes"), "{said}");
    assert_eq!(stage.count("users").await, 1);

    let told = succeed(&mut xtask_on(&stage, &["erase", &user, "--yes"]));
    assert!(told.ends_with("erased\n"), "{told}");
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
    is_listed_under_another_name(&stage, &call).await;

    // Webhooks come late.
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

    let told = succeed(&mut xtask_on(&stage, &["erase", &user, "--yes"]));
    assert_eq!(told, format!("no user with id {user}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_and_reasons_go_for_each_number_of_a_person_under_any_spelling() {
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
        // The user's, and of the line that was called, by its least spelling.
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
    succeed(&mut xtask_on(&stage, &["erase", &user, "--yes"]));
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
async fn what_twilio_does_not_delete_is_kept_until_it_does() {
    let twilio = Twilio::start_at(Speed::parse("100").expect("a factor")).await;
    let stage = Stage::new().await.playing(&twilio);
    let (user, call) = person(&stage, &twilio).await;
    let before = everything(stage.database()).await;
    // The recording, then the call.
    for (refused, recordings_left) in [(1, 1), (2, 0)] {
        let plan =
            json!({ "rest": [{ "on": "delete", "action": "refuse", "requests": [refused] }] });
        twilio.faults(&plan).await;
        let (_, said) = fail(&mut xtask_on(&stage, &["erase", &user, "--yes"]));
        assert!(
            said.contains(&format!("call {} is kept", call.call_id)),
            "{said}"
        );
        assert_eq!(everything(stage.database()).await, before);
        let recordings = &twilio.calls().await[0]["recordings"];
        assert_eq!(recordings.as_array().map_or(0, Vec::len), recordings_left);
    }
    twilio.faults(&json!({})).await;
    succeed(&mut xtask_on(&stage, &["erase", &user, "--yes"]));
    assert!(twilio.calls().await.is_empty());
    assert_eq!(stage.count("users").await, 0);
    assert_eq!(stage.count("recordings").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_may_be_on_the_telephone_is_not_erased() {
    let stage = Stage::with_twilio().await;
    let user = stage.user().await;
    let call = stage
        .call(|call| {
            call.user_id.clone_from(&user);
            call.status = CallStatus::Ringing;
        })
        .await;
    let before = everything(stage.database()).await;
    let (_, said) = fail(&mut xtask_on(&stage, &["erase", &user, "--yes"]));
    assert!(
        said.contains(&format!("{}: ringing", call.call_id)),
        "{said}"
    );
    assert_eq!(everything(stage.database()).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_an_earlier_run_has_left_are_erased_without_their_user() {
    let stage = Stage::with_twilio().await;
    let user = mongodb::bson::oid::ObjectId::new().to_hex();
    for outcome in [DialOutcome::Refused, DialOutcome::Accepted] {
        // One that Twilio never had, and one whose record is gone there.
        let call = stage.call(|call| {
            call.user_id.clone_from(&user);
            call.status = CallStatus::Failed;
            call.dial_outcome = Some(outcome);
            if outcome == DialOutcome::Refused {
                call.twilio_sid = None;
            }
        });
        call.await;
    }
    succeed(&mut xtask_on(&stage, &["erase", &user, "--yes"]));
    let left = everything(stage.database()).await;
    assert_eq!(left.matches("erased_at").count(), 2, "{left}");
    assert!(!left.contains("Hello."), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_erased_too() {
    let twilio = Twilio::start_at(Speed::parse("100").expect("a factor")).await;
    let stage = Stage::new().await.playing(&twilio);
    let (user, call) = person(&stage, &twilio).await;
    let database = stage.database();
    let calls = database.collection::<Document>("calls");
    let id = mongodb::bson::oid::ObjectId::parse_str(&user).expect("a name");
    let users = database.collection::<Document>("users");
    let odd = doc! { "$set": { "name": { "first": "Ada" }, "time_zone": 17 } };
    users
        .update_one(doc! { "_id": id }, odd)
        .await
        .expect("it is stored");
    let recordings = database.collection::<Document>("recordings");
    let odd = doc! { "$set": { "status": 17, "recording_status": "Ada" } };
    recordings
        .update_many(doc! {}, odd)
        .await
        .expect("it is stored");
    let odd = doc! { "$set": {
        "status": "levitating", "answered_by": { "name": "Ada" }, "metadata": { "order": ["A-17"] },
        "created_at": DateTime::from_millis(1_700_000_000_000),
    } };
    calls
        .update_one(doc! { "_id": call.id }, odd)
        .await
        .expect("it is stored");
    for odd in [
        doc! { "to_number": 17 },
        doc! { "twilio_sid": 17 },
        doc! { "events": "Ada" },
    ] {
        let other = stage
            .call(|call| {
                call.user_id.clone_from(&user);
                call.status = CallStatus::Completed;
                call.script = "Your biopsy is ready.".parse().expect("a script");
            })
            .await;
        calls
            .update_one(doc! { "_id": other.id }, doc! { "$set": odd })
            .await
            .expect("it is stored");
    }

    succeed(&mut xtask_on(&stage, &["erase", &user, "--dry-run"]));
    let told = succeed(&mut xtask_on(&stage, &["erase", &user, "--yes"]));
    assert!(told.ends_with("erased\n"), "{told}");
    assert!(twilio.calls().await.is_empty());
    assert_eq!(stage.count("users").await, 0);
    assert_eq!(stage.count("recordings").await, 0);
    let left = everything(database).await;
    for text in PERSONAL {
        assert!(!left.contains(text), "{text} is left: {left}");
    }
    let mut facts = database
        .collection::<Call>("calls")
        .find(doc! {})
        .await
        .expect("the database answers");
    let mut count = 0;
    while facts.advance().await.expect("the database answers") {
        facts
            .deserialize_current()
            .expect("what is left can be read");
        count += 1;
    }
    assert_eq!(count, 4);
}
