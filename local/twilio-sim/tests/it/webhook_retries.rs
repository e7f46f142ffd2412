//! Retries and timeouts of webhooks.

use std::time::Duration;

use serde_json::json;

use crate::support::{App, GOODBYE, LISTENER, Sim, no_content, status, twiml};
use crate::webhooks::{APOLOGY, after, played};

#[tokio::test]
async fn answered_callback_is_not_retried_by_default() {
    let app = App::responding(|hit, _| {
        if hit.path == "/voice" {
            twiml(GOODBYE)
        } else {
            status(500)
        }
    })
    .await;
    let sim = Sim::start().await;
    let sid = sim
        .call(
            LISTENER,
            &[
                ("Url", &app.url("/voice")),
                ("StatusCallback", &app.url("/status")),
            ],
        )
        .await;
    let log = sim
        .wait_for_log(&sid, |entry| entry["kind"] == "warning")
        .await;
    assert!(log.iter().any(|entry| entry["code"] == 11200));
    assert_eq!(app.hits("/status").len(), 1);
    assert_eq!(
        sim.report(&sid).await["callbacks"],
        json!({ "sent": 1, "delivered": 0 })
    );
}

#[tokio::test]
async fn retries_carry_the_same_token() {
    let app = App::responding(|hit, before| match (hit.path.as_str(), before) {
        ("/voice", 0) => status(503),
        ("/voice", _) => twiml(GOODBYE),
        (_, 0 | 1) => status(404),
        _ => no_content(),
    })
    .await;
    let sim = Sim::start().await;
    let form = [
        ("Url", &*app.url("/voice#rc=1&rp=5xx")),
        ("StatusCallback", &app.url("/status#rc=5&rp=4xx,5xx")),
    ];
    let sid = sim.call(LISTENER, &form).await;
    let hits = app.wait("/status", 3).await;
    let token = hits[0].header("I-Twilio-Idempotency-Token");
    assert!(
        hits.iter()
            .all(|hit| hit.header("I-Twilio-Idempotency-Token") == token)
    );
    assert_eq!(app.hits("/voice").len(), 2);
    assert_eq!(sim.report(&sid).await["spoken"], json!(["Goodbye."]));
}

#[tokio::test]
async fn retry_policy_selects_the_failures_to_retry() {
    let app = App::responding(|hit, _| {
        if hit.path == "/voice" {
            twiml(GOODBYE)
        } else {
            status(400)
        }
    })
    .await;
    let sim = Sim::start().await;
    for (fragment, expected) in [
        ("#rc=3&rp=5xx", 1),
        ("#rc=3&rp=all", 4),
        ("#rc=9&rp=4xx", 2),
        ("#rp=4xx", 2),
        ("#rc=0&rp=4xx", 1),
    ] {
        let before = app.hits("/status").len();
        let sid = sim
            .call(
                LISTENER,
                &[
                    ("Url", &app.url("/voice")),
                    ("StatusCallback", &app.url(&format!("/status{fragment}"))),
                ],
            )
            .await;
        sim.wait_for_log(&sid, |entry| entry["kind"] == "warning")
            .await;
        assert_eq!(app.hits("/status").len() - before, expected, "{fragment}");
    }
}

#[tokio::test]
async fn fragment_sets_the_read_timeout() {
    let app = App::responding(|hit, before| match (hit.path.as_str(), before) {
        ("/voice", 0) => after(twiml(GOODBYE), 10),
        _ => twiml(GOODBYE),
    })
    .await;
    let sim = Sim::start().await;
    let (errors, spoken) = played(&sim, &[("Url", &app.url("/voice#rc=1&rp=rt&rt=200"))]).await;
    assert_eq!((errors, spoken), (vec![], json!(["Goodbye."])));
    let (errors, _) = played(&sim, &[("Url", &app.url("/slow#rt=100&tt=100&rc=0"))]).await;
    assert_eq!(errors, [] as [u64; 0]);
    assert_eq!(app.hits("/voice").len(), 2);
}

#[tokio::test]
async fn total_time_limits_all_attempts() {
    let app = App::responding(|_, _| after(no_content(), 10)).await;
    let sim = Sim::start().await;
    let started = std::time::Instant::now();
    let (errors, spoken) = played(
        &sim,
        &[("Url", &app.url("/voice#rc=5&rp=all&rt=300&tt=1000"))],
    )
    .await;
    assert_eq!((errors, spoken), (vec![11205], json!([APOLOGY])));
    assert!(started.elapsed() < Duration::from_secs(5));
    let attempts = app.hits("/voice").len();
    assert!((3..=4).contains(&attempts), "{attempts} attempts");
}

#[tokio::test]
async fn refused_connection_is_tried_twice_and_ends_in_11205() {
    let sim = Sim::start().await;
    let sid = sim
        .call(LISTENER, &[("Url", "http://127.0.0.1:1/voice")])
        .await;
    sim.wait_for_status(&sid, "completed").await;
    let log = sim
        .wait_for_log(&sid, |entry| entry["kind"] == "error")
        .await;
    assert_eq!(
        log.iter()
            .filter(|entry| entry["kind"] == "webhook")
            .count(),
        2
    );
    assert!(
        log.iter()
            .any(|entry| entry["kind"] == "error" && entry["code"] == 11205)
    );
}
