//! Faults of a file, of the command line and of the service: nothing is dialled.

use mongodb::bson::{DateTime, Document, doc};

use super::service::{Service, many};
use crate::{Folder, fail, outdial};

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_the_service_refuses_are_named_by_line() {
    let service = Service::start().await;
    let blocked = doc! { "number": "+12125550142", "source": "api", "created_at": DateTime::now() };
    let numbers = service
        .stage
        .database()
        .collection::<Document>("blocked_numbers");
    numbers.insert_one(blocked).await.expect("it is stored");
    let csv = "to_number,name\n+14155552671,Ada\n\n+12125550142,Bob\n+79161234567,Eve\n";
    let (stdout, stderr) = fail(&mut service.run(csv, &["--yes"]));
    assert!(stderr.contains("\nline 4: to_number "), "{stderr}");
    assert!(stderr.contains("\nline 5: to_number "), "{stderr}");
    assert!(
        stderr.contains("refuses: 2; the batch was canceled, and nothing is dialled"),
        "{stderr}"
    );
    assert!(
        !stderr.contains("12125550142") && !stdout.contains("12125550142"),
        "{stderr}"
    );
    assert_eq!(service.stage.count("calls").await, 0);
    let batches = service.stage.database().collection::<Document>("batches");
    let batch = batches
        .find_one(doc! {})
        .await
        .expect("the database answers")
        .expect("a batch");
    assert!(
        batch
            .get_str("status")
            .is_ok_and(|status| status.starts_with("cancel")),
        "{batch}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_that_cannot_finish_stays_a_draft() {
    let service = Service::start().await;
    let csv = many(100);
    let soon = chrono::Utc::now() + chrono::TimeDelta::minutes(2);
    let soon = soon.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let options = ["--yes", "--per-second", "0.1", "--expires", &soon];
    let (_, stderr) = fail(&mut service.run(&csv, &options));
    assert!(stderr.contains("(batch_cannot_finish)"), "{stderr}");
    assert!(
        stderr.contains("is not started, so nothing is dialled"),
        "{stderr}"
    );
    assert_eq!(service.stage.count("calls").await, 100);
    assert!(service.twilio.calls().await.is_empty());
}

/// Runs `outdial batch run` with a file and an API that is not reached.
fn run(folder: &Folder, csv: &str, script: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let (people, text) = (folder.file("people.csv"), folder.file("script.txt"));
    std::fs::write(&people, csv).expect("it can be written");
    std::fs::write(&text, script).expect("it can be written");
    let user = "65f0a1b2c3d4e5f601234567";
    let run = [
        "batch",
        "run",
        &people,
        "--user",
        user,
        "--script-file",
        &text,
    ];
    let output = outdial(&[&run, more].concat())
        .env("OUTDIAL_API_URL", "http://127.0.0.1:1")
        .env("OUTDIAL_API_KEY", "test")
        .output()
        .expect("outdial runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn faults_of_the_whole_file_are_named_before_anything_is_sent() {
    let folder = Folder::new();
    let csv = "to_number,name,time_zone\n+12125550123,Ada,\n999-4321,Bob,\n+12125550124,Eve,Nowhere/Else\n";
    let (code, stdout, stderr) = run(&folder, csv, "Hello {{ name }}.", &["--yes"]);
    assert_eq!((code, &*stdout), (Some(1), ""), "{stderr}");
    assert!(stderr.starts_with("line 3: to_number must"), "{stderr}");
    assert!(stderr.contains("\nline 4: time_zone "), "{stderr}");
    assert!(
        stderr.ends_with("people.csv: faults: 2; nothing was sent\n"),
        "{stderr}"
    );
    assert!(
        !stderr.contains("999") && !stderr.contains("Bob"),
        "{stderr}"
    );

    let csv = "to_number,name\n+12125550123,\n+12125550123,Ada\n";
    let (code, _, stderr) = run(&folder, csv, "Hello {{ name }}.", &["--yes"]);
    assert_eq!(code, Some(1));
    let told = "line 2: the row must have name, which the script names\nline 3: to_number repeats that of line 2, with other values\n";
    assert!(stderr.starts_with(told), "{stderr}");

    let (code, _, stderr) = run(
        &folder,
        "to_number\n+12125550123\n",
        "Hello {{ name",
        &["--yes"],
    );
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("script.txt: the script is not a valid template"),
        "{stderr}"
    );
}

#[test]
fn dry_run_needs_no_service() {
    let folder = Folder::new();
    let csv = "to_number,name\n+12125550123,Ada\n+12125550124,Bob\n+12125550123,Ada\n";
    let (code, stdout, stderr) = run(&folder, csv, "Hello {{ name | upper }}.\n", &["--dry-run"]);
    assert_eq!((code, &*stderr), (Some(0), ""), "{stdout}");
    assert_eq!(
        stdout,
        "2 recipients, 1 repeated rows; the first script:\nHello ADA.\n"
    );
}

#[test]
fn script_may_begin_with_a_mark_and_name_columns_in_their_case() {
    let folder = Folder::new();
    let csv = "Phone;First Name;City\n+12125550123;Ada;Rome\n";
    let script = "\u{feff}Hello {{ First_Name }} in {{ City }}.";
    let (code, stdout, stderr) = run(&folder, csv, script, &["--dry-run"]);
    assert_eq!((code, &*stderr), (Some(0), ""), "{stdout}");
    assert!(
        stdout.ends_with("the first script:\nHello Ada in Rome.\n"),
        "{stdout}"
    );
}

#[test]
fn start_needs_a_confirmation() {
    let folder = Folder::new();
    let (code, _, stderr) = run(&folder, "to_number\n+12125550123\n", "Hello.", &[]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("standard input is not a terminal: pass --yes"),
        "{stderr}"
    );
}

#[test]
fn malformed_options_are_usage_errors() {
    let folder = Folder::new();
    for more in [
        &["--at", "2026-12-01T09:00"][..],
        &["--at", "tomorrow"],
        &["--expires", "2026-12-01"],
        &["--per-second", "0"],
        &["--retry", "11"],
        &["--retry-delays", "300"],
        &["--retry", "2", "--retry-on", "never"],
        &["--machine-detection", "yes"],
        &["--local", "--api-url", "https://example.com"],
    ] {
        let (code, _, stderr) = run(&folder, "to_number\n+12125550123\n", "Hello.", more);
        assert_eq!(code, Some(2), "{more:?}: {stderr}");
    }
}

#[test]
fn key_is_sent_to_this_machine_or_over_https_only() {
    let nobody = "6fa459ea-ee8a-4ca4-894e-db77e160355e";
    let status = |url: &str, key: &str| {
        let mut command = outdial(&["batch", "status", nobody]);
        command
            .env("OUTDIAL_API_URL", url)
            .env("OUTDIAL_API_KEY", key);
        fail(&mut command).1
    };
    let stderr = status("http://api.example.com", "hush");
    assert!(
        stderr.contains("must begin with https://") && !stderr.contains("hush"),
        "{stderr}"
    );
    assert!(status("", "hush").contains("no API: pass --api-url"));
    assert!(status("https://api.example.com", "").contains("no API key: set OUTDIAL_API_KEY"));
    let stderr = status("https://api.example.com", "hush hush");
    assert!(
        stderr.contains("one word") && !stderr.contains("hush"),
        "{stderr}"
    );
}
