//! Limits of the account: calls that have not ended, and 24 hours of queued calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use twilio_sim::clock::Speed;
use twilio_sim::dial_queue::DialQueue;

use crate::support::{DEADLINE, FROM, LISTENER, Sim};

const LONG: &str = "<Response><Pause length=\"3600\"/><Pause length=\"3600\"/></Response>";

/// Creates a call, and returns it or Twilio's error code.
async fn create(sim: &Sim) -> Result<Value, u64> {
    let form = [("To", LISTENER), ("From", FROM), ("Twiml", LONG)];
    let (status, answer) = sim.post("/Calls.json", &form).await;
    match status.as_u16() {
        201 => Ok(answer),
        400 => Err(answer["code"].as_u64().unwrap()),
        _ => panic!("{status}: {answer}"),
    }
}

async fn end(sim: &Sim, call: &Value, status: &str) {
    let path = format!("/Calls/{}.json", call["sid"].as_str().unwrap());
    let (code, answer) = sim.post(&path, &[("Status", status)]).await;
    assert_eq!(code, 200, "{answer}");
}

fn queue_seconds(call: &Value) -> u64 {
    let millis: u64 = call["queue_time"].as_str().unwrap().parse().unwrap();
    millis / 1_000
}

#[tokio::test]
async fn call_over_the_concurrency_limit_is_refused_until_another_ends() {
    let sim = Sim::with(|config| {
        config.max_concurrent_calls = Some(2);
        config.speed = Speed::REAL_TIME;
    })
    .await;
    let first = create(&sim).await.unwrap();
    create(&sim).await.unwrap();
    assert_eq!(create(&sim).await, Err(10004));
    end(&sim, &first, "canceled").await;
    create(&sim).await.unwrap();
    assert_eq!(create(&sim).await, Err(10004));
}

#[tokio::test]
async fn concurrent_requests_do_not_exceed_the_concurrency_limit() {
    let sim = Sim::with(|config| {
        config.max_concurrent_calls = Some(3);
        config.speed = Speed::REAL_TIME;
    })
    .await;
    let results = futures_util::future::join_all((0..20).map(|_| create(&sim))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
}

#[tokio::test]
async fn call_that_would_wait_longer_than_a_day_is_refused() {
    // One call every 40,000 seconds, so a third of them would wait for 80,000 seconds and a fourth for longer than a day.
    let sim = Sim::with(|config| {
        config.max_calls_per_second = Some(1.0 / 40_000.0);
        config.speed = Speed::REAL_TIME;
    })
    .await;
    let first = create(&sim).await.unwrap();
    assert_eq!(queue_seconds(&first), 0);
    let sid = first["sid"].as_str().unwrap();
    sim.wait_for_log(sid, |entry| entry["status"] == "initiated")
        .await;
    let second = create(&sim).await.unwrap();
    assert!(
        (39_000..=40_000).contains(&queue_seconds(&second)),
        "{second}"
    );
    let third = create(&sim).await.unwrap();
    assert!(
        (79_000..=80_000).contains(&queue_seconds(&third)),
        "{third}"
    );
    assert_eq!(create(&sim).await, Err(22005));
    // A canceled call leaves the queue.
    end(&sim, &second, "canceled").await;
    let fourth = create(&sim).await.unwrap();
    assert!(
        (79_000..=80_000).contains(&queue_seconds(&fourth)),
        "{fourth}"
    );
    assert_eq!(create(&sim).await, Err(22005));
}

#[tokio::test]
async fn canceled_call_does_not_hold_up_those_behind_it() {
    let queue = Arc::new(DialQueue::new(20.0, Speed::REAL_TIME));
    let begun = Instant::now();
    let places: Vec<_> = (0..6).map(|_| queue.enter().unwrap()).collect();
    let mut turns = Vec::new();
    let all = async {
        for (n, place) in places.into_iter().enumerate() {
            // The second and the third call are canceled, one of them while it is the first in the queue.
            if n == 1 || n == 2 {
                drop(place);
            } else {
                place.turn().await;
                turns.push(begun.elapsed());
            }
        }
    };
    tokio::time::timeout(DEADLINE, all).await.unwrap();
    assert_eq!(turns.len(), 4);
    for (n, turn) in (0..).zip(&turns) {
        assert!(*turn >= Duration::from_millis(50) * n, "{turns:?}");
    }
}
