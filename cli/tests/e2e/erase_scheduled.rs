//! Tests that `outdial erase` first cancels what the dial queue would still dial.

use mongodb::bson::{DateTime, Document, doc};
use outdial::domain::{CallStatus, Effect, EffectKind, Lane, Priority, Retry, RetryReason};
use serde_json::json;
use testkit::{Request, Stage};

use crate::{fail, outdial_on, succeed};

/// Stores a call of the user that waits, and one between two attempts.
async fn waiting_calls(stage: &Stage, user: &str) {
    let later = DateTime::from_millis(4_000_000_000_000);
    for status in [CallStatus::Scheduled, CallStatus::Busy] {
        stage
            .call(|call| {
                user.clone_into(&mut call.user_id);
                call.twilio_sid = None;
                call.status = status;
                call.lane = Some(Lane::of(Priority::Normal, None));
                call.due_at = Some(later);
                call.expires_at = Some(later);
                call.effects_open = true;
                call.retry = Some(Retry {
                    max_attempts: 2,
                    on: vec![RetryReason::Busy],
                    delays_seconds: vec![60],
                    expires_at: later,
                });
                if status == CallStatus::Scheduled {
                    call.dial_outcome = None;
                } else {
                    call.effects = vec![Effect {
                        n: 1,
                        kind: EffectKind::NextAttempt,
                        at: DateTime::now(),
                        status,
                    }];
                }
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_calls_are_canceled_and_erased() {
    let stage = Stage::with_twilio().await;
    let user = stage.user().await;
    waiting_calls(&stage, &user).await;
    let before = crate::everything(stage.database()).await;
    let shown = succeed(&mut outdial_on(&stage, &["erase", &user, "--dry-run"]));
    assert!(shown.contains("calls: 2"), "{shown}");
    assert_eq!(crate::everything(stage.database()).await, before);

    let stdout = succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert!(stdout.ends_with("erased\n"), "{stdout}");
    let calls = stage.database().collection::<Document>("calls");
    for (status, count) in [("canceled", 1), ("busy", 1), ("scheduled", 0)] {
        let found = calls.count_documents(doc! { "status": status }).await;
        assert_eq!(found.expect("the database answers"), count, "{status}");
    }
    // Nothing is left that the dial queue or the sweep of effects would find.
    let open =
        doc! { "$or": [{ "lane": { "$exists": true } }, { "effects": { "$exists": true } }] };
    let open = calls.count_documents(open).await;
    assert_eq!(open.expect("the database answers"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn call_with_odd_fields_does_not_stop_the_erasure() {
    let stage = Stage::with_twilio().await;
    let user = stage.user().await;
    waiting_calls(&stage, &user).await;
    let calls = stage.database().collection::<Document>("calls");
    let mut odd = calls
        .find_one(doc! { "status": "scheduled" })
        .await
        .expect("the database answers")
        .expect("a call that waits");
    odd.insert("_id", "odd");
    odd.insert("call_id", "odd");
    odd.insert("events", "odd");
    calls.insert_one(odd).await.expect("the database answers");

    let stdout = succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert!(stdout.ends_with("erased\n"), "{stdout}");
    let canceled = calls.count_documents(doc! { "status": "canceled" }).await;
    assert_eq!(canceled.expect("the database answers"), 2);
    let left = calls.count_documents(doc! { "user_id": &user }).await;
    assert_eq!(left.expect("the database answers"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_canceled_and_lose_their_texts() {
    let queue = "http://127.0.0.1:1/queue";
    let stage = Stage::with_twilio().await.set("DIAL_QUEUE_URL", queue);
    let user = stage.user().await;
    let app = batches::App::from_settings(&stage.settings()).expect("a stage");
    let router = batches::router(app);
    let body = json!({ "user_id": user, "name": "Biopsies", "script": "Your biopsy is ready." });
    let created = Request::post("/batches", &body).send(&router).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let shown = succeed(&mut outdial_on(&stage, &["erase", &user, "--dry-run"]));
    assert!(shown.contains("batches: 1"), "{shown}");

    let stdout = succeed(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert!(stdout.ends_with("erased\n"), "{stdout}");
    let left = crate::everything(stage.database()).await.to_lowercase();
    assert!(!left.contains("biops"), "{left}");
    let path = created.header("location").to_owned();
    let read = Request::get(&path).send(&router).await;
    assert_eq!(read.status, 200, "{}", read.text());
    assert_eq!(read.json()["status"], "canceled");
    let added = Request::post(
        &format!("{path}/recipients"),
        &json!({ "recipients": [{ "to_number": "+12125550123" }] }),
    );
    assert_eq!(added.send(&router).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn call_that_is_being_dialled_keeps_the_person() {
    let stage = Stage::with_twilio().await;
    let user = stage.user().await;
    waiting_calls(&stage, &user).await;
    stage
        .call(|call| {
            user.clone_into(&mut call.user_id);
            call.status = CallStatus::Ringing;
        })
        .await;
    let before = crate::everything(stage.database()).await;
    let (_, stderr) = fail(&mut outdial_on(&stage, &["erase", &user, "--yes"]));
    assert!(stderr.contains("ringing"), "{stderr}");
    assert_eq!(crate::everything(stage.database()).await, before);
}
