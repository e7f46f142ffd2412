//! Tests the next attempt of a call that did not reach the person.

use mongodb::bson::doc;
use outdial::domain::{
    BatchId, Call, CallId, CallStatus, Lane, Priority, StatusUpdate, WaitingFor,
};
use serde_json::json;
use testkit::{Queue, Stage};

use crate::support::{
    attempt, callback, end, find, from_now, handle_end, read, retried, retried_with, set, tell,
};

#[tokio::test]
async fn busy_call_is_tried_again_with_the_same_content() {
    let stage = Stage::new().await;
    let first = retried_with(&stage, |call| {
        call.recording_enabled = true;
        let steps = json!([{ "say": [{ "text": "Hello." }] }]);
        call.steps = Some(serde_json::from_value(steps).unwrap());
        call.steps_ended = true;
        call.metadata = serde_json::from_value(json!({ "order": "7" })).unwrap();
        call.priority = Some(Priority::Bulk);
        call.batch_id = Some(BatchId::generate());
        call.external_id = Some("ada".to_owned());
        call.time_zone = Some("Europe/Paris".parse().unwrap());
        call.created_by = Some("tester".to_owned());
        call.idempotency_scope = Some("a scope".to_owned());
        call.request_hash = Some("a hash".to_owned());
        call.counted_on = Some("2026-01-01".to_owned());
        call.scheduled_at = Some(from_now(-60));
    })
    .await;
    end(&stage, &first, CallStatus::Busy).await;
    handle_end(&stage, &first).await;

    let next = attempt(&stage, &first, 2).await.unwrap();
    let ended = read(&stage, &first).await;
    assert_eq!(ended.next_call_id, Some(next.call_id));
    assert_eq!(ended.effects, []);
    let due_in = next.due_at.unwrap().timestamp_millis() - from_now(0).timestamp_millis();
    assert!((30_000..=60_000).contains(&due_in), "{due_in}");
    assert_eq!(
        next.expires_at,
        first.retry.as_ref().map(|it| it.expires_at)
    );
    let id = CallId::of_attempt(first.call_id, 2);
    let expected = Call {
        id: id.object_id(),
        call_id: id,
        twilio_sid: None,
        status: CallStatus::Scheduled,
        status_rank: CallStatus::Scheduled.rank(),
        dial_outcome: None,
        answered_status: None,
        steps_ended: false,
        idempotency_scope: None,
        request_hash: None,
        counted_on: None,
        scheduled_at: None,
        lane: Some(Lane::of(Priority::Bulk, first.batch_id)),
        due_at: next.due_at,
        expires_at: next.expires_at,
        waiting_for: Some(WaitingFor::RetryDelay),
        attempt: Some(2),
        first_call_id: Some(first.call_id),
        previous_call_id: Some(first.call_id),
        created_at: next.created_at,
        updated_at: next.updated_at,
        ..first
    };
    // `Debug` leaves out the fields that may be personal.
    assert!(next == expected, "{next:?}");
}

#[tokio::test]
async fn series_ends_with_its_last_attempt() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    let mut call = first.clone();
    for number in 2..=3 {
        end(&stage, &call, CallStatus::NoAnswer).await;
        handle_end(&stage, &call).await;
        let next = attempt(&stage, &first, number).await.unwrap();
        assert_eq!(next.attempt, Some(number));
        assert_eq!(next.first_call_id, Some(first.call_id));
        assert_eq!(next.previous_call_id, Some(call.call_id));
        let sid = testkit::new_sid();
        set(
            &stage,
            &next,
            doc! { "status": "initiated", "status_rank": 0, "dial_outcome": "accepted", "twilio_sid": sid.as_str() },
        )
        .await;
        call = read(&stage, &next).await;
    }
    end(&stage, &call, CallStatus::NoAnswer).await;
    handle_end(&stage, &call).await;
    let last = read(&stage, &call).await;
    assert_eq!((last.next_call_id, &last.effects[..]), (None, &[][..]));
    assert_eq!(attempt(&stage, &first, 4).await, None);
}

#[tokio::test]
async fn repeated_and_concurrent_messages_create_one_attempt() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    let messages = (0..6).map(|_| handle_end(&stage, &first));
    futures_util::future::join_all(messages).await;
    handle_end(&stage, &first).await;

    let calls = stage.database().collection::<Call>("calls");
    assert_eq!(calls.count_documents(doc! {}).await.unwrap(), 2);
    let next = attempt(&stage, &first, 2).await.unwrap();
    assert_eq!(next.status, CallStatus::Scheduled);
    assert!(next.lane.is_some());
}

#[tokio::test]
async fn run_that_died_is_completed() {
    let stage = Stage::new().await;
    let dao = crate::support::dao(&stage);
    for died_after in 0..3 {
        let first = retried(&stage).await;
        end(&stage, &first, CallStatus::Busy).await;
        let ended = read(&stage, &first).await;
        let id = CallId::of_attempt(first.call_id, 2);
        let stored = Call {
            id: id.object_id(),
            call_id: id,
            first_call_id: Some(first.call_id),
            attempt: Some(2),
            twilio_sid: None,
            effects: Vec::new(),
            ..ended
                .clone()
                .scheduled(from_now(60), from_now(3_600), WaitingFor::RetryDelay)
        };
        dao.create_next_attempt(&stored).await.unwrap();
        if died_after > 0 {
            assert!(dao.link_next_attempt(&ended, id).await.unwrap());
        }
        if died_after > 1 {
            dao.release_next_attempt(&stored).await.unwrap();
        }
        handle_end(&stage, &first).await;
        let ended = read(&stage, &first).await;
        assert_eq!(
            (ended.next_call_id, &ended.effects[..]),
            (Some(id), &[][..])
        );
        assert!(find(&stage, id).await.unwrap().lane.is_some());
    }
}

#[tokio::test]
async fn attempt_that_is_due_soon_wakes_the_dispatcher() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.set("WAKE_QUEUE_URL", queue.url());
    let soon = retried(&stage).await;
    end(&stage, &soon, CallStatus::Busy).await;
    handle_end(&stage, &soon).await;
    handle_end(&stage, &soon).await;
    assert_eq!(queue.receive_all().await, [json!({ "wake": true })]);

    let late = retried_with(&stage, |call| call.attempt = Some(2)).await;
    end(&stage, &late, CallStatus::Busy).await;
    handle_end(&stage, &late).await;
    assert!(attempt(&stage, &late, 3).await.is_some());
    assert_eq!(queue.receive_all().await, [json!(null); 0]);
}

#[tokio::test]
async fn queue_that_fails_does_not_stop_the_attempt() {
    let stage = Stage::new()
        .await
        .set("WAKE_QUEUE_URL", "http://127.0.0.1:9/1/none");
    let first = retried(&stage).await;
    end(&stage, &first, CallStatus::Busy).await;
    handle_end(&stage, &first).await;
    assert!(attempt(&stage, &first, 2).await.is_some());
}

#[tokio::test]
async fn call_that_a_machine_answered_is_tried_again_if_the_client_wants_that() {
    let stage = Stage::new().await;
    let first = retried(&stage).await;
    let machine = StatusUpdate {
        answered_by: Some("machine_start".to_owned()),
        ..callback(&first, CallStatus::Completed, 3)
    };
    assert!(tell(&stage, &first, &machine).await);
    handle_end(&stage, &first).await;
    assert!(attempt(&stage, &first, 2).await.is_some());
}

#[tokio::test]
async fn batch_that_is_canceled_has_no_next_attempt() {
    let stage = Stage::new().await;
    let batches = stage.database().collection("batches");
    for (status, is_tried) in [
        ("running", true),
        ("paused", true),
        ("canceling", false),
        ("canceled", false),
    ] {
        let batch = BatchId::generate();
        let stored = doc! { "_id": batch.to_string(), "status": status };
        batches.insert_one(stored).await.unwrap();
        let first = retried_with(&stage, |call| call.batch_id = Some(batch)).await;
        end(&stage, &first, CallStatus::Busy).await;
        handle_end(&stage, &first).await;
        let next = attempt(&stage, &first, 2).await;
        assert_eq!(next.is_some(), is_tried, "{status}");
        assert_eq!(read(&stage, &first).await.effects, []);
    }
}
