//! Runs from the file to the summary.

use serde_json::{Value, json};

use super::service::{Service, many};
use crate::streams::closed_pipe;
use crate::succeed;

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
