//! Each sample event gets the response that its name promises, under AWS's runtime interface emulator.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mongodb::bson::{Bson, Document};
use serde_json::Value;
use testkit::Stage;

use crate::folder::Folder;
use crate::{fail, succeed, xtask};

#[test]
fn invalid_file_is_named() {
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
async fn schedule_reconciles_open_calls() {
    let report = invoke("reconcile", "reconcile").await;
    assert_eq!(report["ends"]["given_up"], 1, "{report:#}");
    assert_eq!(report["stopped_early"], false, "{report:#}");
}

#[tokio::test]
async fn replay_applies_a_batch_except_unreadable_messages() {
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
async fn functions_of_the_dial_queue_report_only_unreadable_messages() {
    for (function, readable) in [("dial", "05"), ("effects", "07")] {
        let answer = invoke(function, function).await;
        assert_eq!(answer, serde_json::json!({ "batchItemFailures": [] }));
        let answer = invoke(function, &format!("{function}-unreadable")).await;
        let failed = answer["batchItemFailures"].as_array().expect("a list");
        assert_eq!(failed.len(), 1, "{answer:#}");
        let id = failed[0]["itemIdentifier"].as_str().expect("an id");
        assert!(!id.ends_with(readable), "{answer:#}");
    }
    let answer = invoke("effects", "effects-sweep").await;
    assert_eq!(answer, serde_json::json!({ "batchItemFailures": [] }));
}

#[tokio::test]
async fn dispatch_claims_nothing_when_nothing_is_due() {
    for event in ["dispatch", "dispatch-wake"] {
        let report = invoke("dispatch", event).await;
        assert_eq!(report["claimed"], 0, "{report:#}");
    }
}

#[test]
fn invoke_without_a_database_starts_one_with_the_seed() {
    let answer = read(&succeed(&mut xtask(&[
        "invoke",
        "users",
        "events/users-list.json",
    ])));
    assert_eq!(answer["statusCode"], 200, "{answer:#}");
    let body = answer["body"].as_str().expect("a body");
    assert!(body.contains("Ada Lovelace"), "{body}");
}

/// A row of the table in `events/README.md`.
struct Expected {
    /// The event's file, without its ending.
    event: String,
    /// The function, by its logical id in the template.
    function: String,
    /// The response's status. `None` if the event is not a request.
    status: Option<u16>,
}

/// The table of events in `events/README.md`.
fn expected() -> Vec<Expected> {
    let readme = text("README.md");
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, file, function, _, response, _] = cells[..] else {
            return None;
        };
        let digits = response.split(|c: char| !c.is_ascii_digit()).next();
        Some(Expected {
            event: file.strip_prefix('`')?.strip_suffix(".json`")?.to_owned(),
            function: function.to_owned(),
            status: digits.and_then(|digits| digits.parse().ok()),
        })
    });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_gets_the_status_in_the_table() {
    let requests = expected().into_iter().filter_map(|row| {
        let status = row.status?;
        Some(tokio::spawn(async move {
            let answer = invoke(&row.function, &row.event).await;
            assert_eq!(answer["statusCode"], status, "{}: {answer:#}", row.event);
        }))
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.expect("the event gets its status");
    }
}

/// The result of one event, from a function with a database of its own that contains the seed.
async fn invoke(function: &str, event: &str) -> Value {
    let stage = Stage::new().await;
    let database = stage.database();
    let seed: Document = serde_json::from_str(&text("seed.json")).expect("JSON");
    for (collection, documents) in seed {
        let Bson::Array(documents) = documents else {
            panic!("{collection} is not a list");
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
fn table_names_every_event_file() {
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
    let named: BTreeSet<_> = expected().into_iter().map(|row| row.event).collect();
    assert_eq!(files, named);
}
