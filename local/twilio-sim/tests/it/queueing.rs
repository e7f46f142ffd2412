//! Queued calls: the rate limit, and a number with a long queue time.

use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use crate::support::{App, LISTENER, Sim};

#[tokio::test]
async fn calls_over_the_rate_limit_stay_queued() {
    let app = App::start().await;
    let voice = app.url("/voice");
    let sim = Sim::with(|config| config.max_calls_per_second = Some(0.0001)).await;
    let first = sim.call(LISTENER, &[("Url", &voice)]).await;
    let second = sim.call(LISTENER, &[("Url", &voice)]).await;
    sim.wait_for_status(&first, "completed").await;
    assert_eq!(sim.fetch(&second).await["status"], "queued");
}

#[tokio::test]
async fn queued_call_is_dialled_when_the_rate_limit_allows_it() {
    let app = App::start().await;
    let voice = app.url("/voice");
    let sim = Sim::with(|config| config.max_calls_per_second = Some(1.0 / 600.0)).await;
    let begun = Instant::now();
    sim.call(LISTENER, &[("Url", &voice)]).await;
    let second = sim.call(LISTENER, &[("Url", &voice)]).await;
    // At most this many of the 600 seconds had passed when the second call was created. Dates have whole seconds.
    let passed = begun.elapsed().as_secs_f64() * 600.0 + 1.0;
    let call = sim.wait_for_status(&second, "completed").await;
    let queued = time(&call, "start_time") - time(&call, "date_created");
    assert!(
        queued.as_seconds_f64() >= 600.0 - passed,
        "{queued} {passed}"
    );
    let queue_time: i64 = call["queue_time"].as_str().unwrap().parse().unwrap();
    // Dates have whole seconds.
    assert!(
        (queue_time - queued.num_milliseconds()).abs() <= 1_000,
        "{call}"
    );
}

#[tokio::test]
async fn number_with_a_long_queue_time_is_dialled_afterwards() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let sid = sim
        .call("+12125550109", &[("Url", &app.url("/voice"))])
        .await;
    let call = sim.wait_for_status(&sid, "completed").await;
    let queued = time(&call, "start_time") - time(&call, "date_created");
    assert_eq!(call["queue_time"], "30000");
    assert!(
        queued >= chrono::TimeDelta::from_std(Duration::from_secs(30)).unwrap(),
        "{queued}"
    );
}

fn time(call: &Value, name: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc2822(call[name].as_str().unwrap()).unwrap()
}
