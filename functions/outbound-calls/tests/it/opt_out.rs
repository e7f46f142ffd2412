//! Tests opting out, from the request to the refusal of the next call.

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use testkit::Twilio;
use twilio_sim::clock::Speed;

use crate::{
    life::Played,
    support::{Api, eventually, having_queue, in_minutes, text},
};

const TO: &str = "+12125550123";
const NOTICES: &str =
    r#"{"en-US": {"identity": "This is Example.", "opt_out": "Press 9 for no further calls."}}"#;

fn confirm() -> Value {
    json!([{ "id": "confirm", "ask": "Press 1 to confirm.", "options": { "1": { "outcome": "confirmed" } } }])
}

#[tokio::test]
async fn person_who_opts_out_is_not_called_again() {
    for (steps, keys) in [
        (confirm(), "9"),
        (json!([{ "say": "Your order is ready." }]), "9"),
        (
            json!([{ "id": "confirm", "ask": "Press 2 to stop.", "options": { "2": { "block": true } } }]),
            "2",
        ),
    ] {
        let callees = json!({ TO: { "presses": [keys] } });
        let twilio = Twilio::start_with(Speed::parse("40").unwrap(), &callees).await;
        let change = |stage: testkit::Stage| stage.set("NOTICES", NOTICES).set("OPT_OUT_KEY", "9");
        let played = Played::with_stage(twilio, change).await;
        let api = &played.api;
        let body = json!({ "user_id": api.user, "to_number": TO, "steps": steps });
        let answer = api.post(&body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = text(&answer.json()["call_id"]);
        let call = eventually("the call is completed", async || {
            let call = api.call(&id).await;
            (call["status"] == "completed").then_some(call)
        })
        .await;
        assert_eq!(call["result"], "opted_out");
        let again = api
            .post(&json!({ "user_id": api.user, "to_number": TO, "script": "Hello." }))
            .await;
        again.assert_problem(422, "number_blocked");
    }
}

#[tokio::test]
async fn person_who_calls_back_and_opts_out_is_not_called_again() {
    let twilio = Twilio::start_at(Speed::parse("40").unwrap()).await;
    let change = |stage: testkit::Stage| {
        let stage = stage.set("NOTICES", NOTICES).set("OPT_OUT_KEY", "9");
        having_queue(stage).set("DIALS_PER_SECOND", "100")
    };
    let played = Played::with_stage(twilio, change).await;
    let api = &played.api;
    let waiting = api
        .schedule(in_minutes(60), &json!({ "to_number": TO }))
        .await;
    let body = json!({ "user_id": api.user, "to_number": TO, "script": "Hello." });
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = text(&answer.json()["call_id"]);
    eventually("the call is completed", async || {
        (api.call(&id).await["status"] == "completed").then_some(())
    })
    .await;

    let stranger = "+12125550124";
    for (from, keys) in [
        (stranger, &["W9"][..]),
        ("anonymous", &["W9"]),
        (TO, &["W#", "", "W*"]),
        (TO, &["W#", "W9"]),
    ] {
        let sid = api.twilio.call_back(from, keys).await;
        let heard = eventually("the call has ended", async || {
            let calls = api.twilio.calls().await;
            let call = calls.into_iter().find(|call| call["sid"] == *sid)?;
            (call["status"] == "completed").then_some(call)
        })
        .await;
        assert_eq!(heard["ended_by"], "instructions", "{heard}");
        let words = heard["spoken"].to_string();
        let confirms = words.contains("You will get no further calls from us.");
        let has_number = from.starts_with('+');
        let is_opt_out = keys.last() == Some(&"W9");
        assert_eq!(confirms, has_number && is_opt_out, "{heard}");
        assert_eq!(words.contains("can't see your number"), !has_number);
    }
    let callees = [(stranger, 201), (TO, 422)];
    for (to, expected) in callees {
        let body = json!({ "user_id": api.user, "to_number": to, "script": "Hello." });
        let answer = api.post(&body).await;
        assert_eq!(answer.status, expected, "{to}: {}", answer.text());
    }
    // The function `effects` then cancels the call that waits.
    let called = api.call(&id).await;
    assert_eq!(called["result"], Value::Null);
    assert_eq!(api.call(&waiting).await["status"], "scheduled");
    let calls = api.stage.database().collection::<Document>("calls");
    let noted = doc! { "call_id": &id, "effects.type": "opt_out" };
    assert_eq!(calls.count_documents(noted).await.unwrap(), 1);
}

#[tokio::test]
async fn opt_out_key_is_no_option_and_needs_its_notices() {
    let with = |notices: &'static str, key: &'static str| async move {
        Api::with(|stage| stage.set("NOTICES", notices).set("OPT_OUT_KEY", key)).await
    };
    let nine = json!([{ "id": "a", "ask": "A?", "options": { "1": {}, "9": {} } }]);
    let blocks = json!([{ "id": "a", "ask": "A?", "options": { "1": { "block": true } } }]);
    let recorded = json!({ "recording_enabled": true });
    for (notices, key, steps, changes, fields) in [
        (NOTICES, "9", &nine, json!({}), vec!["steps[0].options.9"]),
        (NOTICES, "8", &nine, json!({}), vec![]),
        (
            "{}",
            "9",
            &nine,
            json!({}),
            vec!["language", "steps[0].options.9"],
        ),
        (
            NOTICES,
            "9",
            &confirm(),
            json!({ "language": "es-MX" }),
            vec!["language"],
        ),
        (NOTICES, "9", &confirm(), recorded, vec!["language"]),
        ("{}", "", &blocks, json!({}), vec!["language"]),
        (NOTICES, "", &blocks, json!({}), vec![]),
        ("{}", "", &confirm(), json!({}), vec![]),
    ] {
        let api = with(notices, key).await;
        let mut body = json!({ "user_id": api.user, "to_number": TO, "steps": steps });
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        let answer = api.post(&body).await;
        if fields.is_empty() {
            assert_eq!(answer.status, 201, "{}", answer.text());
            continue;
        }
        answer.assert_problem(422, "validation_failed");
        let mut named = answer.fields();
        named.sort_unstable();
        assert_eq!(named, fields);
        api.assert_untouched().await;
    }
}

#[tokio::test]
async fn message_for_a_machine_needs_the_number_to_call_back() {
    let with_steps = json!({ "steps": confirm() });
    let with_script = json!({ "script": "Hello." });
    for (content, notices, key, number, fields) in [
        (&with_steps, NOTICES, "9", "+12125550100", vec![]),
        (&with_script, "{}", "9", "+12125550100", vec![]),
        (&with_script, "{}", "", "", vec![]),
        (&with_steps, NOTICES, "9", "", vec!["voicemail.action"]),
        (&with_script, "{}", "9", "", vec!["voicemail.action"]),
        (
            &with_steps,
            "{}",
            "9",
            "",
            vec!["language", "voicemail.action"],
        ),
    ] {
        let change = |stage: testkit::Stage| {
            let stage = stage.set("NOTICES", notices).set("OPT_OUT_KEY", key);
            stage.set("CALLBACK_NUMBER", number)
        };
        let api = Api::with(change).await;
        let mut body = content.clone();
        body["user_id"] = json!(api.user);
        body["to_number"] = json!(TO);
        body["voicemail"] = json!({ "action": "leave_message", "message": "Call us." });
        let answer = api.post(&body).await;
        if fields.is_empty() {
            assert_eq!(answer.status, 201, "{}", answer.text());
            continue;
        }
        answer.assert_problem(422, "validation_failed");
        let mut named = answer.fields();
        named.sort_unstable();
        assert_eq!(named, fields);
        api.assert_untouched().await;
    }
}

#[tokio::test]
async fn call_that_leaves_no_message_needs_no_number_to_call_back() {
    let api = Api::with(|stage| stage.set("OPT_OUT_KEY", "9")).await;
    let body = json!({ "user_id": api.user, "to_number": TO, "script": "Hello.", "voicemail": { "action": "hang_up" } });
    assert_eq!(api.post(&body).await.status, 201);
}

#[tokio::test]
async fn silence_can_not_block() {
    let api = Api::new().await;
    let steps = json!([{ "id": "a", "ask": "A?", "max_digits": 1, "no_input": { "block": true } }]);
    let answer = api
        .post(&json!({ "user_id": api.user, "to_number": TO, "steps": steps }))
        .await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["steps[0].no_input.block"]);
}

#[tokio::test]
async fn changed_steps_need_their_notices_too() {
    let api = Api::with(|stage| having_queue(stage).set("OPT_OUT_KEY", "9")).await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let answer = api.patch(&id, &json!({ "steps": confirm() })).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["language"]);
}
