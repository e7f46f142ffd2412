//! Requests for instructions that fail, and the fallback URL.

use serde_json::json;

use crate::support::{App, GOODBYE, Reply, Sim, status, twiml};
use crate::webhooks::{APOLOGY, after, played};

#[tokio::test]
async fn without_instructions_the_call_speaks_an_apology_and_completes() {
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
        let app = App::responding(move |_, _| reply.clone()).await;
        let sim = Sim::start().await;
        let (errors, spoken) = played(&sim, &[("Url", &app.url("/voice"))]).await;
        assert_eq!((errors, spoken), (vec![code], json!([APOLOGY])));
    }
}

#[tokio::test]
async fn plain_text_is_spoken_and_audio_is_played() {
    for (kind, spoken) in [("text/plain", json!(["Hello."])), ("audio/mpeg", json!([]))] {
        let app = App::responding(move |_, _| Reply {
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
async fn fallback_url_gets_the_error_and_gives_instructions() {
    let app = App::responding(|hit, _| {
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
async fn failed_fallback_ends_in_the_apology() {
    let app = App::responding(|_, _| status(500)).await;
    let form = [
        ("Url", &*app.url("/voice")),
        ("FallbackUrl", &app.url("/fallback")),
    ];
    assert_eq!(
        played(&Sim::start().await, &form).await,
        (vec![11200, 11200], json!([APOLOGY]))
    );
}
