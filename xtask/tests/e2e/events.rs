//! Every sample event, under the runtime interface emulator, gives the answer that its name promises.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mongodb::bson::{Bson, Document};
use serde_json::Value;
use testkit::Stage;

use crate::{Folder, fail, succeed, xtask};

/// The status that is answered; 0 where the event is no request.
const EXPECTED: [(&str, &str, u16); 25] = [
    ("console", "console", 200),
    ("console", "console-unknown-route", 404),
    ("health", "health", 200),
    ("health", "health-unknown-route", 404),
    ("media", "media", 206),
    ("media", "media-expired", 403),
    ("media", "media-whole", 200),
    ("outbound-calls", "outbound-calls-block", 201),
    ("outbound-calls", "outbound-calls-create", 201),
    ("outbound-calls", "outbound-calls-create-refused", 422),
    ("outbound-calls", "outbound-calls-get", 200),
    ("outbound-calls", "outbound-calls-recording-media", 307),
    ("recording", "recording", 200),
    ("recording", "recording-forged", 403),
    ("reconcile", "reconcile", 0),
    ("replay", "replay", 0),
    ("replay", "replay-unreadable", 0),
    ("status", "status", 200),
    ("status", "status-forged", 403),
    ("users", "users-create", 201),
    ("users", "users-create-refused", 422),
    ("users", "users-list", 200),
    ("users", "users-no-key", 401),
    ("voice", "voice", 200),
    ("voice", "voice-forged", 403),
];

#[test]
fn a_file_that_is_no_event_is_named() {
    let folder = Folder::new();
    let (text, missing) = (folder.file("README.md"), folder.file("missing.json"));
    fs::write(&text, "# outdial\n").expect("it can be written");
    for (arguments, said) in [
        (
            vec![&*text],
            format!(
                "error: {text} must be a JSON event, such as events/users-create.json: it is not JSON (line 1, column 1)"
            ),
        ),
        (
            vec![&missing],
            format!("error: cannot read {missing}, which must be a JSON event"),
        ),
        (
            vec!["events/users-list.json", "--env", &text],
            format!("error: {text} must be a JSON object"),
        ),
        (
            vec!["events/users-list.json", "--seed", &missing],
            format!("error: cannot read {missing}, which must be a JSON object"),
        ),
    ] {
        let (_, stderr) = fail(&mut xtask(&[&["invoke", "users"], &arguments[..]].concat()));
        assert!(stderr.contains(&said), "{said}: {stderr}");
    }
}

#[tokio::test]
async fn events_of_console() {
    invoke_events_of("console").await;
}

#[tokio::test]
async fn events_of_health() {
    invoke_events_of("health").await;
}

#[tokio::test]
async fn events_of_media() {
    invoke_events_of("media").await;
}

#[tokio::test]
async fn events_of_outbound_calls() {
    invoke_events_of("outbound-calls").await;
}

#[tokio::test]
async fn events_of_recording() {
    invoke_events_of("recording").await;
}

#[tokio::test]
async fn the_schedule_looks_at_the_calls_that_are_open() {
    let report = invoke("reconcile", "reconcile").await;
    assert_eq!(report["ends"]["given_up"], 1, "{report:#}");
    assert_eq!(report["stopped_early"], false, "{report:#}");
}

#[tokio::test]
async fn a_batch_from_the_queue_is_applied_but_for_what_cannot_be_read() {
    let answer = invoke("replay", "replay").await;
    assert_eq!(answer, serde_json::json!({ "batchItemFailures": [] }));
    let answer = invoke("replay", "replay-unreadable").await;
    let failed = answer["batchItemFailures"].as_array().expect("a list");
    assert_eq!(failed.len(), 1, "{answer:#}");
    assert_eq!(
        failed[0]["itemIdentifier"],
        "059f36b4-87a3-44ab-83d2-661975000003"
    );
}

#[tokio::test]
async fn events_of_status() {
    invoke_events_of("status").await;
}

#[tokio::test]
async fn events_of_users() {
    invoke_events_of("users").await;
}

#[tokio::test]
async fn events_of_voice() {
    invoke_events_of("voice").await;
}

#[test]
fn without_a_database_of_the_callers_one_with_the_seed_is_started() {
    let answer = read(&succeed(&mut xtask(&[
        "invoke",
        "users",
        "events/users-list.json",
    ])));
    assert_eq!(answer["statusCode"], 200, "{answer:#}");
    let body = answer["body"].as_str().expect("a body");
    assert!(body.contains("Ada Lovelace"), "{body}");
}

async fn invoke_events_of(function: &str) {
    for (_, event, status) in EXPECTED.iter().filter(|(name, _, _)| *name == function) {
        let answer = invoke(function, event).await;
        assert_eq!(answer["statusCode"], *status, "{event}: {answer:#}");
    }
}

/// The answer to one event, from a function whose database holds the seed and is nobody else's.
async fn invoke(function: &str, event: &str) -> Value {
    let stage = Stage::new().await;
    let database = stage.database();
    let seed: Document = serde_json::from_str(&text("seed.json")).expect("JSON");
    for (collection, documents) in seed {
        let Bson::Array(documents) = documents else {
            panic!("{collection} is no list");
        };
        let collection = database.collection(&collection);
        let stored = collection.insert_many(documents).await;
        stored.expect("the database takes the seed");
    }
    let folder = Folder::new();
    let env = folder.file("env.json");
    let variables = text("env.json").replace("outdial_events", database.name());
    fs::write(&env, variables).expect("it can be written");
    let event = format!("events/{event}.json");
    let mut command = xtask(&["invoke", function, &event, "--env", &env]);
    let uri = stage.variable("MONGO_URI").expect("it is set");
    read(&succeed(command.env("MONGO_URI", uri)))
}

fn read(answer: &str) -> Value {
    serde_json::from_str(answer).expect("an answer is JSON")
}

fn events() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn text(file: &str) -> String {
    fs::read_to_string(events().join(file)).expect("it is there")
}

#[test]
fn every_event_is_invoked() {
    let files: BTreeSet<_> = fs::read_dir(events())
        .expect("there are events")
        .filter_map(|file| {
            file.ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".json")
                .map(str::to_owned)
        })
        .filter(|name| name != "env" && name != "seed")
        .collect();
    let invoked: BTreeSet<_> = EXPECTED
        .iter()
        .map(|(_, event, _)| (*event).to_owned())
        .collect();
    assert_eq!(files, invoked);
}
