//! Delivery of webhooks: signatures, redirects and responses.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use twilio_sim::webhook::signature::sign;

use crate::support::{ALL_EVENTS, App, GOODBYE, LISTENER, Reply, Sim, redirect, twiml};

pub const APOLOGY: &str = "We are sorry, an application error has occurred. Goodbye.";

pub fn after(reply: Reply, seconds: u64) -> Reply {
    Reply {
        after: Duration::from_secs(seconds),
        ..reply
    }
}

/// Plays a call to its end. Returns the error codes in its log and the spoken sentences.
pub async fn played(sim: &Sim, form: &[(&str, &str)]) -> (Vec<u64>, Value) {
    let sid = sim.call(LISTENER, form).await;
    sim.wait_for_status(&sid, "completed").await;
    let log = sim
        .wait_for_log(&sid, |entry| entry["status"] == "completed")
        .await;
    let codes = log
        .iter()
        .filter(|entry| entry["kind"] == "error")
        .map(|entry| entry["code"].as_u64().unwrap());
    (codes.collect(), sim.report(&sid).await["spoken"].clone())
}

#[tokio::test]
async fn signature_covers_the_url_without_its_fragment() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let (voice, status_url) = (
        app.url("/voice?call_id=a%20b#rc=2&rp=all"),
        app.url("/status?x=1#rc=1"),
    );
    let recording = app.url("/recording#rt=2000");
    let mut form = vec![
        ("Url", voice.as_str()),
        ("StatusCallback", status_url.as_str()),
        ("Record", "true"),
    ];
    form.extend([("RecordingStatusCallback", recording.as_str())]);
    form.extend(ALL_EVENTS);
    sim.call("+12125550104", &form).await;
    app.wait("/recording", 1).await;
    let hits = app.all();
    assert_eq!(hits.len(), 6);
    for hit in hits {
        let query = if hit.query.is_empty() {
            String::new()
        } else {
            format!("?{}", hit.query)
        };
        let url = format!("{}{}{query}", app.origin, hit.path);
        assert_eq!(
            hit.header("X-Twilio-Signature"),
            sign(&sim.token, &url, &hit.form),
            "{url}"
        );
        assert!(
            hit.header("Content-Type")
                .starts_with("application/x-www-form-urlencoded")
        );
        assert_ne!(hit.header("I-Twilio-Idempotency-Token"), "(absent)");
    }
}

#[tokio::test]
async fn get_has_its_parameters_in_the_signed_query() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let form = [
        ("Url", &*app.url("/voice?a=1")),
        ("Method", "GET"),
        ("StatusCallback", &app.url("/status")),
        ("StatusCallbackMethod", "GET"),
    ];
    sim.call(LISTENER, &form).await;
    app.wait("/status", 1).await;
    for hit in app.all() {
        assert_eq!(hit.method, "GET");
        assert!(hit.query.contains("CallSid=CA"), "{}", hit.query);
        let url = format!("{}{}?{}", app.origin, hit.path, hit.query);
        assert_eq!(
            hit.header("X-Twilio-Signature"),
            sign(&sim.token, &url, &[])
        );
    }
}

#[tokio::test]
async fn redirects_301_and_302_turn_post_into_get_but_307_and_308_do_not() {
    for (code, method) in [(301, "GET"), (302, "GET"), (307, "POST"), (308, "POST")] {
        let app = App::responding(move |hit, _| {
            if hit.path == "/voice" {
                redirect(code, "/there?x=1")
            } else {
                twiml(GOODBYE)
            }
        })
        .await;
        let sim = Sim::start().await;
        let (errors, spoken) = played(&sim, &[("Url", &app.url("/voice"))]).await;
        assert_eq!((errors, spoken), (vec![], json!(["Goodbye."])), "{code}");
        let hit = &app.hits("/there")[0];
        assert_eq!(
            (hit.method.as_str(), hit.query.as_str()),
            (method, "x=1"),
            "{code}"
        );
        assert_eq!(hit.form.is_empty(), method == "GET");
        assert_eq!(
            hit.header("X-Twilio-Signature"),
            sign(&sim.token, &app.url("/there?x=1"), &hit.form)
        );
    }
}

#[tokio::test]
async fn endless_redirects_are_11215() {
    let app = App::responding(|_, _| redirect(302, "/voice")).await;
    let sim = Sim::start().await;
    assert_eq!(
        played(&sim, &[("Url", &app.url("/voice"))]).await.0,
        [11215]
    );
}

#[tokio::test]
async fn callback_response_of_another_type_logs_a_warning() {
    let json = || Reply {
        headers: vec![("content-type", "application/json".to_owned())],
        ..twiml("{}")
    };
    let app = App::responding(move |hit, _| {
        if hit.path == "/voice" {
            twiml(GOODBYE)
        } else {
            json()
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
    assert!(log.iter().any(|entry| entry["code"] == 15003));
    assert_eq!(sim.report(&sid).await["callbacks"]["delivered"], 1);
}
