//! Tests calls that connect the person with another number.

use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};
use testkit::Twilio;
use twilio_sim::clock::Speed;

use crate::{
    life::Played,
    support::{Api, eventually, in_minutes, text},
};

const TO: &str = "+12125550123";
const AGENT: &str = "+12125550199";
const WHISPER: &str = "An alarm. Press 1 to talk.";

/// An on-call page: 1 acknowledges and connects.
fn page() -> Value {
    json!([
        {
            "id": "page", "ask": "The database is down. Press 1 to take over.",
            "options": { "1": { "outcome": "ack", "say": "Connecting.", "goto": "agent" } },
        },
        { "id": "agent", "transfer": { "to": AGENT, "whisper": WHISPER, "failed": { "say": "Nobody answers." } } },
    ])
}

/// A transfer at once.
fn direct() -> Value {
    json!([
        { "say": "Hello." },
        { "id": "agent", "transfer": { "to": AGENT, "max_seconds": 60, "failed": { "outcome": "no_agent", "goto": "sorry" } } },
        { "hang_up": true },
        { "id": "sorry", "say": "Sorry." },
    ])
}

async fn start(callees: &Value, speed: &str) -> Played {
    let twilio = Twilio::start_with(Speed::parse(speed).unwrap(), callees).await;
    Played::with(twilio).await
}

async fn place(api: &Api, steps: &Value) -> String {
    let body = json!({ "user_id": api.user, "to_number": TO, "steps": steps });
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    text(&answer.json()["call_id"])
}

/// Plays a call with these steps. Returns the call, what Twilio knows of it, and the legs that it dialled.
async fn played(steps: &Value, callees: &Value) -> (Value, Value, Vec<Value>) {
    let played = start(callees, "40").await;
    let api = &played.api;
    let id = place(api, steps).await;
    let call = eventually("the call is completed", async || {
        let call = api.call(&id).await;
        (call["status"] == "completed").then_some(call)
    })
    .await;
    let (legs, calls): (Vec<_>, Vec<_>) = api
        .twilio
        .calls()
        .await
        .into_iter()
        .partition(|call| call["direction"] == "outbound-dial");
    assert_eq!(calls.len(), 1);
    (call, calls[0].clone(), legs)
}

#[tokio::test]
async fn acknowledged_page_is_connected_and_keeps_its_outcome() {
    let callees = json!({
        TO: { "presses": ["W1"] },
        AGENT: { "presses": ["WW1"], "talks_seconds": 90 },
    });
    let (call, at_twilio, legs) = played(&page(), &callees).await;
    assert_eq!(call["result"], "ack");
    assert_eq!(at_twilio["spoken"], json!(["Connecting."]));
    assert_eq!(legs.len(), 1);
    let leg = &legs[0];
    assert_eq!(leg["parent_call_sid"], call["twilio_sid"]);
    assert_eq!(
        (&leg["to"], &leg["from"]),
        (&json!(AGENT), &at_twilio["from"])
    );
    assert_eq!(leg["bridged_seconds"], 90);
    assert_eq!(leg["spoken"], json!([WHISPER]));
    let stored = &call["transfers"][0];
    for (field, value) in [
        ("step", json!("agent")),
        ("call_sid", leg["sid"].clone()),
        ("status", json!("completed")),
        ("connected", json!(true)),
        ("duration_seconds", leg["duration"].clone()),
        ("reason", json!(null)),
    ] {
        assert_eq!(stored[field], value, "{field}");
    }
    assert!(call["duration_seconds"].as_i64() >= stored["duration_seconds"].as_i64());
}

#[tokio::test]
async fn connection_without_an_outcome_is_transferred() {
    let callees = json!({ AGENT: { "presses": ["1"], "talks_seconds": 600 } });
    let (call, at_twilio, legs) = played(&direct(), &callees).await;
    assert_eq!(call["result"], "transferred");
    assert_eq!(call["delivery"], "full");
    assert_eq!(at_twilio["spoken"], json!(["Hello."]));
    // The longest connection is part of the leg's time limit.
    assert_eq!(legs[0]["ended_by"], "time_limit");
    assert_eq!(legs[0]["duration"], 60);
}

#[tokio::test]
async fn person_who_hangs_up_during_the_transfer_was_connected_all_the_same() {
    let callees = json!({
        TO: { "hangs_up_after_seconds": 40 },
        AGENT: { "presses": ["1"], "talks_seconds": 600 },
    });
    let (call, at_twilio, legs) = played(&direct(), &callees).await;
    assert_eq!(at_twilio["ended_by"], "callee");
    assert_eq!(legs[0]["ended_by"], "other_leg");
    assert_eq!(call["result"], "transferred");
}

#[tokio::test]
async fn nobody_who_takes_the_call_means_failed() {
    for (agent, status) in [
        (json!({}), "completed"),
        (json!({ "presses": ["2"] }), "completed"),
        (json!({ "hangs_up_after_seconds": 1 }), "completed"),
    ] {
        let (call, at_twilio, legs) = played(&direct(), &json!({ AGENT: agent })).await;
        assert_eq!(call["result"], "no_agent", "{agent}");
        assert_eq!(at_twilio["spoken"], json!(["Hello.", "Sorry."]));
        assert_eq!(legs.len(), 1);
        assert_eq!(call["transfers"][0]["status"], status);
        assert_eq!(call["transfers"][0]["connected"], false);
        assert_eq!(call["delivery"], "full");
    }
    for (number, status) in [
        ("+12125550101", "busy"),
        ("+12125550102", "no-answer"),
        ("+12125550103", "failed"),
    ] {
        let mut steps = direct();
        steps[1]["transfer"]["to"] = json!(number);
        let (call, at_twilio, _) = played(&steps, &json!({})).await;
        assert_eq!(call["transfers"][0]["status"], status);
        assert_eq!(call["result"], "no_agent");
        assert_eq!(at_twilio["spoken"], json!(["Hello.", "Sorry."]));
    }
}

#[tokio::test]
async fn next_number_follows_after_the_first_has_failed() {
    let second = "+12125550198";
    let steps = json!([
        { "id": "one", "transfer": { "to": "+12125550101" } },
        { "id": "two", "transfer": { "to": second } },
        { "say": "Sorry." },
    ]);
    let callees = json!({ second: { "presses": ["1"] } });
    let (call, at_twilio, legs) = played(&steps, &callees).await;
    assert_eq!(legs.len(), 2);
    let transfers = call["transfers"].as_array().unwrap();
    let shown: Vec<_> = transfers
        .iter()
        .map(|leg| (&leg["step"], &leg["status"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("one"), &json!("busy")),
            (&json!("two"), &json!("completed"))
        ]
    );
    assert_eq!(call["result"], "transferred");
    assert_eq!(at_twilio["spoken"], json!([]));
}

#[tokio::test]
async fn number_that_was_blocked_meanwhile_is_not_dialled() {
    let callees = json!({ TO: { "presses": ["WWWWW1"] }, AGENT: { "presses": ["1"] } });
    for is_switch in [false, true] {
        let played = start(&callees, "2").await;
        let api = &played.api;
        let id = place(api, &page()).await;
        if is_switch {
            let switch = doc! { "_id": "dialing", "on": false };
            let counters = api.stage.database().collection("counters");
            counters.insert_one(switch).await.unwrap();
        } else {
            // Another spelling of the same line.
            let blocked = doc! { "number": "+112125550199", "created_at": DateTime::now() };
            let numbers = api.stage.database().collection("blocked_numbers");
            numbers.insert_one(blocked).await.unwrap();
        }
        let call = eventually("the call is completed", async || {
            let call = api.call(&id).await;
            (call["status"] == "completed").then_some(call)
        })
        .await;
        let leg = &call["transfers"][0];
        let reason = if is_switch {
            "dialing_off"
        } else {
            "number_blocked"
        };
        assert_eq!(
            (&leg["status"], &leg["reason"]),
            (&json!("refused"), &json!(reason))
        );
        assert_eq!(leg["connected"], false);
        let calls = api.twilio.calls().await;
        assert_eq!(calls.len(), 1, "no leg: {calls:?}");
        let spoken = calls[0]["spoken"].as_array().unwrap();
        assert!(spoken.ends_with(&[json!("Connecting."), json!("Nobody answers.")]));
        assert_eq!(call["result"], "ack");
    }
}

#[tokio::test]
async fn hang_up_request_ends_both_legs() {
    let callees = json!({ AGENT: { "presses": ["1"], "talks_seconds": 86400 } });
    let played = start(&callees, "10").await;
    let api = &played.api;
    let mut steps = direct();
    steps[1]["transfer"]["max_seconds"] = json!(3600);
    let id = place(api, &steps).await;
    eventually("the other party has pressed 1", async || {
        let call = api.call(&id).await;
        (call["transfers"][0]["status"] == "accepted").then_some(())
    })
    .await;
    assert_eq!(api.hang_up(&id).await.status, 202);
    eventually("both legs have ended", async || {
        let calls = api.twilio.calls().await;
        let is_over = |call: &Value| call["status"] == "completed";
        (calls.len() == 2 && calls.iter().all(is_over)).then_some(())
    })
    .await;
    let call = eventually("the end of the leg is stored", async || {
        let call = api.call(&id).await;
        (call["transfers"][0]["connected"] == true && call["status"] == "completed").then_some(call)
    })
    .await;
    assert_eq!(call["result"], "transferred");
}

#[tokio::test]
async fn number_of_a_transfer_must_keep_the_rules_for_called_numbers() {
    let api = Api::with_queue().await;
    for (to, code) in [
        (TO, "own_number"),
        ("+12125550100", "own_number"),
        ("+19005550123", "number_type_not_allowed"),
        ("+442079460123", "country_not_allowed"),
        ("+11234567890", "number_not_valid"),
        ("+15005550006", "number_blocked"),
    ] {
        if code == "number_blocked" {
            let blocked = doc! { "number": to, "created_at": DateTime::now() };
            let numbers = api.stage.database().collection("blocked_numbers");
            numbers.insert_one(blocked).await.unwrap();
        }
        let mut steps = direct();
        steps[1]["transfer"]["to"] = json!(to);
        let body = json!({ "user_id": api.user, "to_number": TO, "steps": steps });
        let answer = api.post(&body).await;
        assert_eq!(answer.status, 422, "{to}: {}", answer.text());
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{to}: {problem}");
        assert_eq!(
            problem["errors"][0]["field"], "steps[1].transfer.to",
            "{problem}"
        );
    }
    api.assert_untouched().await;
}

#[tokio::test]
async fn changed_steps_are_checked_as_well() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let mut steps = direct();
    let change = api.patch(&id, &json!({ "steps": steps })).await;
    assert_eq!(change.status, 200, "{}", change.text());
    steps[1]["transfer"]["to"] = json!("+19005550123");
    let change = api.patch(&id, &json!({ "steps": steps })).await;
    assert_eq!(change.status, 422, "{}", change.text());
    assert_eq!(change.json()["code"], "number_type_not_allowed");
    let stored = api.stage.stored(&id).await;
    assert_eq!(stored.get_array("transfer_lines").unwrap().len(), 1);
    let call = api.call(&id).await;
    assert_eq!(call.get("transfer_lines"), None);
}

#[tokio::test]
async fn whisper_is_needed_unless_the_call_is_in_english() {
    let api = Api::new().await;
    let mut steps = direct();
    let body = |steps: &Value| json!({ "user_id": api.user, "to_number": TO, "steps": steps, "language": "es-MX" });
    let answer = api.post(&body(&steps)).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(
        answer.json()["errors"][0]["field"],
        "steps[1].transfer.whisper"
    );
    steps[1]["transfer"]["whisper"] = json!("Una llamada. Oprima 1.");
    let answer = api.post(&body(&steps)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}
