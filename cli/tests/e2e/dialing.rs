//! `outdial dialing`: the kill switch.

use std::process::Command;

use outdial::config::Settings;
use outdial::dao::Dao;
use testkit::{Request, Stage};

use crate::{outdial, succeed};

fn dialing(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = outdial(&[&["dialing"], arguments].concat());
    for name in ["MONGO_URI", "MONGO_DB"] {
        command.env(name, stage.variable(name).unwrap_or_default());
    }
    command
}

#[tokio::test]
async fn switch_applies_from_the_next_request_on() {
    let stage = Stage::with_twilio().await;
    let app = outbound_calls::App::from_settings(&stage.settings()).expect("a well-formed stage");
    let router = outbound_calls::router(app);
    let body = serde_json::json!({
        "user_id": stage.user().await, "to_number": "+12125550109", "script": "Hello.",
    });
    let place = Request::post("/calls/outbound", &body);
    let shown = succeed(&mut dialing(&stage, &["status"]));
    assert!(
        shown.starts_with("dialling is on\nwaiting calls: 0\n"),
        "{shown}"
    );
    assert_eq!(place.send(&router).await.status, 201);

    let off = ["off", "--reason", "a stolen key", "--by", "ada"];
    let stdout = succeed(&mut dialing(&stage, &off));
    assert!(stdout.starts_with("dialling is off since 20"), "{stdout}");
    let refused = place.send(&router).await;
    refused.assert_problem(503, "dialing_off");
    assert!(!refused.text().contains("stolen"), "{}", refused.text());
    let shown = succeed(&mut dialing(&stage, &["status"]));
    assert!(shown.starts_with(&stdout), "{shown}");
    assert!(stdout.ends_with(" by ada: a stolen key\n"), "{stdout}");

    let on = succeed(dialing(&stage, &["on"]).env("USER", "grace"));
    assert!(on.contains(" by grace@"), "{on}");
    let mut nameless = dialing(&stage, &["on"]);
    let on = succeed(nameless.env_remove("USER").env_remove("LOGNAME"));
    let own = Command::new("id").arg("-un").output().expect("id runs");
    let own = String::from_utf8_lossy(&own.stdout).trim().to_owned();
    assert!(on.contains(&format!(" by {own}@")), "{on}");
    assert_eq!(place.send(&router).await.status, 201);
}

#[tokio::test]
async fn usage_errors_switch_nothing() {
    let stage = Stage::new().await;
    for arguments in [
        &["of"][..],
        &[],
        &["status", "--reason", "x"],
        &["off", "--reason", "two\nlines"],
        &["off", "--by", "two\nlines"],
        &["off", "--by", &"a".repeat(201)],
        &["status", "--by", "ada"],
        &["status", "--cancel-queued"],
        &["on", "--cancel-queued"],
    ] {
        let output = dialing(&stage, arguments).output().expect("outdial runs");
        assert!(!output.status.success(), "{arguments:?}");
    }
    let settings: Settings = stage.settings();
    let dao = Dao::new(&settings.mongo().expect("a database")).expect("a URI");
    assert!(dao.dialing().await.expect("the database answers").on);
}

#[test]
fn unavailable_database_is_reported() {
    let output = outdial(&["dialing", "off"])
        .env(
            "MONGO_URI",
            "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100",
        )
        .output()
        .expect("outdial runs");
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("error: the database is unavailable"),
        "{stderr}"
    );
}
