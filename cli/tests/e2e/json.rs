//! `--output json`: one document with stable field names on standard output, notes on standard error.

use std::process::Command;

use mongodb::bson::doc;
use outdial::domain::CallStatus;
use serde_json::{Value, json};
use testkit::{Queue, Stage};

use crate::{Folder, fail, outdial, outdial_on, succeed};

fn document(stdout: &str) -> Value {
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    serde_json::from_str(stdout).expect("a JSON document")
}

fn json_on(stage: &Stage, arguments: &[&str]) -> Command {
    outdial_on(stage, &[arguments, &["--output", "json"]].concat())
}

fn remove(value: &mut Value, field: &str) -> Value {
    let object = value.as_object_mut().expect("an object");
    object.remove(field).expect("the field")
}

fn fields(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_lists_its_checks() {
    let stage = Stage::with_twilio().await;
    let (stdout, _) = fail(&mut json_on(&stage, &["doctor"]));
    let report = document(&stdout);
    let checks = report["checks"].as_array().expect("a list");
    let status = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name);
        let check = check.unwrap_or_else(|| panic!("no {name}: {report}"));
        assert_eq!(fields(check), ["advice", "detail", "name", "status"]);
        assert_eq!(check["advice"].is_string(), check["status"] == "failed");
        check["status"].clone()
    };
    assert_eq!(status("secret"), "skipped");
    assert_eq!(status("database"), "ok");
    assert_eq!(status("webhook voice"), "failed");
    let failed = checks.iter().filter(|check| check["status"] == "failed");
    assert_eq!(report["failed"], failed.count());
}

#[test]
fn key_has_its_entry() {
    let key = document(&succeed(&mut outdial(&[
        "--output",
        "json",
        "key",
        "backend",
        "--scope",
        "users:read",
    ])));
    assert_eq!(fields(&key), ["entry", "key", "name"]);
    assert_eq!(key["name"], "backend");
    let entry = key["entry"].as_str().expect("a text");
    assert!(
        entry.starts_with("backend:") && entry.ends_with(":users:read"),
        "{entry}"
    );
}

#[tokio::test]
async fn import_and_export_count_their_lines() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let file = folder.file("users.csv");
    let text =
        "name,email,phone_number\nAda,ada@example.com,+12125550123\n,,\nBob,bob,+12125550124\n";
    std::fs::write(&file, text).expect("it can be written");
    let (stdout, _) = fail(&mut json_on(&stage, &["import", &file]));
    assert_eq!(
        document(&stdout),
        json!({ "dry_run": false, "lines": 3, "created": 1, "already_stored": 0, "refused": 1, "blank": 1 })
    );
    let backup = folder.file("backup");
    let stdout = succeed(&mut json_on(&stage, &["export", "--folder", &backup]));
    let file = |name: &str| format!("{backup}/{name}.jsonl");
    let written = |name: &str, lines: u64| json!({ "collection": name, "file": file(name), "lines": lines, "unreadable": 0 });
    assert_eq!(
        document(&stdout),
        json!([
            written("users", 1),
            written("calls", 0),
            written("recordings", 0),
            written("transcripts", 0)
        ])
    );
    let line = document(&succeed(&mut json_on(&stage, &["export", "users"])));
    assert_eq!(line["email"], "ada@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn erase_reports_its_findings_and_deletions() {
    let stage = Stage::with_twilio().await;
    let user = stage.user().await;
    stage
        .call(|call| {
            call.user_id.clone_from(&user);
            call.status = CallStatus::Failed;
            call.twilio_sid = None;
        })
        .await;
    let erase = |more: &[&str]| {
        document(&succeed(&mut json_on(
            &stage,
            &[&["erase", &user], more].concat(),
        )))
    };
    let outcome = |result: &str, calls: u64, left: u64| json!({ "user_id": user, "result": result, "calls": calls, "recordings": 0, "calls_left": left, "batches": 0 });
    assert_eq!(erase(&["--dry-run"]), outcome("dry_run", 1, 1));
    assert_eq!(erase(&["--yes"]), outcome("erased", 1, 0));
    assert_eq!(erase(&["--yes"]), outcome("not_found", 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn dialing_shows_the_switch_and_the_canceled_calls() {
    let stage = Stage::with_twilio().await;
    stage.user().await;
    let off = ["dialing", "off", "--by", "ada", "--reason", "a stolen key"];
    let mut switch = document(&succeed(&mut json_on(&stage, &off)));
    assert_eq!(
        fields(&switch),
        ["by", "leases_ended", "on", "reason", "since"]
    );
    assert_eq!(remove(&mut switch, "leases_ended"), 0);
    assert_eq!(
        (&switch["on"], &switch["by"], &switch["reason"]),
        (&json!(false), &json!("ada"), &json!("a stolen key"))
    );
    let mut shown = document(&succeed(&mut json_on(&stage, &["dialing", "status"])));
    assert_eq!(remove(&mut shown, "queue")["waiting"], 0);
    assert_eq!(shown, switch);
    let canceled = succeed(&mut json_on(&stage, &["dialing", "off", "--cancel-queued"]));
    assert_eq!(
        document(&canceled)["canceled"],
        json!({ "ended": 0, "answered": 0, "over": 0, "requested": 0, "failed": 0, "in_progress": 0 })
    );
}

#[tokio::test]
async fn indexes_says_whether_they_are_complete() {
    let stage = Stage::new().await;
    let outcome = document(&succeed(&mut json_on(&stage, &["indexes"])));
    assert_eq!(fields(&outcome), ["complete", "lines"]);
    assert_eq!(outcome["complete"], true);
    let users = stage.database().collection("users");
    let twice = doc! { "email": "ada@example.com", "email_lower": "ada@example.com", "phone_number": "+12125550123" };
    users.drop_indexes().await.expect("they go");
    users
        .insert_many([twice.clone(), twice])
        .await
        .expect("they are stored");
    let (stdout, _) = fail(&mut json_on(&stage, &["indexes"]));
    assert_eq!(document(&stdout)["complete"], false);
}

#[tokio::test]
async fn redrive_lists_the_letters() {
    let (dead, queue) = (Queue::new().await, Queue::new().await);
    let endpoint = std::env::var("OUTDIAL_TEST_SQS_ENDPOINT").expect("`cargo xtask test` sets it");
    let letter = json!({ "topic": "status", "call_id": "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "form": "", "received_at": 0, "request_id": "r" });
    dead.put(&letter.to_string()).await;
    let arguments = [
        "redrive",
        "--from",
        dead.url(),
        "--to",
        queue.url(),
        "--output",
        "json",
    ];
    let stdout = succeed(
        outdial(&arguments)
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "tests")
            .env("AWS_SECRET_ACCESS_KEY", "tests"),
    );
    let mut outcome = document(&stdout);
    let id = outcome["letters"][0]["message_id"].take();
    assert!(id.is_string());
    assert_eq!(
        outcome,
        json!({
            "dry_run": false, "dead_letters": 1, "moved": 1, "left": 0,
            "letters": [{
                "message_id": null, "topic": "status", "call_id": letter["call_id"], "received_at": "1970-01-01T00:00:00.000Z",
            }],
        })
    );
}
