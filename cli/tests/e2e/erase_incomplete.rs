//! Tests `outdial erase` with calls that are live, that Twilio keeps, that an earlier run left, or that are unreadable.

use mongodb::bson::{DateTime, Document, doc};
use outdial::domain::{Call, CallStatus, DialOutcome};
use serde_json::json;
use testkit::{Stage, Twilio};
use twilio_sim::clock::Speed;

use super::erase::{PERSONAL, person};
use crate::{everything, fail, outdial_on, succeed};

#[tokio::test(flavor = "multi_thread")]
async fn call_is_kept_until_twilio_deletes_it() {
    let twilio = Twilio::start_at(Speed::parse("100").expect("a factor")).await;
    let stage = Stage::new().await.playing(&twilio);
    let (user, call) = person(&stage, &twilio).await;
    let before = everything(stage.database()).await;
    // Twilio refuses to delete the recording, then the call.
    for (refused, recordings_left) in [(1, 1), (2, 0)] {
        let plan =
            json!({ "rest": [{ "on": "delete", "action": "refuse", "requests": [refused] }] });
        twilio.faults(&plan).await;
        let (_, stderr) = fail(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
        assert!(
            stderr.contains(&format!("call {} is kept", call.call_id)),
            "{stderr}"
        );
        assert_eq!(everything(stage.database()).await, before);
        let recordings = &twilio.calls().await[0]["recordings"];
        assert_eq!(recordings.as_array().map_or(0, Vec::len), recordings_left);
    }
    twilio.faults(&json!({})).await;
    succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert!(twilio.calls().await.is_empty());
    assert_eq!(stage.count("users").await, 0);
    assert_eq!(stage.count("recordings").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn person_with_a_live_call_is_not_erased() {
    let stage = Stage::with_twilio().await;
    let user = stage.user().await;
    let call = stage
        .call(|call| {
            call.user_id.clone_from(&user);
            call.status = CallStatus::Ringing;
        })
        .await;
    let before = everything(stage.database()).await;
    let (_, stderr) = fail(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert!(
        stderr.contains(&format!("{}: ringing", call.call_id)),
        "{stderr}"
    );
    assert_eq!(everything(stage.database()).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_left_by_an_earlier_run_are_erased_without_their_user() {
    let stage = Stage::with_twilio().await;
    let user = mongodb::bson::oid::ObjectId::new().to_hex();
    for outcome in [DialOutcome::Refused, DialOutcome::Accepted] {
        // Twilio never had the first call, and has deleted the second.
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
    succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    let left = everything(stage.database()).await;
    assert_eq!(left.matches("erased_at").count(), 2, "{left}");
    assert!(!left.contains("Hello."), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_documents_are_erased_too() {
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
                call.script = Some("Your biopsy is ready.".parse().expect("a script"));
            })
            .await;
        calls
            .update_one(doc! { "_id": other.id }, doc! { "$set": odd })
            .await
            .expect("it is stored");
    }

    succeed(&mut outdial_on(&stage, &["erase", &user, "--dry-run"]));
    let stdout = succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert!(stdout.ends_with("erased\n"), "{stdout}");
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
