//! Tests `outdial doctor`: each failed check names the fault and its remedy.

use mongodb::bson::doc;
use outdial::config::Settings;
use outdial::dao::Dao;
use serde_json::json;
use testkit::{BASE_URL, FROM_NUMBER, Secret, Stage, Twilio};

use crate::{fail, outdial_on};

/// Returns the output lines of a check.
fn lines<'a>(stdout: &'a str, what: &str) -> Vec<&'a str> {
    let about = |line: &&str| {
        line.split_once("  ")
            .is_some_and(|(_, rest)| rest.trim().starts_with(what))
    };
    stdout.lines().filter(about).collect()
}

/// Asserts that the check failed, with one line.
#[track_caller]
fn assert_failed(stdout: &str, what: &str, why: &str) {
    let about = lines(stdout, what);
    assert!(
        about.len() == 1 && about[0].starts_with("failed ") && about[0].contains(why),
        "{what}: {stdout}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_dialling_and_reached_cap_fail() {
    let stage = Stage::with_twilio().await.set("MAX_CALLS_PER_DAY", "7");
    let settings: Settings = stage.settings();
    let dao = Dao::new(&settings.mongo().expect("a database")).expect("a URI");
    dao.switch_dialing(false, Some("a stolen key"), None)
        .await
        .expect("it is stored");
    let day = chrono::Utc::now().date_naive();
    let counter = doc! { "_id": format!("calls:{day}"), "count": 7_i64 };
    stage
        .database()
        .collection("counters")
        .insert_one(counter)
        .await
        .expect("it is stored");
    let (stdout, _) = fail(&mut outdial_on(&stage, &["doctor"]));
    assert_failed(&stdout, "dialling", "off since");
    assert_failed(&stdout, "calls of today", "7 of 7");
    assert!(lines(&stdout, "indexes")[0].starts_with("ok"), "{stdout}");
    assert!(
        lines(&stdout, "Twilio number")[0].starts_with("ok"),
        "{stdout}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn number_that_people_call_back_must_lead_to_the_webhook() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let callback = |stage: &Stage| {
        let (stdout, _) = fail(&mut outdial_on(stage, &["doctor"]));
        let lines = lines(&stdout, "callback number");
        assert_eq!(lines.len(), 1, "{stdout}");
        lines[0].to_owned()
    };
    assert!(callback(&stage).starts_with("skipped"));
    let other = callback(&stage.clone().set("CALLBACK_NUMBER", "+12125550199"));
    assert!(other.starts_with("failed ") && other.contains("does not belong"));
    let stage = stage.set("CALLBACK_NUMBER", FROM_NUMBER);
    let unset = callback(&stage);
    assert!(unset.starts_with("failed "), "{unset}");
    assert!(
        unset.contains(&format!("{BASE_URL}/twilio/inbound")),
        "{unset}"
    );
    twilio.answer_callbacks(BASE_URL).await;
    assert!(callback(&stage).starts_with("ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_need_an_unavailable_database_are_skipped() {
    let stage = Stage::with_twilio()
        .await
        .set("MONGO_URI", "mongodb://ada:hush-hush@127.0.0.1:1/");
    let (stdout, stderr) = fail(&mut outdial_on(&stage, &["doctor"]));
    assert_failed(&stdout, "database", "the database is unavailable");
    for what in ["indexes", "dialling", "calls of today"] {
        assert!(lines(&stdout, what)[0].starts_with("skipped"), "{stdout}");
    }
    assert!(
        !stdout.contains("hush") && !stderr.contains("hush"),
        "{stdout}{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_secret_fails_with_the_reason() {
    let stage = Stage::with_twilio().await;
    let mut held = json!({ "TWILIO_AUTH_TOKEN": stage.variable("TWILIO_AUTH_TOKEN") });
    let secret = Secret::holding(&held).await;
    let stage = stage
        .set("TWILIO_AUTH_TOKEN", "")
        .set("SECRET_ID", secret.id());
    let doctor = || {
        let mut command = outdial_on(&stage, &["doctor"]);
        command.env("AWS_REGION", "us-east-1");
        command
            .env("AWS_ACCESS_KEY_ID", "tests")
            .env("AWS_SECRET_ACCESS_KEY", "tests");
        command
    };
    // Nothing serves the webhooks of a stage.
    let (stdout, _) = fail(&mut doctor());
    assert!(lines(&stdout, "secret")[0].starts_with("ok"), "{stdout}");
    assert!(
        lines(&stdout, "Twilio account")[0].starts_with("ok"),
        "{stdout}"
    );

    held["TWILIO_AUTH_TOKEN"] = json!(17);
    secret.rotate(&held).await;
    let (stdout, _) = fail(&mut doctor());
    assert_failed(
        &stdout,
        "secret",
        "its member TWILIO_AUTH_TOKEN is not a string",
    );
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
    let (stdout, _) = fail(doctor().arg("--secret").arg("nowhere"));
    assert_failed(&stdout, "secret", "ResourceNotFoundException");
}
