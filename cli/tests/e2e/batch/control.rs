//! Control of a batch while and after `outdial batch run` follows it.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::API_KEY;

use super::service::Service;
use crate::streams::{ends_soon, send_signal};
use crate::{fail, outdial, succeed};

/// One recipient, whose phone rings in a day.
const PEOPLE: &str = "to_number,name\n+14155552671,Ada\n";

fn tomorrow() -> String {
    let tomorrow = chrono::Utc::now() + chrono::TimeDelta::days(1);
    tomorrow.format("%Y-%m-%dT%H:%M+00:00").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_run_leaves_the_batch_running_and_can_be_followed_again() {
    let service = Service::start().await;
    let at = tomorrow();
    let options = ["--yes", "--at", &at, "--output", "json"];
    let mut command = service.run(PEOPLE, &options);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("outdial runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || -> Value {
        let line = stdout.next().expect("a line").expect("text");
        serde_json::from_str(&line).expect("a line of JSON")
    };
    let id = next()["batch_id"].as_str().expect("an id").to_owned();
    assert_eq!(next()["status"], "running");
    send_signal(&child, "INT");
    assert_eq!(ends_soon(&mut child).code(), Some(130));
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().expect("a pipe");
    pipe.read_to_string(&mut stderr).expect("text");
    for words in [
        format!("batch {id} goes on"),
        format!("outdial batch status {id}"),
        format!("outdial batch pause {id}"),
        format!("outdial batch cancel {id}"),
    ] {
        assert!(stderr.contains(&words), "{words}: {stderr}");
    }

    let change = |what: &str| succeed(&mut service.batch(&[what, &id]));
    assert!(change("status").contains("running"));
    assert!(change("pause").contains("paused"));
    assert!(change("pause").contains("paused"));
    assert!(change("resume").contains("running"));
    let canceled = change("cancel");
    assert!(
        canceled.contains("canceled") || canceled.contains("canceling"),
        "{canceled}"
    );
    let (_, stderr) = fail(&mut service.run(PEOPLE, &options));
    assert!(
        stderr.contains("which was canceled") && stderr.contains("--name"),
        "{stderr}"
    );
    assert_eq!(service.stage.count("batches").await, 1);
    assert!(service.twilio.calls().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_is_canceled_meanwhile_fails() {
    let service = Service::start().await;
    let at = tomorrow();
    let mut command = service.run(PEOPLE, &["--yes", "--at", &at, "--output", "json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("outdial runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || -> Option<Value> {
        let line = stdout.next()?.expect("text");
        Some(serde_json::from_str(&line).expect("a line of JSON"))
    };
    let id = next().expect("a line")["batch_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(next().expect("a line")["status"], "running");
    succeed(&mut service.batch(&["cancel", &id]));
    let last = std::iter::from_fn(next).last().expect("a line");
    assert_eq!(
        (&last["event"], &last["canceled"]),
        (&"ended".into(), &1.into())
    );
    assert_eq!(child.wait().expect("a child").code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_options_for_the_same_file_are_refused() {
    let service = Service::start().await;
    let at = tomorrow();
    succeed(&mut service.run(PEOPLE, &["--yes", "--detach", "--at", &at]));
    let (_, stderr) =
        fail(&mut service.run(PEOPLE, &["--yes", "--detach", "--at", &at, "--record"]));
    assert!(stderr.contains("pass another --name"), "{stderr}");
    succeed(&mut service.run(
        PEOPLE,
        &[
            "--yes", "--detach", "--at", &at, "--record", "--name", "again",
        ],
    ));
    assert_eq!(service.stage.count("batches").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn local_stack_provides_its_address_and_key() {
    let service = Service::start().await;
    let (_, port) = service.url.rsplit_once(':').expect("a port");
    std::fs::create_dir(service.folder.file("outdial")).expect("a folder can be made");
    let file = service.folder.file(&format!("outdial/dev-{port}.json"));
    let variables = json!({ "OUTDIAL_API_KEY": API_KEY, "MONGO_DB": "outdial_dev" });
    std::fs::write(file, variables.to_string()).expect("it can be written");
    let local = format!("--local={port}");
    let mut command = outdial(&["batch", "list", &local]);
    let command = command
        .env("XDG_STATE_HOME", service.folder.file(""))
        .env_remove("OUTDIAL_API_KEY");
    assert_eq!(succeed(command), "no batches\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_batch_is_reported() {
    let service = Service::start().await;
    let nobody = "6fa459ea-ee8a-4ca4-894e-db77e160355e";
    for what in ["status", "pause", "resume", "cancel", "results"] {
        let (stdout, stderr) = fail(&mut service.batch(&[what, nobody]));
        assert!(
            stderr.contains("not_found") && stdout.is_empty(),
            "{what}: {stderr}"
        );
    }
}
