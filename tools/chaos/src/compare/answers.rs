//! Checks calls that listen: no answer is lost, none is invented, and `full` is never said of a call that was cut short.

use outdial::domain::Ask;

use super::listening::{self, ListeningCall};
use crate::evidence::{Evidence, Keys};
use crate::violation::{Kind, Violation};

/// Returns the violations that concern answers.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    for listening in listening::calls(evidence) {
        found.extend(lost(&listening).map(|keys| {
            let expected = format!("the keys of {}, try {}", keys.step, keys.nth);
            listening.violation(Kind::AnswerLost, expected, "no answer")
        }));
        found.extend(invented(&listening).map(|name| {
            listening.violation(Kind::AnswerInvented, "keys that the person pressed", name)
        }));
        found.extend(unproven(&listening).map(|why| {
            listening.violation(Kind::FullUnproven, "every text spoken to its end", why)
        }));
    }
    found
}

/// Returns the keys that the service took and did not store. If it could not take them, the person hears an apology; a call that
/// was ended from outside may end before it takes them.
fn lost<'a>(listening: &'a ListeningCall<'_>) -> impl Iterator<Item = &'a Keys> {
    let record = listening.record;
    let went_on = listening.ended_by_instructions() && !record.hangup_requested;
    let was_taken = went_on && !listening.has_apologized();
    let is_stored = |keys: &Keys| {
        let mut answers = record.answers.iter();
        answers.any(|answer| answer.step.as_str() == keys.step && answer.nth == keys.nth)
    };
    let taken = listening
        .requests
        .iter()
        .filter(move |request| was_taken && request.answer == Some(200));
    let answers = taken
        .filter_map(|request| request.keys.as_ref())
        .filter(|keys| keys.digits != Ask::REPEAT_KEY);
    answers.filter(move |keys| !is_stored(keys))
}

/// Returns the stored answers that no request reported.
fn invented(listening: &ListeningCall<'_>) -> impl Iterator<Item = String> {
    let was_reported = |step: &str, nth: u32, digits: &str| {
        let mut all = listening.requests.iter().filter_map(|it| it.keys.as_ref());
        let is_reported =
            all.any(|keys| keys.step == step && keys.nth == nth && keys.digits == digits);
        is_reported || listening.may_have_reported(digits)
    };
    let answers = listening
        .record
        .answers
        .iter()
        .filter(move |answer| !was_reported(answer.step.as_str(), answer.nth, &answer.digits));
    answers.map(|answer| format!("an answer to {}, try {}", answer.step, answer.nth))
}

/// Returns why `full` is not true, if the record says it. A message for a machine comes after the script. After a connection, no
/// further step is said.
fn unproven(listening: &ListeningCall<'_>) -> Option<String> {
    let ListeningCall { record, call, .. } = listening;
    if record.delivery.as_deref() != Some("full") {
        return None;
    }
    if !record.answers.is_empty() {
        return Some("an answer".to_owned());
    }
    let texts = record.texts();
    let is_own = |text: &&String| texts.contains(text);
    if let Some(text) = call.interrupted.iter().find(is_own) {
        return Some(format!("interrupted: {text:?}"));
    }
    let missing = texts.iter().find(|text| !call.spoken.contains(text));
    missing.map(|text| format!("not spoken: {text:?}"))
}
