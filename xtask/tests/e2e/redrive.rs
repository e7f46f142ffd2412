//! Dead letters go back into the queue.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::types::QueueAttributeName;
use outdial::aws::Transport;
use serde_json::json;
use testkit::Queue;

use crate::{Folder, fail, succeed, xtask};

fn redrive(from: &Queue, to: &Queue, more: &[&str]) -> String {
    let endpoint = std::env::var("OUTDIAL_TEST_SQS_ENDPOINT").expect("`cargo xtask test` sets it");
    let arguments = [&["redrive", "--from", from.url(), "--to", to.url()], more].concat();
    succeed(
        xtask(&arguments)
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "tests")
            .env("AWS_SECRET_ACCESS_KEY", "tests"),
    )
}

#[tokio::test]
async fn dead_letters_are_shown_and_then_moved() {
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

    // What is shown there is hidden for a minute: another queue is moved.
    let shown = redrive(&dead, &queue, &["--dry-run"]);
    assert!(shown.contains("3 dead letters"), "{shown}");
    assert!(
        shown.contains("Status of 6ba7b810-9dad-41d1-80b4-00c04fd430c8, received 2026-11-22"),
        "{shown}"
    );
    assert!(
        shown.contains("Undelivered of a call, received 1970-01-01"),
        "{shown}"
    );
    assert!(shown.contains("not a webhook of ours"), "{shown}");
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
async fn a_stacks_variables_name_the_queue_and_aws_the_one_with_its_dead_letters() {
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
    let output = xtask(&["redrive", "--variables", &file])
        .env(
            "WEBHOOK_DEAD_LETTERS_URL",
            "http://127.0.0.1:1/of-another-stack",
        )
        .output()
        .expect("xtask runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let line = format!(
        "queue {}, dead letters {}; stack: {file}\n",
        queue.url(),
        dead.url()
    );
    assert_eq!(said, line);
    assert_eq!(queue.messages().await, [json!("a letter")]);
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
fn a_queue_that_is_not_named_is_asked_for() {
    let output = xtask(&["redrive"]).env_remove("WEBHOOK_QUEUE_URL").output();
    let output = output.expect("xtask runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no queue: name it with --to"), "{said}");
}

#[test]
fn a_queue_that_cannot_be_reached_is_named() {
    let output = xtask(&[
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
    .expect("xtask runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("error: cannot look into http://127.0.0.1:1/1/dead"),
        "{said}"
    );
}

#[test]
fn missing_region_and_credentials_are_named_by_their_variables() {
    let redrive = |more: &[(&str, &str)]| {
        let mut command = xtask(&["redrive", "--to", "http://127.0.0.1:1/1/q", "--dry-run"]);
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
        let (_, said) = fail(command.envs(more.iter().copied()));
        assert!(!said.contains("IMDS"), "{said}");
        said
    };
    let said = redrive(&[]);
    assert!(said.contains("no AWS region: set AWS_REGION"), "{said}");
    let region = ("AWS_REGION", "us-east-1");
    for profile in ["", "nobody"] {
        let said = redrive(&[region, ("AWS_PROFILE", profile)]);
        let wanted = "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn credentials_of_a_profile_are_used() {
    let folder = Folder::new();
    let (profiles, keys) = (folder.file("config"), folder.file("credentials"));
    std::fs::write(&profiles, "[profile ops]\nregion = us-east-1\n").expect("it can be written");
    let secret = "[ops]\naws_access_key_id = tests\naws_secret_access_key = tests\n";
    std::fs::write(&keys, secret).expect("it can be written");
    let mut command = xtask(&[
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
    let (_, said) = fail(&mut command);
    assert!(
        said.contains("error: cannot look into http://127.0.0.1:1/1/dead"),
        "{said}"
    );
}
