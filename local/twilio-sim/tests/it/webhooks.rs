use std::time::Duration;

use serde_json::{Value, json};
use twilio_sim::signature::sign;

use crate::support::{
    ALL_EVENTS, App, GOODBYE, LISTENER, Reply, Sim, nothing, redirect, status, twiml,
};

const APOLOGY: &str = "We are sorry, an application error has occurred. Goodbye.";

fn after(reply: Reply, seconds: u64) -> Reply {
    Reply {
        after: Duration::from_secs(seconds),
        ..reply
    }
}

/// Plays a call to its end and returns the errors in its log and what was spoken.
async fn played(sim: &Sim, form: &[(&str, &str)]) -> (Vec<u64>, Value) {
    let sid = sim.call(LISTENER, form).await;
    sim.reaches(&sid, "completed").await;
    let log = sim.log(&sid, |entry| entry["status"] == "completed").await;
    let codes = log
        .iter()
        .filter(|entry| entry["kind"] == "error")
        .map(|entry| entry["code"].as_u64().unwrap());
    (codes.collect(), sim.truth(&sid).await["spoken"].clone())
}

#[tokio::test]
async fn every_webhook_is_signed_for_its_url_without_the_fragment() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let (voice, told) = (
        app.url("/voice?call_id=a%20b#rc=2&rp=all"),
        app.url("/status?x=1#rc=1"),
    );
    let recording = app.url("/recording#rt=2000");
    let mut form = vec![
        ("Url", voice.as_str()),
        ("StatusCallback", told.as_str()),
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
async fn a_get_carries_its_parameters_in_the_query_and_the_signature_covers_them() {
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
async fn by_default_a_callback_that_was_answered_is_not_repeated() {
    let app = App::answering(|hit, _| {
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
    let log = sim.log(&sid, |entry| entry["kind"] == "warning").await;
    assert!(log.iter().any(|entry| entry["code"] == 11200));
    assert_eq!(app.hits("/status").len(), 1);
    assert_eq!(
        sim.truth(&sid).await["callbacks"],
        json!({ "sent": 1, "delivered": 0 })
    );
}

#[tokio::test]
async fn the_fragment_asks_for_retries_under_one_token() {
    let app = App::answering(|hit, before| match (hit.path.as_str(), before) {
        ("/voice", 0) => status(503),
        ("/voice", _) => twiml(GOODBYE),
        (_, 0 | 1) => status(404),
        _ => nothing(),
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
    assert_eq!(sim.truth(&sid).await["spoken"], json!(["Goodbye."]));
}

#[tokio::test]
async fn the_retry_policy_names_what_is_repeated() {
    let app = App::answering(|hit, _| {
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
        sim.log(&sid, |entry| entry["kind"] == "warning").await;
        assert_eq!(app.hits("/status").len() - before, expected, "{fragment}");
    }
}

#[tokio::test]
async fn the_read_timeout_of_the_fragment_is_kept() {
    let app = App::answering(|hit, before| match (hit.path.as_str(), before) {
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
async fn the_total_time_bounds_all_attempts() {
    let app = App::answering(|_, _| after(nothing(), 10)).await;
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
async fn a_refused_connection_is_tried_twice_and_then_11205() {
    let sim = Sim::start().await;
    let sid = sim
        .call(LISTENER, &[("Url", "http://127.0.0.1:1/voice")])
        .await;
    sim.reaches(&sid, "completed").await;
    let log = sim.log(&sid, |entry| entry["kind"] == "error").await;
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

#[tokio::test]
async fn redirects_301_and_302_turn_the_post_into_a_get_and_307_and_308_do_not() {
    for (code, method) in [(301, "GET"), (302, "GET"), (307, "POST"), (308, "POST")] {
        let app = App::answering(move |hit, _| {
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
    let app = App::answering(|_, _| redirect(302, "/voice")).await;
    let sim = Sim::start().await;
    assert_eq!(
        played(&sim, &[("Url", &app.url("/voice"))]).await.0,
        [11215]
    );
}

#[tokio::test]
async fn where_there_are_no_instructions_the_caller_hears_an_apology_and_the_call_completes() {
    let large = format!("<Response><Say>{}</Say></Response>", " ".repeat(65_536));
    let typed = |kind: &str, body: &str| Reply {
        headers: vec![("content-type", kind.to_owned())],
        ..after(twiml(body), 0)
    };
    for (reply, code) in [
        (status(404), 11200),
        (status(500), 11200),
        (twiml("<Response>"), 12100),
        (twiml(""), 12100),
        (twiml("<Response><Frobnicate/></Response>"), 12200),
        (twiml(&large), 11750),
        (typed("application/json", "{}"), 12300),
        (
            Reply {
                headers: vec![],
                ..twiml(GOODBYE)
            },
            12300,
        ),
    ] {
        let app = App::answering(move |_, _| reply.clone()).await;
        let sim = Sim::start().await;
        let (errors, spoken) = played(&sim, &[("Url", &app.url("/voice"))]).await;
        assert_eq!((errors, spoken), (vec![code], json!([APOLOGY])));
    }
}

#[tokio::test]
async fn plain_text_is_spoken_and_audio_is_played() {
    for (kind, spoken) in [("text/plain", json!(["Hello."])), ("audio/mpeg", json!([]))] {
        let app = App::answering(move |_, _| Reply {
            headers: vec![("content-type", kind.to_owned())],
            ..twiml("Hello.")
        })
        .await;
        assert_eq!(
            played(&Sim::start().await, &[("Url", &app.url("/voice"))]).await,
            (vec![], spoken)
        );
    }
}

#[tokio::test]
async fn the_fallback_url_is_asked_with_the_error_and_its_instructions_are_followed() {
    let app = App::answering(|hit, _| {
        if hit.path == "/voice" {
            status(500)
        } else {
            twiml(GOODBYE)
        }
    })
    .await;
    let sim = Sim::start().await;
    let voice = app.url("/voice");
    let form = [("Url", &*voice), ("FallbackUrl", &app.url("/fallback"))];
    assert_eq!(
        played(&sim, &form).await,
        (vec![11200], json!(["Goodbye."]))
    );
    let hit = &app.hits("/fallback")[0];
    assert_eq!(
        (hit.param("ErrorCode"), hit.param("ErrorUrl")),
        ("11200", voice.as_str())
    );
}

#[tokio::test]
async fn a_fallback_that_fails_too_ends_in_the_apology() {
    let app = App::answering(|_, _| status(500)).await;
    let form = [
        ("Url", &*app.url("/voice")),
        ("FallbackUrl", &app.url("/fallback")),
    ];
    assert_eq!(
        played(&Sim::start().await, &form).await,
        (vec![11200, 11200], json!([APOLOGY]))
    );
}

#[tokio::test]
async fn a_callback_answered_with_another_type_is_warned_of() {
    let json = || Reply {
        headers: vec![("content-type", "application/json".to_owned())],
        ..twiml("{}")
    };
    let app = App::answering(move |hit, _| {
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
    let log = sim.log(&sid, |entry| entry["kind"] == "warning").await;
    assert!(log.iter().any(|entry| entry["code"] == 15003));
    assert_eq!(sim.truth(&sid).await["callbacks"]["delivered"], 1);
}
