//! Tests violations of results.

use serde_json::json;

use super::fixtures::{after, leg, listens, request, transfers, voicemail};
use crate::evidence::{Evidence, Keys};
use crate::violation::Kind;

fn asks(it: &mut Evidence, result: &str) {
    let steps = json!([{
        "id": "choice",
        "ask": [{ "text": "Press 1." }],
        "options": { "1": { "outcome": "yes" } },
        "no_input": { "outcome": "silent" },
    }]);
    listens(it, &steps);
    it.stored_calls[0].result = Some(result.into());
    it.webhooks.push(request("step=end", 20_000));
}

#[test]
fn result_that_the_call_shows_is_no_violation() {
    assert_eq!(after(|it| asks(it, "completed")), []);
    let chosen = |it: &mut Evidence| {
        asks(it, "yes");
        let mut pressed = request("step=choice&try=1&keys=1", 10_000);
        pressed.answer = None;
        pressed.keys = Some(Keys {
            step: "choice".into(),
            nth: 1,
            digits: "1".into(),
        });
        it.webhooks.insert(0, pressed);
    };
    assert_eq!(after(chosen), []);
    let silent = |it: &mut Evidence| {
        asks(it, "silent");
        it.webhooks.push(request("step=choice&try=1", 10_000));
    };
    assert_eq!(after(silent), []);
}

#[test]
fn outcome_that_nobody_chose_is_found() {
    for result in ["yes", "silent", "opted_out", "no_agent"] {
        let invented = |it: &mut Evidence| asks(it, result);
        assert_eq!(after(invented), [Kind::OutcomeInvented], "{result}");
    }
    let connected = |it: &mut Evidence| {
        transfers(it);
        it.stored_calls[0].result = Some("no_agent".into());
        it.legs.push(leg("CA2"));
    };
    assert_eq!(after(connected), []);
    let connected = |it: &mut Evidence| {
        connected(it);
        it.legs[0].bridged_seconds = Some(0);
    };
    assert_eq!(after(connected), [Kind::OutcomeInvented]);
}

#[test]
fn result_that_contradicts_the_call_is_found() {
    let differs = [Kind::ResultDiffers];
    for result in [
        "not_reached",
        "transferred",
        "voicemail_left",
        "voicemail_missed",
        "hung_up",
        "error",
    ] {
        assert_eq!(after(|it| asks(it, result)), differs, "{result}");
    }
    let without_end = |it: &mut Evidence| {
        asks(it, "completed");
        it.webhooks.pop();
    };
    assert_eq!(after(without_end), differs);
    let busy = |it: &mut Evidence| {
        asks(it, "hung_up");
        it.twilio_calls[0].status = "busy".into();
        it.twilio_calls[0].ended_by = None;
        it.stored_calls[0].status = "busy".into();
    };
    assert_eq!(after(busy), differs);
    let connected = |it: &mut Evidence| {
        transfers(it);
        it.stored_calls[0].result = Some("completed".into());
        it.legs.push(leg("CA2"));
        it.legs[0].bridged_seconds = Some(3);
    };
    assert_eq!(after(connected), differs);
}

#[test]
fn failure_explains_a_result() {
    let failed = |it: &mut Evidence| {
        asks(it, "hung_up");
        it.webhooks.last_mut().unwrap().answer = None;
        it.webhooks.push(request("fallback=1", 21_000));
    };
    assert_eq!(after(failed), []);
    let hung_up = |it: &mut Evidence| {
        asks(it, "hung_up");
        it.twilio_calls[0].ended_by = Some("callee".into());
    };
    assert_eq!(after(hung_up), []);
    let machine_hung_up = |it: &mut Evidence| {
        voicemail(it, &json!({ "action": "hang_up" }));
        it.stored_calls[0].result = Some("voicemail_missed".into());
        it.twilio_calls[0].ended_by = Some("update".into());
        it.twilio_calls[0].answered_by = Some("machine_start".into());
    };
    assert_eq!(after(machine_hung_up), []);
}
