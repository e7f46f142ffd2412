//! Checks calls that listen: no answer is lost, none is invented, and `full` is never said of a call that was cut short.

use std::collections::HashMap;

use outdial::config::DEFAULT_APOLOGY;
use outdial::domain::Ask;

use crate::evidence::{Evidence, Keys, StoredCall, TwilioCall};
use crate::violation::{Kind, Violation};

/// Returns the violations that concern answers.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut reported: HashMap<&str, Vec<(&Keys, Option<u16>)>> = HashMap::new();
    for webhook in &evidence.webhooks {
        if let Some(keys) = &webhook.keys {
            let of_call = reported.entry(webhook.call_sid.as_str()).or_default();
            of_call.push((keys, webhook.answer));
        }
    }
    let calls: HashMap<_, _> = evidence
        .twilio_calls
        .iter()
        .map(|call| (call.sid.as_str(), call))
        .collect();
    for record in evidence.stored_calls.iter().filter(|it| it.steps.is_some()) {
        let Some(call) = record.twilio_sid.as_deref().and_then(|sid| calls.get(sid)) else {
            continue;
        };
        let reported = reported
            .get(call.sid.as_str())
            .map_or(&[][..], Vec::as_slice);
        let about = |kind, expected: String, seen: String| {
            Violation::new(kind, expected, seen)
                .of_call(Some(record.call_id.clone()))
                .of_sid(Some(call.sid.clone()))
        };
        found.extend(lost(record, call, reported).map(|keys| {
            let expected = format!("the keys of {}, try {}", keys.step, keys.nth);
            about(Kind::AnswerLost, expected, "no answer".to_owned())
        }));
        found.extend(invented(record, reported).map(|name| {
            about(
                Kind::AnswerInvented,
                "keys that the person pressed".to_owned(),
                name,
            )
        }));
        found.extend(unproven(record, call).map(|why| {
            about(
                Kind::FullUnproven,
                "every text spoken to its end".to_owned(),
                why,
            )
        }));
    }
    found
}

/// Returns the keys that the service took and did not store. If it could not take them, the person hears an apology; a call that
/// was ended from outside may end before it takes them.
fn lost<'a>(
    record: &'a StoredCall,
    call: &'a TwilioCall,
    reported: &'a [(&'a Keys, Option<u16>)],
) -> impl Iterator<Item = &'a Keys> {
    let is_apology = |text: &String| text == DEFAULT_APOLOGY;
    let went_on = call.ended_by.as_deref() == Some("instructions") && !record.hangup_requested;
    let was_taken = went_on && !call.spoken.iter().chain(&call.interrupted).any(is_apology);
    let is_stored = |keys: &Keys| {
        let mut answers = record.answers.iter();
        answers.any(|answer| answer.step.as_str() == keys.step && answer.nth == keys.nth)
    };
    let taken = reported
        .iter()
        .filter(move |(_, answer)| was_taken && *answer == Some(200));
    let answers = taken
        .map(|(keys, _)| *keys)
        .filter(|keys| keys.digits != Ask::REPEAT_KEY);
    answers.filter(move |keys| !is_stored(keys))
}

/// Returns the stored answers that no request reported.
fn invented<'a>(
    record: &'a StoredCall,
    reported: &'a [(&'a Keys, Option<u16>)],
) -> impl Iterator<Item = String> {
    let was_reported = |step: &str, nth: u32, digits: &str| {
        let mut all = reported.iter();
        all.any(|(keys, _)| keys.step == step && keys.nth == nth && keys.digits == digits)
    };
    let answers = record
        .answers
        .iter()
        .filter(move |answer| !was_reported(answer.step.as_str(), answer.nth, &answer.digits));
    answers.map(|answer| format!("an answer to {}, try {}", answer.step, answer.nth))
}

/// Returns why `full` is not true, if the record says it.
fn unproven(record: &StoredCall, call: &TwilioCall) -> Option<String> {
    if record.delivery.as_deref() != Some("full") {
        return None;
    }
    if !record.answers.is_empty() {
        return Some("an answer".to_owned());
    }
    if let Some(text) = call.interrupted.first() {
        return Some(format!("interrupted: {text:?}"));
    }
    let texts = record.texts();
    let missing = texts.iter().find(|text| !call.spoken.contains(text));
    missing.map(|text| format!("not spoken: {text:?}"))
}
