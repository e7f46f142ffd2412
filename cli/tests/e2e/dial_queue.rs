//! The dial queue in `outdial dialing`, `outdial doctor` and `outdial redrive`.

use std::process::Command;
use std::time::Duration;

use mongodb::bson::{DateTime, Document, doc};
use outdial::dao::Dao;
use outdial::domain::{Call, WaitingFor};
use serde_json::{Value, json};
use testkit::{Queue, Stage, new_scheduled_call};

use crate::{fail, outdial_on, succeed};

fn ago(time: Duration) -> DateTime {
    let millis = i64::try_from(time.as_millis()).expect("a short time");
    DateTime::from_millis(DateTime::now().timestamp_millis() - millis)
}

fn dao(stage: &Stage) -> Dao {
    Dao::new(&stage.settings().mongo().expect("a database")).expect("a URI")
}

/// Stores a call of the normal lane that is due since then.
async fn due_call(stage: &Stage, due_at: DateTime) -> Call {
    let call = Call {
        waiting_for: Some(WaitingFor::Permit),
        ..new_scheduled_call("65f0a1b2c3d4e5f601234567", due_at)
    };
    dao(stage).create_call(&call).await.expect("it is stored");
    call
}

async fn set(
    stage: &Stage,
    collection: &str,
    id: impl Into<mongodb::bson::Bson>,
    changes: Document,
) {
    let documents = stage.database().collection::<Document>(collection);
    let changed = documents
        .update_one(doc! { "_id": id.into() }, changes)
        .await;
    assert_eq!(changed.expect("the database answers").matched_count, 1);
}

/// A stage with a dial queue.
async fn stage() -> (Stage, Queue) {
    let queue = Queue::new().await;
    let endpoint = std::env::var("OUTDIAL_TEST_SQS_ENDPOINT").expect("`cargo xtask test` sets it");
    let stage = Stage::with_twilio()
        .await
        .set("DIAL_QUEUE_URL", queue.url())
        .set("DIALS_PER_SECOND", "2.5")
        .set("AWS_ENDPOINT_URL", &endpoint)
        .set("AWS_REGION", "us-east-1")
        .set("AWS_ACCESS_KEY_ID", "tests")
        .set("AWS_SECRET_ACCESS_KEY", "tests");
    (stage, queue)
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_the_waiting_calls_and_off_ends_their_leases() {
    let (stage, _queue) = stage().await;
    let leased = due_call(&stage, ago(Duration::from_secs(2))).await;
    due_call(&stage, ago(Duration::from_secs(1))).await;
    let lease = doc! { "$set": { "lease_id": "x", "lease_until": DateTime::from_millis(4_000_000_000_000) } };
    set(&stage, "calls", leased.id, lease).await;
    // An odd document is counted like the others.
    let odd = doc! { "call_id": 7, "status": "scheduled", "lane": 7 };
    let calls = stage.database().collection::<Document>("calls");
    calls.insert_one(odd).await.expect("it is stored");
    dao(&stage)
        .stop_dispatch(Some(20_003))
        .await
        .expect("it is stored");

    let shown = succeed(&mut outdial_on(&stage, &["dialing", "status"]));
    for words in [
        "dialling is on\nwaiting calls: 3\n  2  normal, waiting for permit\n",
        "\npace: 2.5 a second (DIALS_PER_SECOND)\n",
        "\nnext permit: in 0.0 s\n",
        "\nTwilio refuses the account (error 20003) since 20",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = succeed(&mut outdial_on(
        &stage,
        &["dialing", "status", "--output", "json"],
    ));
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["queue"]["by_lane"]["normal"], json!({ "permit": 2 }));
    assert_eq!(shown["queue"]["stopped"]["code"], 20_003);

    let off = succeed(&mut outdial_on(&stage, &["dialing", "off"]));
    assert!(
        off.contains("about to be dialled: 1; they wait again"),
        "{off}"
    );
    let stored = dao(&stage)
        .get_call(leased.call_id)
        .await
        .expect("the database answers");
    let stored = stored.expect("a call");
    assert_eq!(
        (stored.lease_id, stored.status.as_str()),
        (None, "scheduled")
    );
}

/// The line of a check, which must be there once.
#[track_caller]
fn line(stdout: &str, check: &str) -> String {
    let name = format!(" {check}");
    let mut lines = stdout.lines().filter(|line| line.contains(&name));
    let line = lines
        .next()
        .unwrap_or_else(|| panic!("no {check}: {stdout}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_checks_the_dial_queue() {
    let (stage, _queue) = stage().await;
    let doctor = || fail(&mut outdial_on(&stage, &["doctor"])).0;
    let stdout = doctor();
    assert!(
        line(&stdout, "dial queue").starts_with("ok dial queue: it can be reached"),
        "{stdout}"
    );
    assert!(
        line(&stdout, "permits").starts_with("ok permits: the next dial"),
        "{stdout}"
    );
    assert!(
        line(&stdout, "dispatcher").starts_with("failed dispatcher: dispatch has never run"),
        "{stdout}"
    );
    assert!(
        line(&stdout, "due calls").starts_with("ok due calls: no urgent"),
        "{stdout}"
    );

    dao(&stage)
        .take_over_dispatch("a run")
        .await
        .expect("it is stored");
    let late = due_call(&stage, ago(Duration::from_mins(7))).await;
    let stdout = doctor();
    assert!(
        line(&stdout, "dispatcher").starts_with("ok dispatcher: its schedule started it"),
        "{stdout}"
    );
    assert!(
        line(&stdout, "due calls").starts_with("failed due calls: the oldest"),
        "{stdout}"
    );

    let old = doc! { "$set": { "taken_at": ago(Duration::from_mins(4)) } };
    set(&stage, "counters", "dispatcher", old).await;
    let recent = doc! { "$set": { "due_at": ago(Duration::from_mins(1)) } };
    set(&stage, "calls", late.id, recent).await;
    let counters = stage.database().collection::<Document>("counters");
    counters
        .delete_one(doc! { "_id": "permits" })
        .await
        .expect("it goes");
    let stdout = doctor();
    assert!(
        line(&stdout, "permits").starts_with("failed permits: the document"),
        "{stdout}"
    );
    assert!(
        line(&stdout, "dispatcher").starts_with("failed dispatcher: its schedule started it 24"),
        "{stdout}"
    );
    assert!(
        line(&stdout, "due calls").starts_with("ok due calls: the oldest"),
        "{stdout}"
    );

    dao(&stage)
        .stop_dispatch(Some(20_003))
        .await
        .expect("it is stored");
    let stdout = doctor();
    assert!(
        line(&stdout, "dispatcher").contains("Twilio refuses the account since 20"),
        "{stdout}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_an_unreachable_dial_queue_and_skips_a_missing_one() {
    let (stage, _queue) = stage().await;
    let away = stage.clone().set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let (stdout, _) = fail(&mut outdial_on(&away, &["doctor"]));
    assert!(
        line(&stdout, "dial queue").starts_with("failed dial queue: cannot look into"),
        "{stdout}"
    );
    let without = stage.set("DIAL_QUEUE_URL", "");
    let (stdout, _) = fail(&mut outdial_on(&without, &["doctor"]));
    for check in ["dial queue", "dispatcher", "due calls"] {
        let wanted = format!("skipped {check} (DIAL_QUEUE_URL is not set");
        assert!(line(&stdout, check).starts_with(&wanted), "{stdout}");
    }
}

const CALL: &str = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";

/// `outdial redrive --queue …` between two queues.
fn redrive(stage: &Stage, name: &str, from: &Queue, to: &Queue, more: &[&str]) -> Command {
    let arguments = [
        "redrive",
        "--queue",
        name,
        "--from",
        from.url(),
        "--to",
        to.url(),
    ];
    outdial_on(stage, &[&arguments, more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_effects_move_and_those_of_dials_never_do() {
    let (stage, dial_queue) = stage().await;
    let (dead, queue) = (Queue::new().await, Queue::new().await);
    let effects = json!({ "call_id": CALL });
    dead.put(&effects.to_string()).await;
    let moved = succeed(&mut redrive(&stage, "effects", &dead, &queue, &[]));
    assert!(
        moved.contains(&format!(
            "effects of {CALL}\n1 moved back into the queue, 0 left"
        )),
        "{moved}"
    );
    assert_eq!(queue.messages().await, [effects]);

    let dead = Queue::new().await;
    let dial = json!({ "call_id": CALL, "lease_id": "x" });
    dead.put(&dial.to_string()).await;
    let shown = succeed(&mut redrive(
        &stage,
        "dial",
        &dead,
        &dial_queue,
        &["--dry-run"],
    ));
    assert!(
        shown.contains(&format!("dial of {CALL}\nnothing was moved")),
        "{shown}"
    );

    let dead = Queue::new().await;
    dead.put(&dial.to_string()).await;
    for (name, to) in [("dial", &queue), ("webhooks", &dial_queue)] {
        let output = redrive(&stage, name, &dead, to, &[])
            .output()
            .expect("outdial runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("are never moved: their leases have ended"),
            "{stderr}"
        );
    }
    let (_, stderr) = fail(&mut redrive(&stage, "effects", &dead, &queue, &[]));
    assert!(stderr.contains("are never moved"), "{stderr}");
    assert_eq!(queue.messages().await.len(), 1);
    assert!(dial_queue.messages().await.is_empty());
}
