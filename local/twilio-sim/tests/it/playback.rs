//! Spoken and interrupted sentences, and what ended the call.

use serde_json::{Value, json};
use twilio_sim::clock::Speed;

use crate::support::{App, LISTENER, Sim, no_content, status, twiml};

/// A text that takes 200 seconds to speak.
fn long() -> String {
    "x".repeat(3_000)
}

/// Starts a simulator that is slow enough to interrupt a long sentence.
async fn slow() -> Sim {
    Sim::with(|config| config.speed = Speed::parse("60").unwrap()).await
}

/// Waits for the end of a call. Returns its `spoken`, `interrupted` and `ended_by`.
async fn heard(sim: &Sim, sid: &str) -> (Value, Value, Value) {
    sim.wait_for_status(sid, "completed").await;
    let report = sim.report(sid).await;
    let part = |name: &str| report[name].clone();
    (part("spoken"), part("interrupted"), part("ended_by"))
}

/// Plays a document to a number, with these additional parameters.
async fn played(to: &str, document: &str, form: &[(&str, &str)]) -> (Value, Value, Value) {
    let (sim, app) = (Sim::start().await, App::with_twiml(document).await);
    let voice = app.url("/voice");
    let form: Vec<_> = [("Url", voice.as_str())]
        .into_iter()
        .chain(form.iter().copied())
        .collect();
    let sid = sim.call(to, &form).await;
    heard(&sim, &sid).await
}

#[tokio::test]
async fn each_complete_repetition_counts_as_spoken() {
    let document = "<Response><Say loop=\"3\">Hello.</Say><Hangup/></Response>";
    let expected = (json!(vec!["Hello."; 3]), json!([]), json!("instructions"));
    assert_eq!(played(LISTENER, document, &[]).await, expected);
}

#[tokio::test]
async fn hangup_of_the_called_party_interrupts_the_sentence() {
    // One second, then 1.7 seconds per repetition. The called party hangs up after four seconds.
    let document = format!(
        "<Response><Say>One.</Say><Say loop=\"0\">{}</Say><Say>Never.</Say></Response>",
        "y".repeat(25)
    );
    let repeated = "y".repeat(25);
    assert_eq!(
        played("+12125550105", &document, &[]).await,
        (
            json!(["One.", repeated]),
            json!([repeated]),
            json!("callee")
        )
    );
}

#[tokio::test]
async fn time_limit_interrupts_the_sentence() {
    let document = format!("<Response><Say>One.</Say><Say>{}</Say></Response>", long());
    assert_eq!(
        played(LISTENER, &document, &[("TimeLimit", "3")]).await,
        (json!(["One."]), json!([long()]), json!("time_limit"))
    );
}

#[tokio::test]
async fn update_interrupts_the_sentence() {
    let document = format!("<Response><Say>One.</Say><Say>{}</Say></Response>", long());
    let app = App::with_twiml(&document).await;
    for (update, spoken, ended_by) in [
        (("Status", "completed"), json!(["One."]), "update"),
        (
            ("Twiml", "<Response><Say>Other.</Say></Response>"),
            json!(["One.", "Other."]),
            "instructions",
        ),
    ] {
        let sim = slow().await;
        let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
        sim.wait_for_log(&sid, |entry| entry["text"] == long())
            .await;
        let (status, _) = sim.post(&format!("/Calls/{sid}.json"), &[update]).await;
        assert_eq!(status, 200);
        assert_eq!(
            heard(&sim, &sid).await,
            (spoken, json!([long()]), json!(ended_by)),
            "{update:?}"
        );
    }
}

#[tokio::test]
async fn key_interrupts_the_prompt_and_skips_later_prompts() {
    let app = App::responding(|hit, _| match hit.path.as_str() {
        "/voice" => twiml(
            "<Response><Gather action=\"/next\" numDigits=\"1\"><Say>Short.</Say><Say>Never.</Say></Gather></Response>",
        ),
        "/long" => twiml(
            "<Response><Gather action=\"/next\" numDigits=\"1\"><Say>A sentence of more than one second.</Say><Say>Never.</Say></Gather></Response>",
        ),
        "/paused" => twiml(
            "<Response><Gather action=\"/next\" numDigits=\"1\"><Pause length=\"9\"/><Say>Never.</Say></Gather></Response>",
        ),
        _ => twiml("<Response><Say>Done.</Say></Response>"),
    })
    .await;
    let sim = Sim::start().await;
    for (path, spoken, interrupted) in [
        ("/voice", json!(["Short.", "Done."]), json!([])),
        (
            "/long",
            json!(["Done."]),
            json!(["A sentence of more than one second."]),
        ),
        ("/paused", json!(["Done."]), json!([])),
    ] {
        let sid = sim.call("+12125550106", &[("Url", &app.url(path))]).await;
        assert_eq!(
            heard(&sim, &sid).await,
            (spoken, interrupted, json!("instructions")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn call_without_instructions_is_ended_by_the_error() {
    let app = App::responding(|_, _| status(500)).await;
    let sim = Sim::start().await;
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    assert_eq!(heard(&sim, &sid).await.2, "error");
    let unanswered = sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    sim.wait_for_status(&unanswered, "busy").await;
    assert_eq!(sim.report(&unanswered).await["ended_by"], Value::Null);
}

#[tokio::test]
async fn redirect_without_a_url_requests_the_same_url() {
    let app = App::responding(|hit, before| match (hit.path.as_str(), before) {
        ("/voice", 0) => {
            twiml("<Response><Pause length=\"1\"/><Redirect method=\"POST\"/></Response>")
        }
        ("/voice", 1) => twiml("<Response><Redirect>voice?a=1&amp;b=2#rc=1</Redirect></Response>"),
        ("/voice", _) => twiml("<Response><Say>Done.</Say></Response>"),
        _ => no_content(),
    })
    .await;
    let sim = Sim::start().await;
    let sid = sim
        .call(LISTENER, &[("Url", &app.url("/voice?a=1#rc=3"))])
        .await;
    assert_eq!(heard(&sim, &sid).await.0, json!(["Done."]));
    let queries: Vec<_> = app
        .hits("/voice")
        .into_iter()
        .map(|hit| hit.query)
        .collect();
    assert_eq!(queries, ["a=1", "a=1", "a=1&b=2"]);
}

#[tokio::test]
async fn voice_url_and_fallback_url_have_independent_faults() {
    let app = App::responding(|hit, _| match hit.path.as_str() {
        "/fallback" => twiml("<Response><Say>Fallback.</Say></Response>"),
        _ => no_content(),
    })
    .await;
    let sim = Sim::start().await;
    let plan = json!({ "seed": 1, "callbacks": [{ "kind": "voice", "action": "drop", "probability": 0.5 }] });
    let url = format!("{}/_sim/faults", sim.origin);
    let answer = sim.client.put(url).body(plan.to_string()).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    let mut results = Vec::new();
    for _ in 0..16 {
        let form = [
            ("Url", &*app.url("/voice")),
            ("FallbackUrl", &app.url("/fallback")),
        ];
        let sid = sim.call(LISTENER, &form).await;
        sim.wait_for_status(&sid, "completed").await;
        let log = sim.wait_for_log(&sid, |_| true).await;
        let faults = log.iter().filter(|entry| entry["kind"] == "fault").count();
        results.push((
            faults,
            sim.report(&sid).await["spoken"] == json!(["Fallback."]),
        ));
    }
    assert!(results.contains(&(1, true)), "{results:?}");
    assert!(results.contains(&(2, false)), "{results:?}");
}
