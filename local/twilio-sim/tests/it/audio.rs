//! Fetching the audio of a Play.

use serde_json::json;

use crate::support::{App, Hit, Reply, Sim, audio, status, twiml};

const LISTENER: &str = "+12125551234";

/// An application whose call plays `/a.mp3`, and whose fallback speaks.
async fn app(verbs: &str, sound: fn(&Hit) -> Reply) -> App {
    let verbs = verbs.to_owned();
    App::responding(move |hit, _| match hit.path.as_str() {
        "/voice" => twiml(&format!("<Response>{verbs}</Response>")),
        "/fallback" => twiml("<Response><Say>Instead.</Say></Response>"),
        "/again" => twiml("<Response><Play>/a.mp3</Play></Response>"),
        "/a.mp3" => sound(hit),
        _ => status(404),
    })
    .await
}

async fn spoken(sim: &Sim, app: &App, fallback: &str) -> (serde_json::Value, String) {
    let form = [
        ("Url", app.url("/voice")),
        ("FallbackUrl", app.url(fallback)),
    ];
    let form: Vec<_> = form
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let sid = sim.call(LISTENER, &form).await;
    sim.wait_for_status(&sid, "completed").await;
    let report = sim.report(&sid).await;
    (report["spoken"].clone(), report["ended_by"].to_string())
}

#[tokio::test]
async fn audio_is_fetched_without_parameters_and_again_only_if_it_changed() {
    let app = app("<Play>/a.mp3?b=c</Play><Say>Bye.</Say>", |hit| {
        match hit.header("if-none-match") {
            "\"1\"" => status(304),
            _ => audio("audio/mpeg; charset=x"),
        }
    })
    .await;
    let sim = Sim::start().await;
    for _ in 0..2 {
        let (spoken, _) = spoken(&sim, &app, "/fallback").await;
        assert_eq!(spoken, json!(["Bye."]));
    }
    let hits = app.hits("/a.mp3");
    assert_eq!(hits.len(), 2);
    for hit in &hits {
        assert_eq!((hit.method.as_str(), hit.query.as_str()), ("GET", "b=c"));
        assert_eq!(hit.header("x-twilio-signature"), "(absent)");
    }
    assert_eq!(hits[1].header("if-none-match"), "\"1\"");
}

#[tokio::test]
async fn audio_that_fails_leads_to_the_fallback() {
    for (verbs, sound, code) in [
        (
            "<Play>/a.mp3</Play>",
            (|_| status(404)) as fn(&Hit) -> Reply,
            "11200",
        ),
        ("<Play>/a.mp3</Play>", |_| audio("text/html"), "12300"),
        (
            "<Gather><Say>First.</Say><Play>/a.mp3</Play></Gather>",
            |_| status(503),
            "11200",
        ),
    ] {
        let app = app(verbs, sound).await;
        let sim = Sim::start().await;
        let (spoken, _) = spoken(&sim, &app, "/fallback").await;
        assert_eq!(spoken, json!(["Instead."]), "{verbs}");
        let fallback = &app.hits("/fallback")[0];
        assert_eq!(fallback.param("ErrorCode"), code);
        assert_eq!(fallback.param("ErrorUrl"), app.url("/voice"));
    }
}

#[tokio::test]
async fn fallback_that_fails_too_ends_the_call() {
    let app = app("<Play>/a.mp3</Play>", |_| status(404)).await;
    let sim = Sim::start().await;
    let (_, ended_by) = spoken(&sim, &app, "/again").await;
    assert_eq!(ended_by, "\"error\"");
    assert_eq!(app.hits("/again").len(), 1);
}

#[tokio::test]
async fn audio_that_fails_is_skipped_if_the_simulator_should() {
    let app = app(
        "<Play>/a.mp3</Play><Gather><Play>/a.mp3</Play><Say>Hi.</Say></Gather>",
        |_| status(404),
    )
    .await;
    let sim = Sim::with(|config| config.skip_failed_audio = true).await;
    let (spoken, _) = spoken(&sim, &app, "/fallback").await;
    assert_eq!(spoken, json!(["Hi."]));
    assert!(app.hits("/fallback").is_empty());
}
