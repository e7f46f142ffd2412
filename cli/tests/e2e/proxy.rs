//! Requests to the internet go through the proxies that the environment names.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::thread;

use outdial::domain::CallStatus;
use testkit::{Stage, Twilio};

use crate::{fail, outdial_on, succeed};

/// A host name that DNS does not resolve, so that only a proxy can reach it.
const TWILIO: &str = "http://twilio.invalid";

/// Returns a stage whose Twilio only a proxy can reach. The simulator acts as that proxy: it answers requests for whole URLs.
async fn stage(twilio: &Twilio) -> Stage {
    Stage::new()
        .await
        .playing(twilio)
        .set("TWILIO_API_BASE_URL", TWILIO)
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_reaches_twilio_through_a_proxy() {
    let twilio = Twilio::start().await;
    let stage = stage(&twilio).await;
    let account = |stdout: &str| {
        let mut lines = stdout.lines().map(str::to_owned);
        lines
            .find(|line| line.contains("Twilio account"))
            .expect("a check")
    };
    let (direct, _) = fail(&mut outdial_on(&stage, &["doctor"]));
    assert!(account(&direct).starts_with("failed"), "{direct}");
    let mut command = outdial_on(&stage, &["doctor"]);
    let (proxied, _) = fail(command.env("http_proxy", twilio.url()));
    assert!(account(&proxied).starts_with("ok"), "{proxied}");
    let (excluded, _) = fail(command.env("NO_PROXY", "example.com,twilio.invalid"));
    assert!(account(&excluded).starts_with("failed"), "{excluded}");
}

#[tokio::test(flavor = "multi_thread")]
async fn erase_reaches_twilio_through_a_proxy() {
    let twilio = Twilio::start().await;
    let stage = stage(&twilio).await;
    let user = stage.user().await;
    stage
        .call(|call| {
            call.user_id.clone_from(&user);
            call.status = CallStatus::Failed;
        })
        .await;
    let mut command = outdial_on(&stage, &["erase", &user, "--yes"]);
    let stdout = succeed(command.env("ALL_PROXY", twilio.url()));
    assert!(stdout.ends_with("erased\n"), "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn https_goes_through_a_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = format!("http://{}", listener.local_addr().expect("an address"));
    let first_line = thread::spawn(move || {
        let (connection, _) = listener.accept().expect("a connection");
        let mut line = String::new();
        let read = BufReader::new(connection).read_line(&mut line);
        read.expect("a request");
        line
    });
    let stage = Stage::new()
        .await
        .set("TWILIO_API_BASE_URL", "https://twilio.invalid");
    let mut command = outdial_on(&stage, &["doctor"]);
    fail(command.env("HTTPS_PROXY", proxy));
    let line = first_line.join().expect("the proxy was used");
    assert!(line.starts_with("CONNECT "), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_reached_directly() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let mut command = outdial_on(&stage, &["doctor"]);
    let (stdout, _) = fail(command.env("http_proxy", "http://127.0.0.1:1"));
    assert!(stdout.contains("ok       Twilio account"), "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_proxy_is_the_reason_that_is_shown() {
    let stage = Stage::new()
        .await
        .set("TWILIO_API_BASE_URL", "https://twilio.invalid")
        .set("BASE_URL", "https://outdial.invalid");
    let mut command = outdial_on(&stage, &["doctor"]);
    let (stdout, _) = fail(command.env("HTTPS_PROXY", "http://127.0.0.1:1"));
    for check in [
        "Twilio account: Twilio",
        "health: https://outdial.invalid/health",
    ] {
        let line = format!("failed   {check} was not reached: Connection refused");
        assert!(stdout.contains(&line), "{stdout}");
    }
}

#[tokio::test]
async fn malformed_proxy_is_named() {
    let stage = Stage::new().await;
    let mut command = outdial_on(&stage, &["doctor"]);
    let (_, stderr) = fail(command.env("https_proxy", "http://"));
    assert!(stderr.contains("https_proxy is malformed"), "{stderr}");
}
