//! What is wrong with a stack, and that nothing is wrong with one that runs.

use std::collections::BTreeMap;
use std::process::Command;

use mongodb::bson::doc;
use mongodb::{Client, Database};
use outdial::config::Settings;
use outdial::dao::Dao;
use serde_json::json;
use testkit::{Secret, Stage};

use crate::dev::Dev;
use crate::{Folder, everything, fail, succeed, xtask, xtask_on};

/// The lines about it.
fn lines<'a>(told: &'a str, what: &str) -> Vec<&'a str> {
    let about = |line: &&str| {
        line.split_once("  ")
            .is_some_and(|(_, rest)| rest.trim().starts_with(what))
    };
    told.lines().filter(about).collect()
}

/// The line that has failed and is the only one.
#[track_caller]
fn assert_failed(told: &str, what: &str, why: &str) {
    let about = lines(told, what);
    assert!(
        about.len() == 1 && about[0].starts_with("failed ") && about[0].contains(why),
        "{what}: {told}"
    );
}

/// The variables of a stack, one of them changed.
struct Stack {
    variables: BTreeMap<String, String>,
    folder: Folder,
}

impl Stack {
    fn but_for(&self, name: &str, value: &str) -> Command {
        let mut variables = self.variables.clone();
        variables.insert(name.to_owned(), value.to_owned());
        let file = self.folder.file("variables.json");
        std::fs::write(&file, json!(variables).to_string()).expect("it can be written");
        xtask(&["doctor", "--variables", &file])
    }

    async fn database(&self) -> Database {
        outdial::tls::install_provider();
        let client = Client::with_uri_str(&self.variables["MONGO_URI"]).await;
        client
            .expect("it runs")
            .database(&self.variables["MONGO_DB"])
    }
}

#[tokio::test]
async fn a_stack_that_runs_is_well_and_what_is_wrong_with_it_is_told() {
    let dev = Dev::start();
    let file = dev.variables_file();
    let text = std::fs::read_to_string(&file).expect("dev writes it");
    let stack = Stack {
        variables: serde_json::from_str(&text).expect("an object of texts"),
        folder: Folder::new(),
    };
    let database = stack.database().await;
    let before = everything(&database).await;

    let port = file
        .file_stem()
        .and_then(|port| port.to_str())
        .expect("a port");
    let told = succeed(&mut xtask(&["doctor", &format!("--local={port}")]));
    assert_eq!(
        told.lines().filter(|line| line.starts_with("ok ")).count(),
        told.lines().count() - 2,
        "{told}"
    );
    let local = format!("--local={port}");
    let shown = succeed(&mut xtask(&["dialing", "status", &local]));
    assert_eq!(shown, "dialling is on\n");
    let shown = succeed(&mut xtask(&["indexes", &local]));
    assert!(shown.contains("every index is there"), "{shown}");
    assert!(lines(&told, "secret")[0].starts_with("skipped"), "{told}");
    assert!(
        lines(&told, "Twilio API key")[0].starts_with("skipped"),
        "{told}"
    );

    for (name, value, failures) in [
        (
            "TWILIO_AUTH_TOKEN",
            "an-old-token",
            &[
                ("Twilio account", "does not take TWILIO_AUTH_TOKEN"),
                ("webhook voice", "does not take what"),
                ("webhook status", "does not take what"),
                ("webhook recording", "does not take what"),
            ][..],
        ),
        (
            "TWILIO_FROM_NUMBER",
            "+12125550100",
            &[("Twilio number", "neither the account's nor verified")],
        ),
        (
            "MEDIA_SIGNING_KEY",
            "another-key-of-some-length",
            &[("audio", "does not take what")],
        ),
        (
            "STATUS_URL",
            "http://127.0.0.1:1/twilio/status",
            &[("webhook status", "was not reached")],
        ),
        (
            "RECORDING_URL",
            &format!("{}/health", stack.variables["BASE_URL"]),
            &[("webhook recording", "answered 405")],
        ),
        (
            "ALLOWED_COUNTRIES",
            "UK",
            &[("variables", "ALLOWED_COUNTRIES is malformed")],
        ),
        (
            "MONGO_DB",
            "outdial_nowhere",
            &[("indexes", "users.email_lower_unique")],
        ),
    ] {
        let (told, said) = fail(&mut stack.but_for(name, value));
        for (what, why) in failures {
            assert_failed(&told, what, why);
        }
        for secret in ["TWILIO_AUTH_TOKEN", "MEDIA_SIGNING_KEY"].map(|name| &stack.variables[name])
        {
            assert!(!told.contains(secret) && !said.contains(secret));
        }
        assert!(
            !told.contains("an-old-token") && !told.contains("another-key"),
            "{told}"
        );
    }
    assert_eq!(
        everything(&database).await,
        before,
        "nothing is left behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_is_off_and_a_cap_that_is_used_up_are_told() {
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
    let (told, _) = fail(&mut xtask_on(&stage, &["doctor"]));
    assert_failed(&told, "dialling", "off since");
    assert_failed(&told, "calls of today", "7 of 7");
    assert!(lines(&told, "indexes")[0].starts_with("ok"), "{told}");
    assert!(lines(&told, "Twilio number")[0].starts_with("ok"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_a_database_that_is_away_is_skipped() {
    let stage = Stage::with_twilio()
        .await
        .set("MONGO_URI", "mongodb://ada:hush-hush@127.0.0.1:1/");
    let (told, said) = fail(&mut xtask_on(&stage, &["doctor"]));
    assert_failed(&told, "database", "the database is unavailable");
    for what in ["indexes", "dialling", "calls of today"] {
        assert!(lines(&told, what)[0].starts_with("skipped"), "{told}");
    }
    assert!(
        !told.contains("hush") && !said.contains("hush"),
        "{told}{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_read_or_it_is_told_why_not() {
    let stage = Stage::with_twilio().await;
    let mut held = json!({ "TWILIO_AUTH_TOKEN": stage.variable("TWILIO_AUTH_TOKEN") });
    let secret = Secret::holding(&held).await;
    let stage = stage
        .set("TWILIO_AUTH_TOKEN", "")
        .set("SECRET_ID", secret.id());
    let doctor = || {
        let mut command = xtask_on(&stage, &["doctor"]);
        command.env("AWS_REGION", "us-east-1");
        command
            .env("AWS_ACCESS_KEY_ID", "tests")
            .env("AWS_SECRET_ACCESS_KEY", "tests");
        command
    };
    // The webhooks of a stage are nowhere.
    let (told, _) = fail(&mut doctor());
    assert!(lines(&told, "secret")[0].starts_with("ok"), "{told}");
    assert!(
        lines(&told, "Twilio account")[0].starts_with("ok"),
        "{told}"
    );

    held["TWILIO_AUTH_TOKEN"] = json!(17);
    secret.rotate(&held).await;
    let (told, _) = fail(&mut doctor());
    assert_failed(&told, "secret", "TWILIO_AUTH_TOKEN in it is no text");
    assert_eq!(told.lines().count(), 2, "{told}");
    let (told, _) = fail(doctor().arg("--secret").arg("nowhere"));
    assert_failed(&told, "secret", "ResourceNotFoundException");
}
