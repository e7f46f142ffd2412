//! Tests that the init phase reads the secret, or fails with one line that says why.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{CREDENTIALS, ENVIRONMENT, holding, run, run_with, secrets_manager};

const ACCOUNT_SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[tokio::test]
async fn secret_takes_precedence_over_the_environment() {
    let secret = json!({
        "MONGO_URI": "mongodb://secret.example/",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": "token-of-the-secret",
        "MONGO_DB": "not a secret variable",
        "NOTE": 7,
    });
    let ended = run_with(&holding(&secret.to_string()).await).await;
    assert_eq!(
        ended.message(),
        format!(
            "account {ACCOUNT_SID} token token-of-the-secret uri mongodb://secret.example/ database environment"
        )
    );
}

#[tokio::test]
async fn members_of_the_secret_are_trimmed_and_inner_blanks_rejected() {
    let with_token = |token: &str| {
        json!({
            "MONGO_URI": " mongodb://secret.example/\n",
            "TWILIO_ACCOUNT_SID": format!("{ACCOUNT_SID}\r\n"),
            "TWILIO_AUTH_TOKEN": token,
        })
        .to_string()
    };
    let ended = run_with(&holding(&with_token("\ttoken ")).await).await;
    assert_eq!(
        ended.message(),
        format!(
            "account {ACCOUNT_SID} token token uri mongodb://secret.example/ database environment"
        )
    );
    let ended = run_with(&holding(&with_token("pa55word\npa55word")).await).await;
    let message = ended.message();
    assert!(
        message.starts_with("TWILIO_AUTH_TOKEN is malformed: it must be one word"),
        "{message}"
    );
    assert!(!message.contains("pa55word"));
}

#[tokio::test]
async fn variables_that_the_aws_client_reads_are_trimmed_too() {
    let secret = json!({ "MONGO_URI": "mongodb://secret.example/", "TWILIO_AUTH_TOKEN": "token" });
    let endpoint = holding(&secret.to_string()).await;
    let padded = format!(" {endpoint}\n");
    let mut variables = [&CREDENTIALS[..], &ENVIRONMENT[..]].concat();
    variables.push(("AWS_ENDPOINT_URL", &padded));
    variables.retain(|(name, _)| *name != "AWS_REGION");
    variables.push(("AWS_REGION", "us-east-1\n"));
    variables.push(("LOG_LEVEL", "INFO\n"));
    let ended = run(&variables).await;
    assert!(ended.message().contains("token token"), "{:?}", ended.lines);
    for (name, value) in [("AWS_REGION", "us east-1"), ("LOG_LEVEL", "IN FO")] {
        let mut variables = variables.clone();
        variables.push((name, value));
        let ended = run(&variables).await;
        let expected = format!("{name} is malformed");
        assert!(ended.message().starts_with(&expected), "{:?}", ended.lines);
    }
}

#[tokio::test]
async fn missing_variable_is_named() {
    let ended = run_with(&holding("{}").await).await;
    assert!(
        ended
            .message()
            .starts_with("TWILIO_AUTH_TOKEN is missing: set it to "),
        "{:?}",
        ended.lines
    );
}

#[tokio::test]
async fn secret_that_is_not_an_object_of_strings_is_malformed() {
    for secret in [
        "pa55word",
        "[\"pa55word\"]",
        "{\"MONGO_URI\": {\"pa55word\": 1}}",
        "",
    ] {
        let ended = run_with(&holding(secret).await).await;
        assert!(ended.message().starts_with(
            "SECRET_ID is malformed: it must be the id of a secret that is one JSON object"
        ));
        assert!(!ended.message().contains("pa55word"));
    }
}

#[tokio::test]
async fn refusal_is_reported_by_its_code() {
    for (status, code) in [
        (400, "ResourceNotFoundException"),
        (400, "AccessDeniedException"),
    ] {
        let answer =
            json!({"__type": code, "message": "arn:aws:iam::123456789012:user/somebody may not"});
        let ended = run_with(&secrets_manager(status, answer).await).await;
        assert_eq!(
            ended.message(),
            format!("SECRET_ID: the secret could not be read: {code}")
        );
    }
}

#[tokio::test]
async fn unreachable_service_fails_the_init_phase_with_one_line() {
    let ended = run_with("http://127.0.0.1:1").await;
    assert!(ended.message().starts_with(
        "SECRET_ID: the secret could not be read: Secrets Manager could not be reached"
    ));
    assert!(
        ended.elapsed < Duration::from_secs(7),
        "{:?}",
        ended.elapsed
    );
}

#[tokio::test]
async fn silent_service_fails_the_init_phase_with_one_line() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let ended = run_with(&endpoint).await;
    assert_eq!(
        ended.message(),
        "SECRET_ID: the secret could not be read: no answer within 5s"
    );
    assert!(
        ended.elapsed < Duration::from_secs(7),
        "{:?}",
        ended.elapsed
    );
}

#[tokio::test]
async fn missing_region_and_credentials_fail_the_init_phase_with_one_line() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metadata = format!("http://{}", silent.local_addr().unwrap());
    let ended = run(&[
        ("SECRET_ID", "outdial/production"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata),
    ])
    .await;
    assert_eq!(
        ended.message(),
        "SECRET_ID: the secret could not be read: no AWS region or credentials: set AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
    );
    assert!(
        ended.elapsed < Duration::from_secs(7),
        "{:?}",
        ended.elapsed
    );
}
