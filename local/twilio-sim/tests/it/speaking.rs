//! Which sentences count as spoken, which as interrupted, and what ended the call.

use serde_json::{Value, json};
use twilio_sim::clock::Speed;

use crate::support::{App, LISTENER, Sim, nothing, status, twiml};

/// Two hundred seconds of speech.
fn long() -> String {
    "x".repeat(3_000)
}

/// A simulator slow enough to interfere with a long sentence.
async fn slow() -> Sim {
    Sim::with(|config| config.speed = Speed::parse("60").unwrap()).await
}

/// What the truth says of an ended call: what was spoken, what was interrupted, and what ended the call.
async fn heard(sim: &Sim, sid: &str) -> (Value, Value, Value) {
    sim.reaches(sid, "completed").await;
    let truth = sim.truth(sid).await;
    let part = |name: &str| truth[name].clone();
    (part("spoken"), part("interrupted"), part("ended_by"))
}

/// Plays a document to a number, under these further parameters.
async fn played(to: &str, document: &str, form: &[(&str, &str)]) -> (Value, Value, Value) {
    let (sim, app) = (Sim::start().await, App::speaking(document).await);
    let voice = app.url("/voice");
    let form: Vec<_> = [("Url", voice.as_str())]
        .into_iter()
        .chain(form.iter().copied())
        .collect();
    let sid = sim.call(to, &form).await;
    heard(&sim, &sid).await
}

#[tokio::test]
async fn each_repetition_that_is_played_to_its_end_counts_as_spoken() {
    let document = "<Response><Say loop=\"3\">Hello.</Say><Hangup/></Response>";
    let expected = (json!(vec!["Hello."; 3]), json!([]), json!("instructions"));
    assert_eq!(played(LISTENER, document, &[]).await, expected);
}

#[tokio::test]
async fn a_sentence_that_the_called_party_hangs_up_on_is_interrupted() {
    // One second, then three, then the called party is gone after four in all.
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
async fn a_sentence_that_the_time_limit_cuts_off_is_interrupted() {
    let document = format!("<Response><Say>One.</Say><Say>{}</Say></Response>", long());
    assert_eq!(
        played(LISTENER, &document, &[("TimeLimit", "3")]).await,
        (json!(["One."]), json!([long()]), json!("time_limit"))
    );
}

#[tokio::test]
async fn a_sentence_that_an_update_cuts_off_is_interrupted() {
    let document = format!("<Response><Say>One.</Say><Say>{}</Say></Response>", long());
    let app = App::speaking(&document).await;
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
        sim.log(&sid, |entry| entry["text"] == long()).await;
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
async fn a_prompt_that_a_key_cuts_off_is_interrupted_and_those_after_it_are_not_heard() {
    let app = App::answering(|hit, _| match hit.path.as_str() {
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
async fn a_call_without_instructions_is_ended_by_the_error() {
    let app = App::answering(|_, _| status(500)).await;
    let sim = Sim::start().await;
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    assert_eq!(heard(&sim, &sid).await.2, "error");
    let unanswered = sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    sim.reaches(&unanswered, "busy").await;
    assert_eq!(sim.truth(&unanswered).await["ended_by"], Value::Null);
}

#[tokio::test]
async fn a_redirect_to_nowhere_asks_the_same_url_again() {
    let app = App::answering(|hit, before| match (hit.path.as_str(), before) {
        ("/voice", 0) => {
            twiml("<Response><Pause length=\"1\"/><Redirect method=\"POST\"/></Response>")
        }
        ("/voice", 1) => twiml("<Response><Redirect>voice?a=1&amp;b=2#rc=1</Redirect></Response>"),
        ("/voice", _) => twiml("<Response><Say>Done.</Say></Response>"),
        _ => nothing(),
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
async fn a_fault_that_strikes_the_voice_url_need_not_strike_its_fallback() {
    let app = App::answering(|hit, _| match hit.path.as_str() {
        "/fallback" => twiml("<Response><Say>Fallback.</Say></Response>"),
        _ => nothing(),
    })
    .await;
    let sim = Sim::start().await;
    let plan = json!({ "seed": 1, "callbacks": [{ "kind": "voice", "action": "drop", "probability": 0.5 }] });
    let url = format!("{}/_sim/faults", sim.origin);
    let answer = sim.client.put(url).body(plan.to_string()).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    let mut reached = Vec::new();
    for _ in 0..16 {
        let form = [
            ("Url", &*app.url("/voice")),
            ("FallbackUrl", &app.url("/fallback")),
        ];
        let sid = sim.call(LISTENER, &form).await;
        sim.reaches(&sid, "completed").await;
        let log = sim.log(&sid, |_| true).await;
        let struck = log.iter().filter(|entry| entry["kind"] == "fault").count();
        reached.push((
            struck,
            sim.truth(&sid).await["spoken"] == json!(["Fallback."]),
        ));
    }
    assert!(reached.contains(&(1, true)), "{reached:?}");
    assert!(reached.contains(&(2, false)), "{reached:?}");
}
