//! Tests `outdial redrive`: dead letters go back to the queue.

use std::process::Command;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::types::QueueAttributeName;
use outdial::aws::Transport;
use serde_json::json;
use testkit::Queue;

use crate::{Folder, fail, outdial, succeed};

/// `outdial …` with the variables of the tests' server of queues.
fn on_server(arguments: &[&str]) -> Command {
    let endpoint = std::env::var("OUTDIAL_TEST_SQS_ENDPOINT").expect("`cargo xtask test` sets it");
    let mut command = outdial(arguments);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "tests")
        .env("AWS_SECRET_ACCESS_KEY", "tests");
    command
}

fn redrive(from: &Queue, to: &Queue, more: &[&str]) -> String {
    let arguments = [&["redrive", "--from", from.url(), "--to", to.url()], more].concat();
    succeed(&mut on_server(&arguments))
}

#[tokio::test]
async fn dry_run_shows_dead_letters_and_redrive_moves_them() {
    let (dead, queue) = (Queue::new().await, Queue::new().await);
    let letter = json!({
        "topic": "status",
        "call_id": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
        "form": "CallSid=CA00000000000000000000000000000001&CallStatus=completed&To=%2B12125550123",
        "received_at": 1_795_381_200_000_i64,
        "request_id": "r",
    });
    dead.put(&letter.to_string()).await;
    let apology =
        json!({ "topic": "undelivered", "form": "", "received_at": 0, "request_id": "r" });
    dead.put(&apology.to_string()).await;
    dead.put("somebody else's").await;

    // SQS hides the letters shown for a minute, so the next part uses another queue.
    let shown = redrive(&dead, &queue, &["--dry-run"]);
    assert!(shown.contains("3 dead letters"), "{shown}");
    assert!(
        shown.contains("status of 6ba7b810-9dad-41d1-80b4-00c04fd430c8, received 2026-11-22"),
        "{shown}"
    );
    assert!(
        shown.contains("undelivered of a call, received 1970-01-01"),
        "{shown}"
    );
    assert!(shown.contains("not a webhook from outdial"), "{shown}");
    assert!(!shown.contains("2125550123"), "{shown}");
    assert!(queue.messages().await.is_empty());

    let dead = Queue::new().await;
    dead.put(&letter.to_string()).await;
    let moved = redrive(&dead, &queue, &[]);
    assert!(
        moved.contains("1 moved back into the queue, 0 left"),
        "{moved}"
    );
    assert_eq!(queue.messages().await, [letter]);
    assert!(dead.messages().await.is_empty());
}

#[tokio::test]
async fn variables_name_the_queue_and_its_redrive_policy_the_dead_letters() {
    let (dead, queue, folder) = (Queue::new().await, Queue::new().await, Folder::new());
    let endpoint = std::env::var("OUTDIAL_TEST_SQS_ENDPOINT").expect("`cargo xtask test` sets it");
    let client = client(&endpoint).await;
    let name = QueueAttributeName::QueueArn;
    let found = client.get_queue_attributes().queue_url(dead.url());
    let found = found.attribute_names(name.clone()).send().await;
    let found = found.expect("there is such a queue").attributes;
    let arn = found.expect("attributes").remove(&name).expect("an ARN");
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 3 }).to_string();
    let change = client.set_queue_attributes().queue_url(queue.url());
    let change = change.attributes(QueueAttributeName::RedrivePolicy, policy);
    change.send().await.expect("the server takes a policy");
    dead.put("a letter").await;

    let file = folder.file("variables.json");
    let variables = json!({
        "WEBHOOK_QUEUE_URL": queue.url(), "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests",
    });
    std::fs::write(&file, variables.to_string()).expect("it can be written");
    let output = outdial(&["redrive", "--variables", &file])
        .env(
            "WEBHOOK_DEAD_LETTERS_URL",
            "http://127.0.0.1:1/of-another-stack",
        )
        .output()
        .expect("outdial runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let line = format!(
        "queue {}, dead letters {}; stack: {file}\n",
        queue.url(),
        dead.url()
    );
    assert_eq!(stderr, line);
    assert_eq!(queue.messages().await, [json!("a letter")]);
}

#[tokio::test]
async fn failure_counts_the_letters_moved_before_it() {
    let (dead, queue) = (Queue::new().await, Queue::new().await);
    dead.put("a letter").await;
    let nowhere = format!("{}-nowhere", queue.url());
    let mut command = on_server(&["redrive", "--from", dead.url(), "--to", &nowhere]);
    let (stdout, stderr) = fail(&mut command);
    assert!(stdout.starts_with("1 dead letters\n"), "{stdout}");
    assert!(
        stdout.ends_with("\n0 moved back into the queue\n"),
        "{stdout}"
    );
    assert!(stderr.contains("error: cannot send to"), "{stderr}");
}

async fn client(endpoint: &str) -> Client {
    let credentials = Credentials::new("tests", "tests", None, None, "tests");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(Transport::new().expect("TLS"))
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials);
    Client::new(&config.load().await)
}

#[test]
fn missing_queue_is_reported() {
    let output = outdial(&["redrive"])
        .env_remove("WEBHOOK_QUEUE_URL")
        .output();
    let output = output.expect("outdial runs");
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("no queue: pass --to"), "{stderr}");
}

#[test]
fn unreachable_queue_is_named() {
    let output = outdial(&[
        "redrive",
        "--from",
        "http://127.0.0.1:1/1/dead",
        "--to",
        "http://127.0.0.1:1/1/q",
    ])
    .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    .env("AWS_REGION", "us-east-1")
    .env("AWS_ACCESS_KEY_ID", "tests")
    .env("AWS_SECRET_ACCESS_KEY", "tests")
    .output()
    .expect("outdial runs");
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("error: cannot look into http://127.0.0.1:1/1/dead"),
        "{stderr}"
    );
}

#[test]
fn missing_region_and_credentials_are_named_by_their_variables() {
    let redrive = |more: &[(&str, &str)]| {
        let mut command = outdial(&["redrive", "--to", "http://127.0.0.1:1/1/q", "--dry-run"]);
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
        let (_, stderr) = fail(command.envs(more.iter().copied()));
        assert!(!stderr.contains("IMDS"), "{stderr}");
        stderr
    };
    let stderr = redrive(&[]);
    assert!(stderr.contains("no AWS region: set AWS_REGION"), "{stderr}");
    let region = ("AWS_REGION", "us-east-1");
    for profile in ["", "nobody"] {
        let stderr = redrive(&[region, ("AWS_PROFILE", profile)]);
        let wanted = "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        assert!(stderr.contains(wanted), "{stderr}");
    }
}

#[test]
fn profile_provides_the_credentials() {
    let folder = Folder::new();
    let (profiles, keys) = (folder.file("config"), folder.file("credentials"));
    std::fs::write(&profiles, "[profile ops]\nregion = us-east-1\n").expect("it can be written");
    let secret = "[ops]\naws_access_key_id = tests\naws_secret_access_key = tests\n";
    std::fs::write(&keys, secret).expect("it can be written");
    let mut command = outdial(&[
        "redrive",
        "--from",
        "http://127.0.0.1:1/1/dead",
        "--to",
        "http://127.0.0.1:1/1/q",
    ]);
    command
        .env_clear()
        .env("AWS_CONFIG_FILE", profiles)
        .env("AWS_SHARED_CREDENTIALS_FILE", keys)
        .env("AWS_PROFILE", "ops")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let (_, stderr) = fail(&mut command);
    assert!(
        stderr.contains("error: cannot look into http://127.0.0.1:1/1/dead"),
        "{stderr}"
    );
}
