//! Tests the attempts of a call and the calls of a batch in `GET /calls` and `GET /calls/{call_id}`.

use mongodb::bson::{DateTime, doc};
use outdial::domain::{
    BatchId, Call, CallStatus, Effect, EffectKind, MachineDetection, Retry, RetryReason,
};
use serde_json::{Value, json};

use crate::support::{Api, in_minutes, text};

/// Stores an attempt of a call with retries.
async fn attempt(api: &Api, previous: Option<&Call>, change: impl FnOnce(&mut Call)) -> Call {
    let call = api.stage.call(|call| {
        call.user_id.clone_from(&api.user);
        call.retry = Some(Retry {
            max_attempts: 3,
            on: vec![RetryReason::Busy],
            delays_seconds: vec![60],
            expires_at: DateTime::from_millis(4_000_000_000_000),
        });
        call.attempt = previous.map(|previous| previous.attempt() + 1);
        call.first_call_id = Some(previous.map_or(call.call_id, Call::first_call_id));
        change(call);
    });
    call.await
}

async fn told(api: &Api, call: &Call) -> (Value, Value) {
    let body = api.call(&call.call_id.to_string()).await;
    (body["attempts"].clone(), body["reached"].clone())
}

#[tokio::test]
async fn call_tells_how_many_attempts_were_dialled_and_whether_one_reached_a_person() {
    let api = Api::new().await;
    let first = attempt(&api, None, |call| call.status = CallStatus::Busy).await;
    assert_eq!(told(&api, &first).await, (json!(1), json!(false)));
    let second = attempt(&api, Some(&first), |call| {
        call.status = CallStatus::Scheduled;
        call.dial_outcome = None;
        call.due_at = Some(DateTime::now());
    })
    .await;
    for call in [&first, &second] {
        assert_eq!(told(&api, call).await, (json!(1), Value::Null));
    }
    let answered = doc! { "status": "in-progress", "status_rank": 2, "dial_outcome": "accepted" };
    api.change_stored(&second.call_id.to_string(), doc! { "$set": answered })
        .await;
    for call in [&first, &second] {
        assert_eq!(told(&api, call).await, (json!(2), json!(true)));
    }
}

#[tokio::test]
async fn attempt_whose_retries_were_removed_still_counts_the_earlier_ones() {
    let api = Api::new().await;
    let first = attempt(&api, None, |call| call.status = CallStatus::Busy).await;
    let last = attempt(&api, Some(&first), |call| {
        call.status = CallStatus::NoAnswer;
        call.retry = None;
    })
    .await;
    for call in [&first, &last] {
        assert_eq!(told(&api, call).await, (json!(2), json!(false)));
    }
}

#[tokio::test]
async fn unknown_answer_is_null_and_a_machine_is_no_person() {
    type Change = fn(&mut Call);
    let api = Api::new().await;
    let cases: [(Change, Value); 8] = [
        (|call| call.status = CallStatus::Completed, json!(true)),
        (|call| call.status = CallStatus::NoAnswer, json!(false)),
        (|call| call.status = CallStatus::Ringing, Value::Null),
        (
            |call| call.answered_by = Some("machine_start".to_owned()),
            json!(false),
        ),
        (
            |call| call.answered_by = Some("fax".to_owned()),
            json!(false),
        ),
        (
            |call| call.answered_by = Some("human".to_owned()),
            json!(true),
        ),
        (
            |call| call.machine_detection = Some(MachineDetection::Enable),
            Value::Null,
        ),
        (
            |call| {
                call.status = CallStatus::Busy;
                call.effects = vec![Effect {
                    n: 1,
                    kind: EffectKind::NextAttempt,
                    at: DateTime::now(),
                    status: CallStatus::Busy,
                }];
            },
            Value::Null,
        ),
    ];
    for (place, (change, reached)) in cases.into_iter().enumerate() {
        let call = api.stage.call(|call| {
            call.status = CallStatus::Completed;
            change(call);
        });
        let call = call.await;
        assert_eq!(told(&api, &call).await, (json!(1), reached), "case {place}");
    }
}

#[tokio::test]
async fn call_that_was_never_dialled_has_no_attempts() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let call = api.call(&id).await;
    assert_eq!(
        (&call["attempts"], &call["reached"]),
        (&json!(0), &Value::Null)
    );
    api.cancel(&id).await;
    let call = api.call(&id).await;
    assert_eq!(
        (&call["attempts"], &call["reached"]),
        (&json!(0), &json!(false))
    );
    let listed = api.get("/calls").await.json();
    assert_eq!(listed["calls"][0], call);
    // Lists don't look for other attempts.
    let retry = json!({ "retry": {} });
    api.schedule(in_minutes(60), &retry).await;
    let listed = api.get("/calls").await.json();
    assert_eq!(listed["calls"][0]["attempts"], Value::Null);
}

#[tokio::test]
async fn lists_have_the_attempts_of_a_call_and_the_calls_of_a_batch() {
    let api = Api::new().await;
    let first = attempt(&api, None, |_| ()).await;
    let second = attempt(&api, Some(&first), |call| call.status = CallStatus::Busy).await;
    let (batch, other) = (BatchId::generate(), BatchId::generate());
    let of_batch = attempt(&api, None, |call| call.batch_id = Some(batch)).await;
    let ids = async |query: &str| {
        let page = api.get(&format!("/calls?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        let calls = page["calls"].as_array().unwrap().iter();
        let mut ids: Vec<_> = calls.map(|call| text(&call["call_id"])).collect();
        ids.sort();
        ids
    };
    let sorted = |calls: &[&Call]| {
        let mut ids: Vec<_> = calls.iter().map(|call| call.call_id.to_string()).collect();
        ids.sort();
        ids
    };
    let series = format!("first_call_id={}", first.call_id);
    assert_eq!(ids(&series).await, sorted(&[&first, &second]));
    assert_eq!(
        ids(&format!("{series}&status=busy")).await,
        sorted(&[&second])
    );
    assert_eq!(
        ids(&format!("{series}&batch_id={batch}")).await,
        sorted(&[])
    );
    assert_eq!(
        ids(&format!("batch_id={batch}")).await,
        sorted(&[&of_batch])
    );
    assert_eq!(ids(&format!("batch_id={other}")).await, sorted(&[]));
    let malformed = api.get("/calls?batch_id=7&first_call_id=x").await;
    malformed.assert_problem(422, "validation_failed");
    assert_eq!(malformed.fields(), ["batch_id", "first_call_id"]);
}
