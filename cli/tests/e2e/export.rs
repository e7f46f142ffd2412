//! Tests `outdial export`: its lines, its range, and how it continues a truncated file.

use std::collections::BTreeSet;
use std::fs::File;

use axum::Router;
use mongodb::bson::{DateTime, Document, doc};
use outdial::dao::Dao;
use outdial::domain::{Call, RecordingStatus, RecordingUpdate};
use serde_json::Value;
use testkit::{API_KEY, Request, Stage};

use crate::{Folder, fail, outdial_on, succeed};

fn calls_router(stage: &Stage) -> Router {
    outbound_calls::router(outbound_calls::App::from_settings(&stage.settings()).expect("a stage"))
}

fn users_router(stage: &Stage) -> Router {
    users::router(users::App::from_settings(&stage.settings()).expect("a stage"))
}

async fn shown(router: &Router, path: &str) -> Value {
    let answer = Request::get(path).with_key(API_KEY).send(router).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Stores a recording of the call.
async fn record(stage: &Stage, call: &Call, last_digit: u8, status: RecordingStatus) {
    let dao = Dao::new(&stage.settings().mongo().expect("a database")).expect("a URI");
    let sid = format!("RE0000000000000000000000000000000{last_digit}");
    let update = RecordingUpdate {
        call_sid: call.twilio_sid.clone().expect("it has a name"),
        recording_url: Some(format!("https://api.twilio.com/{sid}")),
        recording_sid: sid.parse().expect("a name"),
        recording_status: "completed".to_owned(),
        status,
        duration_seconds: Some(3),
        channels: Some(1),
        error_code: None,
        started_at: None,
    };
    dao.create_recording(call, &update)
        .await
        .expect("it is stored");
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"));
    lines.collect()
}

fn ids(lines: &[Value], name: &str) -> BTreeSet<String> {
    let ids: BTreeSet<_> = lines
        .iter()
        .map(|line| line[name].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(ids.len(), lines.len(), "something is there twice");
    ids
}

#[tokio::test]
async fn each_line_equals_the_response_of_the_api() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let user = stage.user().await;
    let call = stage.call(|call| call.user_id.clone_from(&user)).await;
    record(&stage, &call, 1, RecordingStatus::Completed).await;
    record(&stage, &call, 2, RecordingStatus::Deleted).await;
    let erased = stage.call(|_| {}).await;
    let calls = stage.database().collection::<Document>("calls");
    let mark = doc! { "$set": { "erased_at": DateTime::now() } };
    calls
        .update_one(doc! { "_id": erased.id }, mark)
        .await
        .expect("it is stored");

    succeed(&mut outdial_on(
        &stage,
        &["export", "--folder", &folder.file("new")],
    ));
    let written = |name: &str| {
        let text = std::fs::read_to_string(folder.file(&format!("new/{name}.jsonl")));
        lines(&text.expect("it was written"))
    };
    let router = users_router(&stage);
    assert_eq!(
        written("users"),
        [shown(&router, &format!("/users/{user}")).await]
    );
    let router = calls_router(&stage);
    assert_eq!(
        written("calls"),
        [shown(&router, &format!("/calls/{}", call.call_id)).await]
    );
    let [recording] = &written("recordings")[..] else {
        panic!("one recording is not deleted")
    };
    let id = recording["id"].as_str().expect("a name");
    assert_eq!(
        *recording,
        shown(&router, &format!("/recordings/{id}")).await
    );
}

#[tokio::test]
async fn truncated_file_is_continued() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    for _ in 0..5 {
        stage.user().await;
    }
    // All calls have the same creation time.
    let users = stage.database().collection::<Document>("users");
    let moment = doc! { "$set": { "created_at": DateTime::now() } };
    users
        .update_many(doc! {}, moment)
        .await
        .expect("they are stored");
    let export = || {
        succeed(&mut outdial_on(
            &stage,
            &["export", "users", "--folder", &folder.file("")],
        ))
    };
    let path = folder.file("users.jsonl");
    export();
    let whole = std::fs::read_to_string(&path).expect("it was written");
    for cut in [0, 1, whole.len() / 2, whole.len() - 1, whole.len()] {
        std::fs::write(&path, &whole[..cut]).expect("it can be written");
        export();
        let again = std::fs::read_to_string(&path).expect("it was written");
        assert_eq!(again, whole, "after {cut} bytes");
    }
    let newest = stage.user().await;
    export();
    let continued = std::fs::read_to_string(&path).expect("it was written");
    assert_eq!(continued.lines().count(), 6);
    assert_eq!(lines(&continued)[5]["id"], newest);

    std::fs::write(&path, "{\"call_id\": \"x\"}\n").expect("it can be written");
    let (_, stderr) = fail(&mut outdial_on(
        &stage,
        &["export", "users", "--folder", &folder.file("")],
    ));
    assert!(
        stderr.contains("its last line is not one of users"),
        "{stderr}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_a_file() {
    use std::os::unix::fs::PermissionsExt;

    let (stage, folder) = (Stage::new().await, Folder::new());
    succeed(&mut outdial_on(
        &stage,
        &["export", "--folder", &folder.file("")],
    ));
    let metadata = std::fs::metadata(folder.file("calls.jsonl")).expect("it was written");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn range_is_chosen_by_time_and_by_the_last_line_written() {
    let stage = Stage::new().await;
    let mut made = Vec::new();
    for day in 1..=4 {
        let text = format!("2026-01-0{day}T00:00:00Z");
        let time = DateTime::parse_rfc3339_str(&text).expect("a time");
        made.push(
            stage
                .call(|call| call.created_at = time)
                .await
                .call_id
                .to_string(),
        );
    }
    for number in 1..=3 {
        let call = stage.call(|_| {}).await;
        record(&stage, &call, number, RecordingStatus::Completed).await;
    }
    let export = |arguments: &[&str]| {
        lines(&succeed(&mut outdial_on(
            &stage,
            &[&["export"], arguments].concat(),
        )))
    };
    let some = export(&[
        "calls",
        "--from",
        "2026-01-02",
        "--to",
        "2026-01-03T00:00:01Z",
    ]);
    assert_eq!(ids(&some, "call_id"), made[1..3].iter().cloned().collect());
    let rest = export(&["calls", "--after", &made[2], "--to", "2026-02-01"]);
    assert_eq!(ids(&rest, "call_id"), made[3..].iter().cloned().collect());

    let all = export(&["recordings"]);
    let first = all[0]["id"].as_str().expect("a name");
    assert_eq!(export(&["recordings", "--after", first]), all[1..]);

    let unknown = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    let after = ["export", "calls", "--after", unknown];
    let (_, stderr) = fail(&mut outdial_on(&stage, &after));
    assert!(stderr.contains("no call with id"), "{stderr}");
}

#[tokio::test]
async fn file_of_another_export_is_not_written() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    stage.user().await;
    let file = File::create(folder.file("users.jsonl")).expect("a file");
    file.lock().expect("a lock");
    let export = ["export", "users", "--folder", &folder.file("")];
    let (_, stderr) = fail(&mut outdial_on(&stage, &export));
    let reason = "users.jsonl: another export is writing this file";
    assert!(stderr.contains(reason), "{stderr}");
    assert_eq!(file.metadata().expect("a file").len(), 0);
    file.unlock().expect("a lock");
    succeed(&mut outdial_on(&stage, &export));
}

#[tokio::test]
async fn odd_metadata_is_exported_unchanged_and_unreadable_calls_are_named() {
    let stage = Stage::new().await;
    let mut written = Vec::new();
    for name in ["$oid", "$date", "$numberLong", "$binary", "$uuid"] {
        let notes = serde_json::json!({ name: "order-17" });
        let metadata = serde_json::from_value(notes.clone()).expect("notes");
        stage.call(|call| call.metadata = metadata).await;
        written.push(notes);
    }
    let broken = stage.call(|_| {}).await;
    let calls = stage.database().collection::<Document>("calls");
    let change = doc! { "$set": { "status": 17, "script": "Hello, Ada." } };
    calls
        .update_one(doc! { "_id": broken.id }, change)
        .await
        .expect("it is stored");
    let last = stage.call(|_| {}).await;

    let (stdout, stderr) = fail(&mut outdial_on(&stage, &["export", "calls"]));
    let lines = lines(&stdout);
    let notes: Vec<_> = lines.iter().map(|line| line["metadata"].clone()).collect();
    assert_eq!(notes[..written.len()], written);
    assert_eq!(
        lines.last().expect("a line")["call_id"],
        last.call_id.to_string()
    );
    assert_eq!(lines.len(), written.len() + 1);
    assert!(stderr.contains(&format!("calls {}", broken.id)), "{stderr}");
    assert!(!stderr.contains("Ada"), "{stderr}");
}
