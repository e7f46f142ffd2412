//! Calls to the account's numbers.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, FROM, LISTENER, Sim, no_content, twiml};

const MENU: &str = r#"<Response><Gather action="/next" numDigits="1" finishOnKey=""><Say>Hello.</Say></Gather><Say>Nothing.</Say></Response>"#;

/// An application that says hello, and goodbye after a key.
async fn app() -> App {
    App::responding(|hit, _| match hit.path.as_str() {
        "/inbound" => twiml(MENU),
        "/next" => twiml("<Response><Say>Goodbye.</Say><Hangup/></Response>"),
        _ => no_content(),
    })
    .await
}

/// The path of the account's number.
async fn number(sim: &Sim) -> String {
    let (_, page) = sim.get("/IncomingPhoneNumbers.json").await;
    let sid = page["incoming_phone_numbers"][0]["sid"].as_str().unwrap();
    format!("/IncomingPhoneNumbers/{sid}.json")
}

async fn call_in(sim: &Sim, body: &Value) -> (StatusCode, Value) {
    let url = format!("{}/_sim/inbound", sim.origin);
    let answer = sim.client.post(url).body(body.to_string()).send().await;
    let answer = answer.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn caller_hears_the_instructions_of_the_number_and_presses_keys() {
    let (sim, app) = (Sim::start().await, app().await);
    let number = number(&sim).await;
    let form = [
        ("VoiceUrl", app.url("/inbound")),
        ("StatusCallback", app.url("/status")),
    ];
    let form: Vec<_> = form.iter().map(|(name, url)| (*name, &**url)).collect();
    let (status, updated) = sim.post(&number, &form).await;
    assert_eq!(status, 200, "{updated}");
    assert_eq!(updated["voice_url"], app.url("/inbound"));
    for (keys, spoken) in [
        ("9", json!(["Goodbye."])),
        ("#", json!(["Goodbye."])),
        ("", json!(["Hello.", "Nothing."])),
    ] {
        let (status, call) = call_in(&sim, &json!({ "from": LISTENER, "presses": [keys] })).await;
        assert_eq!(status, 201, "{call}");
        let sid = call["sid"].as_str().unwrap();
        let ended = sim.wait_for_status(sid, "completed").await;
        assert_eq!(ended["direction"], "inbound");
        assert_eq!(
            (&ended["from"], &ended["to"]),
            (&json!(LISTENER), &json!(FROM))
        );
        assert_eq!(sim.report(sid).await["spoken"], spoken);
    }
    let first = app.hits("/inbound").remove(0);
    assert_eq!(first.param("CallStatus"), "ringing");
    assert_eq!(first.param("Direction"), "inbound");
    assert_eq!((first.param("From"), first.param("To")), (LISTENER, FROM));
    assert_ne!(first.header("x-twilio-signature"), "(absent)");
    let next = app.hits("/next").remove(0);
    assert_eq!(next.param("CallStatus"), "in-progress");
    assert_eq!(next.param("Digits"), "9");
    let status = app.wait("/status", 3).await.remove(0);
    assert_eq!(status.param("CallStatus"), "completed");
    assert_eq!(status.param("Direction"), "inbound");
}

#[tokio::test]
async fn call_is_refused_without_a_number_or_a_voice_url() {
    let (sim, app) = (Sim::start().await, app().await);
    let anonymous = json!({ "from": "anonymous" });
    for (body, problem) in [
        (&anonymous, "no VoiceUrl"),
        (
            &json!({ "from": LISTENER, "to": LISTENER }),
            "a number of the account",
        ),
        (&json!({ "to": FROM }), "missing field"),
        (&json!({ "from": LISTENER, "presses": ["x"] }), "only 0-9"),
    ] {
        let (status, answer) = call_in(&sim, body).await;
        assert_eq!(status, 400);
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(problem), "{message}");
    }
    let number = number(&sim).await;
    let (status, error) = sim.post(&number, &[("VoiceUrl", "nowhere")]).await;
    assert_eq!(
        (status, &error["code"]),
        (StatusCode::BAD_REQUEST, &json!(21502))
    );
    let inbound = app.url("/inbound");
    sim.post(&number, &[("VoiceUrl", &inbound)]).await;
    assert_eq!(call_in(&sim, &anonymous).await.0, 201);
    let (_, kept) = sim.post(&number, &[("StatusCallback", &inbound)]).await;
    assert_eq!(
        kept["voice_url"], inbound,
        "absent parameters change nothing"
    );
    let (_, removed) = sim.post(&number, &[("VoiceUrl", "")]).await;
    assert_eq!(removed["voice_url"], "");
    assert_eq!(call_in(&sim, &anonymous).await.0, 400);
    assert_eq!(sim.get("/IncomingPhoneNumbers/PN1.json").await.0, 404);
}
