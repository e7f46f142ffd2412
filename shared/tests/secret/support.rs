//! Runs the test binary as a function, and a Secrets Manager for it.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, routing::post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};

use crate::ROLE;

pub struct Ended {
    /// The log lines, which are JSON.
    pub lines: Vec<Value>,
    pub elapsed: Duration,
}

impl Ended {
    /// Returns the message of the only error line. The SDK may log warnings before it.
    pub fn message(&self) -> &str {
        let errors: Vec<_> = self
            .lines
            .iter()
            .filter(|line| line["level"] == "ERROR")
            .collect();
        assert_eq!(errors.len(), 1, "{:?}", self.lines);
        errors[0]["message"].as_str().unwrap()
    }
}

/// Runs the function with only these variables.
pub async fn run(variables: &[(&str, &str)]) -> Ended {
    run_as("function", "function", variables).await
}

pub async fn run_as(test: &str, role: &str, variables: &[(&str, &str)]) -> Ended {
    let begun = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .env(ROLE, role)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(30), output)
        .await
        .expect("the process ends in time")
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.find('{').map(|at| &line[at..]));
    Ended {
        lines: lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect(),
        elapsed: begun.elapsed(),
    }
}

pub const CREDENTIALS: [(&str, &str); 4] = [
    ("SECRET_ID", "outdial/production"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret-of-the-key"),
];

pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("ENVIRONMENT", "development"),
    ("MONGO_URI", "mongodb://environment.example/"),
    ("MONGO_DB", "environment"),
    ("TWILIO_ACCOUNT_SID", "ACeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"),
];

pub async fn run_with(endpoint: &str) -> Ended {
    let mut variables = [&CREDENTIALS[..], &ENVIRONMENT[..]].concat();
    variables.push(("AWS_ENDPOINT_URL", endpoint));
    run(&variables).await
}

/// Starts a Secrets Manager that sends this response and ignores the signature. Returns its endpoint.
pub async fn secrets_manager(status: u16, answer: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serve = move |headers: HeaderMap, body: Bytes| async move {
        assert_eq!(headers["x-amz-target"], "secretsmanager.GetSecretValue");
        assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
        assert!(
            headers["authorization"]
                .to_str()
                .unwrap()
                .starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/")
        );
        let request: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(request, json!({"SecretId": "outdial/production"}));
        (
            StatusCode::from_u16(status).unwrap(),
            [("content-type", "application/x-amz-json-1.1")],
            answer.to_string(),
        )
    };
    let router = Router::new().route("/", post(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

pub async fn holding(secret: &str) -> String {
    let answer = json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:outdial/production-AbCdEf",
        "Name": "outdial/production",
        "VersionId": "EXAMPLE1-90ab-cdef-fedc-ba987SECRET1",
        "SecretString": secret,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1_523_477_145.713,
    });
    secrets_manager(200, answer).await
}
