//! Runs from the file to the summary.

use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};

use super::service::{Service, many};
use crate::streams::closed_pipe;
use crate::{fail, succeed};

/// Special numbers of the simulator: answered, busy, no answer, a machine.
const PEOPLE: &str = "\
external_id,Phone Number,Name
ada,+14155552671,Ada
eve,+14155552671,Eve
bob,+12125550101,Bob
joe,+12125550102,Joe
kim,+12125550104,Kim
";

fn lines_of(stdout: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("a line of JSON");
    stdout.lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn run_calls_each_recipient_once_and_sums_up() {
    let service = Service::start().await;
    let options = [
        "--yes",
        "--output",
        "json",
        "--machine-detection",
        "Enable",
        "--retry",
        "2",
        "--retry-delays",
        "1",
        "--retry-on",
        "busy",
    ];
    let stdout = succeed(&mut service.run(PEOPLE, &options));
    let lines = lines_of(&stdout);
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    let id = first["batch_id"].as_str().expect("an id");
    assert_eq!(
        first,
        &json!({ "event": "created", "batch_id": id, "status": "draft", "recipients": 5, "continued": false })
    );
    assert!(
        lines
            .iter()
            .any(|line| line["event"] == "progress" && line["ended"] == 5),
        "{stdout}"
    );
    let mut summary = last.clone();
    assert!(summary["duration_seconds"].take().is_number());
    assert_eq!(
        summary,
        json!({
            "event": "ended", "batch_id": id, "name": "people.csv", "status": "completed", "recipients": 5,
            "reached": 2, "voicemail": 1, "busy": 1, "no_answer": 1, "failed": 0, "expired": 0, "canceled": 0,
            "unknown": 0, "attempts": 6, "duration_seconds": null,
        })
    );
    assert_eq!(service.twilio.calls().await.len(), 6);

    // The same command finds the same batch.
    let again = lines_of(&succeed(&mut service.run(PEOPLE, &options)));
    assert_eq!(
        (&again[0]["batch_id"], &again[0]["continued"]),
        (&json!(id), &json!(true))
    );
    assert_eq!(again.last(), Some(last));
    assert_eq!(service.twilio.calls().await.len(), 6);
    assert_eq!(service.stage.count("batches").await, 1);

    let shown = succeed(&mut service.batch(&["status", id]));
    assert!(
        shown.contains("completed") && shown.contains("5 of 5 recipients ended"),
        "{shown}"
    );
    let listed = succeed(&mut service.batch(&["list"]));
    assert!(
        listed.starts_with(id) && listed.ends_with("people.csv\n"),
        "{listed}"
    );
    let csv = succeed(&mut service.batch(&["results", id, "--csv"]));
    assert!(
        csv.starts_with("call_id,external_id,to_number,status"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 6, "{csv}");
    let results = lines_of(&succeed(&mut service.batch(&["results", id])));
    let closed = service
        .batch(&["results", id])
        .stdout(closed_pipe())
        .status();
    assert_eq!(closed.expect("outdial runs").code(), Some(141));
    let bob = results
        .iter()
        .find(|result| result["external_id"] == "bob")
        .expect("a result");
    assert_eq!(
        (&bob["status"], &bob["attempts"]),
        (&json!("busy"), &json!(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_file_is_sent_in_several_requests() {
    let service = Service::start().await;
    let csv = many(1_100);
    let stdout = succeed(&mut service.run(
        &csv,
        &[
            "--yes",
            "--detach",
            "--at",
            "2099-01-01T09:00Z",
            "--dry-run",
        ],
    ));
    assert!(
        stdout.starts_with("1100 recipients, 0 repeated rows; the first script:\nHello Ada!"),
        "{stdout}"
    );
    assert_eq!(service.stage.count("batches").await, 0);

    let tomorrow = chrono::Utc::now() + chrono::TimeDelta::days(1);
    let at = tomorrow.format("%Y-%m-%dT%H:%MZ").to_string();
    succeed(&mut service.run(&csv, &["--yes", "--detach", "--at", &at]));
    assert_eq!(service.stage.count("calls").await, 1_100);
    let listed: Value =
        serde_json::from_str(&succeed(&mut service.batch(&["list", "--output", "json"])))
            .expect("JSON");
    assert_eq!(listed[0]["status"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_without_a_user_is_for_the_only_one_and_shows_progress_as_lines() {
    let service = Service::start().await;
    let (people, script) = (
        service.folder.file("people.csv"),
        service.folder.file("script.txt"),
    );
    std::fs::write(&people, "to_number,Name\n+14155552671,Ada\n").expect("it can be written");
    std::fs::write(&script, "Hello {{ Name }}!").expect("it can be written");
    let run = ["run", &people, "--script-file", &script, "--yes"];
    let ran = service.batch(&run).output().expect("outdial runs");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{stderr}");
    assert!(
        stdout.contains("completed: 1 recipients, 1 reached"),
        "{stdout}"
    );
    assert!(
        stderr.contains("\ncompleted: 1 of 1 recipients ended, 1 completed"),
        "{stderr}"
    );
    let id = stdout
        .split_whitespace()
        .nth(1)
        .expect("an id")
        .trim_end_matches(':');
    let shown = succeed(&mut service.batch(&["status", id, "--output", "json"]));
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["user_id"], service.user.as_str());

    service.stage.user().await;
    let (_, stderr) = fail(&mut service.batch(&[&run[..], &["--name", "again"]].concat()));
    assert!(
        stderr.contains("the service has several users: pass --user"),
        "{stderr}"
    );
    let users = service.stage.database().collection::<Document>("users");
    users
        .delete_many(doc! {})
        .await
        .expect("the database answers");
    let (_, stderr) = fail(&mut service.batch(&[&run[..], &["--name", "again"]].concat()));
    assert!(
        stderr.contains("the service has no user: create one"),
        "{stderr}"
    );
    assert_eq!(service.stage.count("batches").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_waits_for_the_places_of_a_request_that_failed() {
    let service = Service::start().await;
    let csv = many(3);
    let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(100);
    let soon = soon.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let options = [
        "--yes",
        "--per-second",
        "0.1",
        "--expires",
        &soon,
        "--name",
        "full",
    ];
    // Thirty seconds of dials do not fit before this time.
    let at = before(&soon);
    let options = [&options[..], &["--at", &at]].concat();
    let (_, stderr) = fail(&mut service.run(&csv, &options));
    assert!(stderr.contains("(batch_cannot_finish)"), "{stderr}");
    let database = service.stage.database();
    let calls = database.collection::<Document>("calls");
    calls
        .delete_many(doc! {})
        .await
        .expect("the database answers");
    let adding = DateTime::from_millis(DateTime::now().timestamp_millis() + 3_000);
    let failed = doc! { "$set": { "reserved": 100_000_i64, "adding_until": adding } };
    let batches = database.collection::<Document>("batches");
    batches
        .update_one(doc! {}, failed)
        .await
        .expect("the database answers");
    let (_, stderr) = fail(&mut service.run(&csv, &options));
    assert!(stderr.contains("(batch_cannot_finish)"), "{stderr}");
    assert_eq!(service.stage.count("calls").await, 3);
}

/// Twenty seconds before this time.
fn before(time: &str) -> String {
    let time: chrono::DateTime<chrono::Utc> = time.parse().expect("a time");
    let before = time - chrono::TimeDelta::seconds(20);
    before.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
