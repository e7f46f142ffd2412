//! The Gather and Record verbs.

use serde_json::json;
use twilio_sim::scripted::Scripted;

use crate::support::{App, Hit, LISTENER, Sim, twiml};

/// Plays `first` to `to`; every later document says "Done.". Returns the spoken sentences, the next request and the duration.
async fn played(to: &str, first: &str) -> (serde_json::Value, Option<Hit>, String) {
    played_by(to, first, Scripted::default()).await
}

/// Plays `first` to a called party that presses these keys at its first Gather.
async fn pressed(keys: &str, first: &str) -> (serde_json::Value, Option<Hit>, String) {
    let script = json!({ LISTENER: { "presses": [keys] } });
    let callees = Scripted::parse(script.to_string().as_bytes()).unwrap();
    played_by(LISTENER, first, callees).await
}

async fn played_by(
    to: &str,
    first: &str,
    callees: Scripted,
) -> (serde_json::Value, Option<Hit>, String) {
    let first = first.to_owned();
    let app = App::responding(move |hit, before| match (hit.path.as_str(), before) {
        ("/voice", 0) => twiml(&first),
        _ => twiml("<Response><Say>Done.</Say></Response>"),
    })
    .await;
    let sim = Sim::with(|config| config.callees = callees).await;
    let sid = sim.call(to, &[("Url", &app.url("/voice"))]).await;
    let call = sim.wait_for_status(&sid, "completed").await;
    sim.wait_for_log(&sid, |entry| entry["status"] == "completed")
        .await;
    let next = app
        .hits("/next")
        .pop()
        .or_else(|| app.hits("/voice").into_iter().nth(1));
    (
        sim.report(&sid).await["spoken"].clone(),
        next,
        call["duration"].as_str().unwrap().to_owned(),
    )
}

const MENU: &str = "<Response><Gather action=\"/next\" numDigits=\"1\"><Say>Press one.</Say></Gather><Say>Nothing.</Say></Response>";

#[tokio::test]
async fn pressed_key_leads_to_the_action() {
    let (spoken, next, _) = played("+12125550106", MENU).await;
    assert_eq!(spoken, json!(["Press one.", "Done."]));
    let next = next.unwrap();
    assert_eq!(
        (next.param("Digits"), next.param("msg")),
        ("1", "Gather End")
    );
    assert_eq!(next.param("CallStatus"), "in-progress");
}

#[tokio::test]
async fn gather_without_input_falls_through_after_the_timeout() {
    let (spoken, next, seconds) = played(LISTENER, MENU).await;
    assert_eq!(spoken, json!(["Press one.", "Nothing."]));
    assert!(next.is_none());
    assert_eq!(seconds, "7");
}

#[tokio::test]
async fn empty_result_goes_to_the_action_if_requested() {
    let (spoken, next, _) = played(
        LISTENER,
        &MENU.replace("numDigits", "actionOnEmptyResult=\"true\" numDigits"),
    )
    .await;
    assert_eq!(spoken, json!(["Press one.", "Done."]));
    assert_eq!(next.unwrap().param("Digits"), "");
}

#[tokio::test]
async fn speech_counts_only_if_the_gather_accepts_it() {
    let speech = MENU.replace("numDigits=\"1\"", "input=\"dtmf speech\"");
    let (spoken, next, _) = played("+12125550107", &speech).await;
    assert_eq!(spoken, json!(["Press one.", "Done."]));
    let next = next.unwrap();
    assert_eq!(
        (next.param("SpeechResult"), next.param("Digits")),
        ("yes", "(absent)")
    );
    assert!(next.param("Confidence").parse::<f64>().unwrap() > 0.5);
    let (spoken, ..) = played("+12125550107", MENU).await;
    assert_eq!(spoken, json!(["Press one.", "Nothing."]));
}

#[tokio::test]
async fn gather_without_an_action_requests_its_own_document() {
    let (_, next, _) = played("+12125550106", "<Response><Gather/></Response>").await;
    let next = next.unwrap();
    assert_eq!((next.path.as_str(), next.param("Digits")), ("/voice", "1"));
}

#[tokio::test]
async fn record_verb_makes_its_own_recording() {
    let text =
        "<Response><Record action=\"/next\" recordingStatusCallback=\"/recording\"/></Response>";
    let (spoken, next, _) = played(LISTENER, text).await;
    assert_eq!(spoken, json!(["Done."]));
    let next = next.unwrap();
    assert_eq!(next.param("RecordingDuration"), "3");
    assert!(
        next.param("RecordingUrl")
            .ends_with(next.param("RecordingSid"))
    );
}

#[tokio::test]
async fn record_verb_reports_to_its_callback() {
    let app = App::with_twiml("<Response><Record action=\"/next\" maxLength=\"2\" recordingStatusCallback=\"/recording\" recordingStatusCallbackEvent=\"in-progress completed\"/></Response>").await;
    let sim = Sim::start().await;
    sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    let hits = app.wait("/recording", 2).await;
    let statuses: Vec<_> = hits
        .iter()
        .map(|hit| (hit.param("RecordingStatus"), hit.param("RecordingSource")))
        .collect();
    assert_eq!(
        statuses,
        [("in-progress", "RecordVerb"), ("completed", "RecordVerb")]
    );
    assert_eq!(hits[1].param("RecordingDuration"), "2");
}

#[tokio::test]
async fn silent_record_has_no_recording_and_the_next_verb_follows() {
    let (spoken, next, _) = played(
        "+12125550108",
        "<Response><Record action=\"/next\"/><Say>Nothing.</Say></Response>",
    )
    .await;
    assert_eq!(spoken, json!(["Nothing."]));
    assert!(next.is_none());
}

#[tokio::test]
async fn hangup_during_a_record_is_reported_to_the_action() {
    let app = App::with_twiml("<Response><Record action=\"/next\"/></Response>").await;
    let sim = Sim::start().await;
    sim.call("+12125550105", &[("Url", &app.url("/voice"))])
        .await;
    let hit = &app.wait("/next", 1).await[0];
    assert_eq!(
        (
            hit.param("Digits"),
            hit.param("CallStatus"),
            hit.param("RecordingDuration")
        ),
        ("hangup", "completed", "3")
    );
}

/// Speaks for two seconds, and then waits five.
const PIN: &str = "<Response><Gather action=\"/next\" numDigits=\"4\"><Say>Please enter your PIN no.</Say></Gather><Say>Nothing.</Say></Response>";

#[tokio::test]
async fn gather_ends_with_its_last_digit() {
    let (spoken, next, seconds) = pressed("W1234567", PIN).await;
    let next = next.unwrap();
    assert_eq!(
        (next.param("Digits"), next.param("FinishedOnKey")),
        ("1234", "")
    );
    assert_eq!(spoken, json!(["Done."]), "the first key cut the prompt off");
    assert_eq!(seconds, "2");
}

#[tokio::test]
async fn finishing_key_ends_a_gather_and_is_no_digit() {
    let (_, next, seconds) = pressed("W12#", PIN).await;
    let next = next.unwrap();
    assert_eq!(
        (next.param("Digits"), next.param("FinishedOnKey")),
        ("12", "#")
    );
    assert_eq!(seconds, "2");
}

#[tokio::test]
async fn timeout_ends_a_gather_after_its_last_key() {
    let (_, next, seconds) = pressed("W12WWWWWW3", PIN).await;
    let next = next.unwrap();
    assert_eq!(
        (next.param("Digits"), next.param("FinishedOnKey")),
        ("12", "")
    );
    assert_eq!(seconds, "7");
}

#[tokio::test]
async fn finishing_key_alone_counts_as_no_input() {
    let (spoken, next, seconds) = pressed("W#", PIN).await;
    assert!(next.is_none());
    assert_eq!(spoken, json!(["Nothing."]));
    assert_eq!(seconds, "2");
}

#[tokio::test]
async fn every_key_is_input_without_a_finishing_key() {
    let any = MENU.replace("numDigits", "finishOnKey=\"\" numDigits");
    for key in ["#", "*", "7"] {
        let (_, next, _) = pressed(key, &any).await;
        assert_eq!(next.unwrap().param("Digits"), key);
    }
}

#[tokio::test]
async fn key_that_comes_too_late_is_not_heard() {
    let (spoken, next, _) = pressed("WWWWWWW1", MENU).await;
    assert!(next.is_none());
    assert_eq!(spoken, json!(["Press one.", "Nothing."]));
}

#[tokio::test]
async fn key_after_the_prompt_does_not_cut_it_off() {
    let (spoken, next, _) = pressed("WW1", MENU).await;
    assert_eq!(next.unwrap().param("Digits"), "1");
    assert_eq!(spoken, json!(["Press one.", "Done."]));
}
