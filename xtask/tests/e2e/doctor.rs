//! `outdial doctor` on the local stack: no check fails, and each fault is named.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};
use serde_json::json;

use crate::dev_process::Dev;
use crate::{Folder, everything, fail, outdial, succeed};

/// The lines of a check.
fn lines<'a>(stdout: &'a str, what: &str) -> Vec<&'a str> {
    let about = |line: &&str| {
        line.split_once("  ")
            .is_some_and(|(_, rest)| rest.trim().starts_with(what))
    };
    stdout.lines().filter(about).collect()
}

/// Asserts that the check has one line, and failed.
#[track_caller]
fn assert_failed(stdout: &str, what: &str, why: &str) {
    let about = lines(stdout, what);
    assert!(
        about.len() == 1 && about[0].starts_with("failed ") && about[0].contains(why),
        "{what}: {stdout}"
    );
}

/// The variables of a running stack.
struct Stack {
    variables: BTreeMap<String, String>,
    folder: Folder,
}

impl Stack {
    /// Runs the doctor with one variable changed.
    fn but_for(&self, name: &str, value: &str) -> Command {
        let mut variables = self.variables.clone();
        variables.insert(name.to_owned(), value.to_owned());
        let file = self.folder.file("variables.json");
        std::fs::write(&file, json!(variables).to_string()).expect("it can be written");
        outdial(&["doctor", "--variables", &file])
    }

    async fn database(&self) -> Database {
        outdial::tls::install_provider();
        let client = Client::with_uri_str(&self.variables["MONGO_URI"]).await;
        client
            .expect("it runs")
            .database(&self.variables["MONGO_DB"])
    }
}

/// Waits until the schedule has started `dispatch` once.
async fn dispatch_has_run(database: &Database) {
    let dispatcher = doc! { "_id": "dispatcher", "taken_at": { "$exists": true } };
    let counters = database.collection::<Document>("counters");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let runs = counters.count_documents(dispatcher.clone()).await;
        if runs.expect("the database answers") > 0 {
            return;
        }
        assert!(Instant::now() < deadline, "dispatch does not run");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Asserts that no check of this stack fails.
fn assert_passes(local: &str) {
    let stdout = succeed(&mut outdial(&["doctor", local]));
    assert_eq!(
        stdout
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count(),
        stdout.lines().count() - 2,
        "{stdout}"
    );
    let shown = succeed(&mut outdial(&["dialing", "status", local]));
    assert!(shown.starts_with("dialling is on\n"), "{shown}");
    let shown = succeed(&mut outdial(&["indexes", local]));
    assert!(shown.contains("every index is there"), "{shown}");
    assert!(
        lines(&stdout, "secret")[0].starts_with("skipped"),
        "{stdout}"
    );
    assert!(
        lines(&stdout, "Twilio API key")[0].starts_with("skipped"),
        "{stdout}"
    );
}

#[tokio::test]
async fn running_stack_passes_and_each_fault_is_named() {
    let dev = Dev::start();
    let file = dev.variables_file();
    let text = std::fs::read_to_string(&file).expect("dev writes it");
    let mode = std::fs::metadata(&file)
        .expect("dev writes it")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let stack = Stack {
        variables: serde_json::from_str(&text).expect("an object of texts"),
        folder: Folder::new(),
    };
    let database = stack.database().await;
    dispatch_has_run(&database).await;
    let before = everything(&database).await;

    assert_passes(&format!("--local={}", dev.port()));

    for (name, value, failures) in [
        (
            "TWILIO_AUTH_TOKEN",
            "an-old-token",
            &[
                ("Twilio account", "does not accept TWILIO_AUTH_TOKEN"),
                ("webhook voice", "does not accept what"),
                ("webhook status", "does not accept what"),
                ("webhook machine", "does not accept what"),
                ("webhook recording", "does not accept what"),
            ][..],
        ),
        (
            "TWILIO_FROM_NUMBER",
            "+12125550100",
            &[(
                "Twilio number",
                "neither belongs to the account nor is verified",
            )],
        ),
        (
            "MEDIA_SIGNING_KEY",
            "another-key-of-some-length",
            &[("audio", "does not accept what")],
        ),
        (
            "STATUS_URL",
            "http://127.0.0.1:1/twilio/status",
            &[("webhook status", "was not reached")],
        ),
        (
            "RECORDING_URL",
            &format!("{}/health", stack.variables["BASE_URL"]),
            &[("webhook recording", "responded 405")],
        ),
        (
            "FALLBACK_URL",
            &format!("{}/twilio/voice", stack.variables["BASE_URL"]),
            &[("webhook fallback", "responded 403, without words")],
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
        let (stdout, stderr) = fail(&mut stack.but_for(name, value));
        for (what, why) in failures {
            assert_failed(&stdout, what, why);
        }
        for secret in ["TWILIO_AUTH_TOKEN", "MEDIA_SIGNING_KEY"].map(|name| &stack.variables[name])
        {
            assert!(!stdout.contains(secret) && !stderr.contains(secret));
        }
        assert!(
            !stdout.contains("an-old-token") && !stdout.contains("another-key"),
            "{stdout}"
        );
    }
    assert_eq!(
        everything(&database).await,
        before,
        "nothing is left behind"
    );
}
