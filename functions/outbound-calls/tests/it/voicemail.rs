//! Tests calls to answering machines, from the request to the result.

use serde_json::{Value, json};
use testkit::Twilio;
use twilio_sim::clock::Speed;

use crate::{
    life::Played,
    support::{eventually, text},
};

const MESSAGE: &str = "This is Dr. Gray. Please call us back.";
const MACHINE: &str = "+12125550104";
const PERSON: &str = "+12125550123";

fn steps() -> Value {
    json!([
        { "say": "You have an appointment on Monday." },
        { "id": "confirm", "ask": "Press 1 to confirm.", "tries": 1, "options": { "1": { "outcome": "confirmed", "say": "Thank you." } }, "no_input": { "outcome": "unconfirmed" } },
    ])
}

fn leave_message() -> Value {
    json!({ "action": "leave_message", "message": MESSAGE })
}

/// Plays a call at this speed with these called parties. Returns the call, and what Twilio knows of it.
async fn played_with(
    speed: &str,
    callees: &Value,
    faults: &Value,
    to: &str,
    changes: &Value,
) -> (Value, Value) {
    let twilio = Twilio::start_with(Speed::parse(speed).unwrap(), callees).await;
    twilio.faults(faults).await;
    let played = Played::with(twilio).await;
    let api = &played.api;
    let mut body = json!({ "user_id": api.user, "to_number": to });
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = text(&answer.json()["call_id"]);
    let call = eventually("the call is completed", async || {
        let call = api.call(&id).await;
        (call["status"] == "completed").then_some(call)
    })
    .await;
    let at_twilio = api.twilio.calls().await[0].clone();
    (call, at_twilio)
}

async fn played(to: &str, changes: &Value) -> (Value, Value) {
    played_with("20", &json!({}), &json!({}), to, changes).await
}

/// What the machine has recorded from its beginning to its end.
fn recorded(at_twilio: &Value) -> Vec<String> {
    let all = at_twilio["machine"]["recorded"].as_array().unwrap().iter();
    let whole = all.filter(|sentence| sentence["whole"] == true);
    whole.map(|sentence| text(&sentence["text"])).collect()
}

#[tokio::test]
async fn machine_records_the_whole_message_from_its_beep_on() {
    for to in [MACHINE, "+12125550117", "+12125550118"] {
        for content in [
            json!({ "steps": steps() }),
            json!({ "script": "A short script." }),
        ] {
            let mut changes = content.clone();
            changes["voicemail"] = leave_message();
            let (call, at_twilio) = played(to, &changes).await;
            assert_eq!(recorded(&at_twilio), [MESSAGE], "{to}: {at_twilio}");
            assert_eq!(call["result"], "voicemail_left", "{call}");
            assert!(text(&call["answered_by"]).starts_with("machine_end"));
        }
    }
}

#[tokio::test]
async fn machine_records_the_number_to_call_for_no_further_calls() {
    let twilio = Twilio::start_with(Speed::parse("20").unwrap(), &json!({})).await;
    let notices =
        r#"{"en": {"identity": "I", "opt_out": "O", "callback": "To stop, call {number}."}}"#;
    let change = |stage: testkit::Stage| {
        let stage = stage.set("NOTICES", notices).set("OPT_OUT_KEY", "9");
        stage.set("CALLBACK_NUMBER", "+12125550100")
    };
    let played = Played::with_stage(twilio, change).await;
    let api = &played.api;
    let body = json!({ "user_id": api.user, "to_number": MACHINE, "steps": steps(), "voicemail": leave_message() });
    let id = text(&api.post(&body).await.json()["call_id"]);
    let call = eventually("the call is completed", async || {
        let call = api.call(&id).await;
        (call["status"] == "completed").then_some(call)
    })
    .await;
    assert_eq!(call["result"], "voicemail_left", "{call}");
    let at_twilio = api.twilio.calls().await[0].clone();
    let number = "To stop, call 1, 2, 1, 2, 5, 5, 5, 0, 1, 0, 0.";
    assert_eq!(recorded(&at_twilio), [MESSAGE, number], "{at_twilio}");
}

#[tokio::test]
async fn person_hears_the_first_word_at_once_and_nothing_else() {
    let changes = json!({ "steps": steps(), "voicemail": leave_message() });
    let (call, at_twilio) = played(PERSON, &changes).await;
    assert_eq!(call["result"], "unconfirmed");
    assert_eq!(call["delivery"], "full");
    assert_eq!(call["answered_by"], "human");
    let first = at_twilio["heard"][0]["from_ms"].as_u64().unwrap();
    assert!(first < 1_500, "{at_twilio}");
    let spoken = json!(["You have an appointment on Monday.", "Press 1 to confirm."]);
    assert_eq!(at_twilio["spoken"], spoken);
}

#[tokio::test]
async fn call_without_a_result_of_detection_ends_after_a_while() {
    let faults = json!({ "callbacks": [{ "kind": "amd", "action": "drop" }] });
    let changes = json!({ "script": "A short script.", "voicemail": leave_message() });
    let (call, at_twilio) = played_with("100", &json!({}), &faults, PERSON, &changes).await;
    assert_eq!(call["result"], "completed", "{call}");
    let seconds = at_twilio["duration"].as_u64().unwrap();
    assert!((60..=80).contains(&seconds), "{at_twilio}");
}

#[tokio::test]
async fn person_taken_for_a_machine_can_still_answer() {
    let callees = json!({ PERSON: { "presses": ["", "WWWW1"], "detected_as": "machine" } });
    let changes = json!({ "steps": steps(), "voicemail": leave_message() });
    let (call, at_twilio) = played_with("20", &callees, &json!({}), PERSON, &changes).await;
    assert_eq!(call["result"], "confirmed", "{call}");
    let spoken = at_twilio["spoken"].to_string();
    assert!(spoken.contains("Thank you."), "{at_twilio}");
}

#[tokio::test]
async fn key_prevents_a_late_result_from_cutting_the_call_off() {
    let callees = json!({ PERSON: { "presses": ["W1"], "detected_as": "machine", "detected_after_seconds": 2 } });
    let changes = json!({ "steps": [
        { "id": "confirm", "ask": "Press 1 to confirm.", "options": { "1": { "outcome": "confirmed", "say": "Thank you. We are looking forward to Monday." } } },
    ], "voicemail": leave_message() });
    let (call, at_twilio) = played_with("10", &callees, &json!({}), PERSON, &changes).await;
    assert_eq!(call["result"], "confirmed");
    let spoken = json!(["Thank you. We are looking forward to Monday."]);
    assert_eq!(at_twilio["spoken"], spoken, "{at_twilio}");
}

#[tokio::test]
async fn machines_and_faxes_are_hung_up_on() {
    for (to, action) in [
        (MACHINE, json!({ "action": "hang_up" })),
        ("+12125550111", json!({ "action": "hang_up" })),
        ("+12125550111", leave_message()),
    ] {
        let script = "A script that is longer than the time that detection takes. ".repeat(4);
        let changes = json!({ "script": script, "voicemail": action });
        let (call, at_twilio) = played(to, &changes).await;
        assert_eq!(call["result"], "voicemail_missed", "{call}");
        assert_eq!(at_twilio["ended_by"], "update", "{at_twilio}");
    }
}

#[tokio::test]
async fn machine_that_hangs_up_first_has_missed_the_message() {
    let callees = json!({ MACHINE: { "hangs_up_after_seconds": 7.5 } });
    let changes = json!({ "steps": steps(), "voicemail": leave_message() });
    let (call, _) = played_with("20", &callees, &json!({}), MACHINE, &changes).await;
    assert_eq!(call["voicemail"]["action"], "leave_message");
    assert_ne!(call["result"], "voicemail_left");
}

#[tokio::test]
async fn message_reaches_the_machine_although_the_change_of_the_call_fails() {
    let faults = json!({ "rest": [{ "on": "update", "action": "error", "status": 500 }] });
    let changes = json!({ "script": "A short script.", "voicemail": leave_message() });
    let (call, at_twilio) = played_with("10", &json!({}), &faults, MACHINE, &changes).await;
    assert_eq!(recorded(&at_twilio), [MESSAGE], "{at_twilio}");
    assert_eq!(call["result"], "voicemail_left", "{call}");
}
