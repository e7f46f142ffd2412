//! The secret of `SECRET_ID`, read in the init phase of a real process, and again when it may have changed: this test runs
//! itself again, as a function whose only work is to say what it was configured with, or to doubt it.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, routing::post};
use http::{HeaderMap, StatusCode};
use outdial::{
    config::Settings,
    secret::{RefreshPolicy, RefreshReason},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};

/// Set in the process that is the function.
const ROLE: &str = "OUTDIAL_TEST_ROLE";

const ACCOUNT_SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What the function's process does; in the test's own process, nothing.
#[tokio::test]
async fn function() {
    if std::env::var(ROLE).as_deref() != Ok("function") {
        return;
    }
    let _ = outdial::boot::run("function", |settings: Settings| async move {
        let twilio = settings.twilio()?;
        let mongo = settings.mongo()?;
        let token = twilio.auth_tokens[0].expose_secret();
        Err(format!(
            "account {} token {token} uri {} database {}",
            twilio.account_sid,
            mongo.uri.expose_secret(),
            mongo.database
        )
        .into())
    })
    .await;
}

/// What the process does that doubts the tokens that it was configured with. Each line that it says is a doubt of
/// [`ROUNDS`], and what was renewed.
#[tokio::test]
async fn doubter() {
    let zero = Duration::ZERO;
    let (pauses, doubts) = match std::env::var(ROLE).as_deref() {
        Ok("stranger") => (RefreshPolicy::default(), &[RefreshReason::Unknown][..]),
        Ok("everybody") => (
            RefreshPolicy::default(),
            &[RefreshReason::Unknown, RefreshReason::Refused][..],
        ),
        Ok("impatient") => (
            RefreshPolicy {
                max_age: zero,
                after_failure: zero,
                unknown: zero,
                refused: zero,
            },
            &[RefreshReason::Unknown, RefreshReason::Refused][..],
        ),
        _ => return,
    };
    outdial::tls::install_provider();
    let variables = std::env::vars().map(|(name, value)| (name, value.into()));
    let settings = Settings::with_secret(variables.collect(), pauses)
        .await
        .unwrap();
    let tokens = settings.reloadable(Settings::webhook_tokens).unwrap();
    for _ in 0..ROUNDS {
        settings.secret().unwrap().keep_fresh().await;
        for doubt in doubts {
            let seen = tokens.current();
            let renewed = tokens.renewed(&seen, *doubt).await;
            let token = renewed.as_ref().map(|tokens| tokens[0].expose_secret());
            println!("{}", json!({ "level": "DOUBT", "renewed": token }));
        }
    }
}

const ROUNDS: usize = 20;

struct Ended {
    /// The log lines, which are JSON.
    lines: Vec<Value>,
    elapsed: Duration,
}

impl Ended {
    /// The message of the one line that is an error; the SDK may have warned before it.
    fn message(&self) -> &str {
        let errors: Vec<_> = self
            .lines
            .iter()
            .filter(|line| line["level"] == "ERROR")
            .collect();
        assert_eq!(errors.len(), 1, "{:?}", self.lines);
        errors[0]["message"].as_str().unwrap()
    }
}

/// Runs the function with these variables alone.
async fn run(variables: &[(&str, &str)]) -> Ended {
    run_as("function", "function", variables).await
}

async fn run_as(test: &str, role: &str, variables: &[(&str, &str)]) -> Ended {
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
        .expect("it ends")
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

const CREDENTIALS: [(&str, &str); 4] = [
    ("SECRET_ID", "outdial/production"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret-of-the-key"),
];

const ENVIRONMENT: [(&str, &str); 4] = [
    ("ENVIRONMENT", "development"),
    ("MONGO_URI", "mongodb://environment.example/"),
    ("MONGO_DB", "environment"),
    ("TWILIO_ACCOUNT_SID", "ACeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"),
];

async fn run_with(endpoint: &str) -> Ended {
    let mut variables = [&CREDENTIALS[..], &ENVIRONMENT[..]].concat();
    variables.push(("AWS_ENDPOINT_URL", endpoint));
    run(&variables).await
}

/// A Secrets Manager that answers so, whatever the request's signature.
async fn secrets_manager(status: u16, answer: Value) -> String {
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

async fn holding(secret: &str) -> String {
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

#[tokio::test]
async fn the_secret_wins_over_the_environment() {
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
async fn a_member_of_the_secret_is_trimmed_and_a_blank_inside_is_refused_by_name() {
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
async fn what_the_secret_lacks_is_named_as_ever() {
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
async fn a_secret_that_is_no_object_of_texts_is_malformed() {
    for secret in [
        "pa55word",
        "[\"pa55word\"]",
        "{\"MONGO_URI\": {\"pa55word\": 1}}",
        "",
    ] {
        let ended = run_with(&holding(secret).await).await;
        assert!(
            ended
                .message()
                .starts_with("SECRET_ID is malformed: it must be a secret that is one JSON object")
        );
        assert!(!ended.message().contains("pa55word"));
    }
}

#[tokio::test]
async fn a_refusal_is_told_by_its_code() {
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
async fn a_service_that_is_away_ends_the_init_phase_with_one_line() {
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
async fn a_service_that_is_silent_ends_the_init_phase_with_one_line() {
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
async fn without_region_and_credentials_one_line_says_so_in_time() {
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

/// A Secrets Manager that is asked for one secret after the other, and then always for the last one; and how often it
/// was asked.
async fn holding_in_turn(secrets: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let serve = async move || {
        let turn = count.fetch_add(1, Ordering::Relaxed);
        let secret = secrets.get(turn).or(secrets.last());
        let media = [("content-type", "application/x-amz-json-1.1")];
        (media, json!({ "SecretString": secret }).to_string())
    };
    let router = Router::new().route("/", post(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (endpoint, asked)
}

/// What each doubt has renewed.
async fn doubt(who: &str, endpoint: &str) -> (Ended, Vec<Value>) {
    let mut variables = CREDENTIALS.to_vec();
    variables.push(("AWS_ENDPOINT_URL", endpoint));
    let ended = run_as("doubter", who, &variables).await;
    let doubts = ended.lines.iter().filter(|line| line["level"] == "DOUBT");
    let renewed: Vec<_> = doubts.map(|line| line["renewed"].clone()).collect();
    assert!(renewed.len() >= ROUNDS, "{:?}", ended.lines);
    (ended, renewed)
}

const ONE: &str = r#"{"TWILIO_AUTH_TOKEN": "one"}"#;
const TWO: &str = r#"{"TWILIO_AUTH_TOKEN": "two"}"#;

#[tokio::test]
async fn doubts_in_a_row_have_the_secret_read_once_for_each_kind() {
    let (endpoint, asked) = holding_in_turn(&[ONE]).await;
    let (_, renewed) = doubt("everybody", &endpoint).await;
    assert!(renewed.iter().all(Value::is_null), "{renewed:?}");
    // The init phase, the first stranger, the first refusal, and one more for each second that this took.
    let asked = asked.load(Ordering::Relaxed);
    assert!((3..6).contains(&asked), "{asked}");
}

#[tokio::test]
async fn what_the_secret_tells_by_now_is_renewed_at_the_first_doubt() {
    let (endpoint, _) = holding_in_turn(&[ONE, TWO]).await;
    let (_, renewed) = doubt("everybody", &endpoint).await;
    assert_eq!(renewed[0], "two");
    assert!(renewed[1..].iter().all(Value::is_null), "{renewed:?}");
}

#[tokio::test]
async fn a_reading_that_fails_or_is_malformed_changes_nothing() {
    let (endpoint, asked) =
        holding_in_turn(&[ONE, "{", "[]", "", r#"{"API_KEYS": ""}"#, TWO]).await;
    let (_, renewed) = doubt("impatient", &endpoint).await;
    let first = renewed.iter().position(|token| !token.is_null());
    let token = first.map(|first| &renewed[first]);
    assert_eq!(token, Some(&json!("two")), "{renewed:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1 + 3 * ROUNDS);
}

#[tokio::test]
async fn a_service_that_goes_silent_holds_strangers_up_once_a_minute_and_not_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let serve = async move || {
        if count.fetch_add(1, Ordering::Relaxed) > 0 {
            std::future::pending::<()>().await;
        }
        let media = [("content-type", "application/x-amz-json-1.1")];
        (media, json!({ "SecretString": ONE }).to_string())
    };
    let router = Router::new().route("/", post(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (ended, renewed) = doubt("stranger", &endpoint).await;
    assert!(renewed.iter().all(Value::is_null), "{renewed:?}");
    assert!(
        ended.elapsed < Duration::from_secs(5),
        "{:?}",
        ended.elapsed
    );
}
