//! Tests violations of what a call says, and of the report of what it did not say.

use super::fixtures::after;
use crate::evidence::{Evidence, Webhook};
use crate::violation::Kind;

/// Makes the call speak an apology instead of the script, and report it.
fn apologized(it: &mut Evidence) {
    it.twilio_calls[0].spoken = vec![outdial::config::DEFAULT_APOLOGY.into()];
    it.stored_calls[0].delivery = Some("none".into());
}

#[test]
fn reported_apology_is_no_violation() {
    assert_eq!(after(apologized), []);
}

#[test]
fn unspoken_and_unreported_script_is_found() {
    let unreported = |it: &mut Evidence| {
        apologized(it);
        it.stored_calls[0].delivery = None;
    };
    assert_eq!(after(unreported), [Kind::ScriptNotSpoken]);
    let silent = |it: &mut Evidence| {
        apologized(it);
        it.twilio_calls[0].spoken.clear();
    };
    assert_eq!(after(silent), [Kind::ScriptNotSpoken]);
    let another = |it: &mut Evidence| it.twilio_calls[0].spoken = vec!["Another script.".into()];
    assert_eq!(after(another), [Kind::ScriptNotSpoken]);
    let begun = |it: &mut Evidence| {
        it.twilio_calls[0].interrupted = std::mem::take(&mut it.twilio_calls[0].spoken);
    };
    assert_eq!(after(begun), [Kind::ScriptNotSpoken]);
}

#[test]
fn script_in_parts_counts_as_spoken() {
    let parts = |it: &mut Evidence| {
        it.stored_calls[0].script = "One. Two.\nThree.".into();
        it.twilio_calls[0].spoken = ["A notice.", "One. Two.", "Three."]
            .map(Into::into)
            .to_vec();
    };
    assert_eq!(after(parts), []);
    let unfinished = |it: &mut Evidence| {
        parts(it);
        it.twilio_calls[0].spoken.pop();
    };
    assert_eq!(after(unfinished), [Kind::ScriptNotSpoken]);
    let denied = |it: &mut Evidence| {
        unfinished(it);
        it.stored_calls[0].delivery = Some("none".into());
    };
    assert_eq!(after(denied), [Kind::DeliveryDenied]);
}

#[test]
fn spoken_script_reported_as_not_spoken_is_found() {
    let denied = |it: &mut Evidence| it.stored_calls[0].delivery = Some("none".into());
    assert_eq!(after(denied), [Kind::DeliveryDenied]);
    let begun = |it: &mut Evidence| {
        denied(it);
        it.twilio_calls[0].ended_by = Some("callee".into());
        it.twilio_calls[0].interrupted = std::mem::take(&mut it.twilio_calls[0].spoken);
    };
    assert_eq!(after(begun), [Kind::DeliveryDenied]);
}

#[test]
fn call_ended_early_needs_no_script() {
    for ended_by in ["callee", "update", "time_limit"] {
        let cut = |it: &mut Evidence| {
            it.twilio_calls[0].ended_by = Some(ended_by.into());
            it.twilio_calls[0].interrupted = std::mem::take(&mut it.twilio_calls[0].spoken);
        };
        assert_eq!(after(cut), [], "{ended_by}");
    }
    let hung_up = |it: &mut Evidence| {
        it.twilio_calls[0].spoken.clear();
        it.stored_calls[0].hangup_requested = true;
    };
    assert_eq!(after(hung_up), []);
}

#[test]
fn call_without_twiml_is_found_if_the_service_failed() {
    let failed = |answers: &[Option<u16>]| {
        after(|it| {
            it.twilio_calls[0].spoken =
                vec!["We are sorry, an application error has occurred.".into()];
            it.twilio_calls[0].ended_by = Some("error".into());
            let asked = answers.iter().map(|answer| Webhook {
                kind: "voice".into(),
                event: "in-progress".into(),
                answer: *answer,
                sequence: None,
                ..it.webhooks[0].clone()
            });
            let asked: Vec<_> = asked.collect();
            it.webhooks.extend(asked);
        })
    };
    assert_eq!(failed(&[]), [], "Twilio can't connect");
    assert_eq!(failed(&[Some(200)]), [], "Twilio can't connect again");
    assert_eq!(failed(&[Some(502)]), [Kind::ScriptNotSpoken]);
    assert_eq!(failed(&[Some(200), None]), [Kind::ScriptNotSpoken]);
}
