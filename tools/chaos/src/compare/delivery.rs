//! Checks answered calls: the person heard the script, or the call's document says that they heard an apology.

use std::collections::{BTreeMap, HashMap};

use outdial::config::DEFAULT_APOLOGY;

use crate::evidence::{Evidence, StoredCall, TwilioCall};
use crate::notices::IDENTITY;
use crate::violation::{Kind, Violation};

/// The fate of the script in an answered call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ScriptOutcome {
    /// It was spoken completely.
    Spoken,
    /// The apology was spoken instead, and the document says so.
    ApologyReported,
    /// A person or the time limit ended the call too early for script or apology.
    CutOff,
    /// Twilio couldn't reach the service.
    NotRequested,
    /// The call ended normally without the script, and the document doesn't say so.
    NotReported,
    /// At least a part was spoken, but the document says that it wasn't.
    Denied,
}

impl ScriptOutcome {
    fn title(self) -> &'static str {
        match self {
            Self::Spoken => "spoken",
            Self::ApologyReported => "replaced by an apology and reported",
            Self::CutOff => "cut off",
            Self::NotRequested => "not requested by Twilio",
            Self::NotReported => "not spoken and not reported",
            Self::Denied => "spoken and reported as not spoken",
        }
    }
}

/// Counts the answered calls by what happened to their script.
pub fn script_outcomes(evidence: &Evidence) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, _, outcome) in answered(evidence) {
        *counts.entry(outcome.title().to_owned()).or_default() += 1;
    }
    counts
}

/// Returns the violations that concern scripts.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let violations = answered(evidence).filter_map(|(call, record, outcome)| {
        let (kind, expected) = match outcome {
            ScriptOutcome::NotReported => (
                Kind::ScriptNotSpoken,
                "the script; or the apology, and delivery none",
            ),
            ScriptOutcome::Denied => (Kind::DeliveryDenied, "no part of the script spoken"),
            _ => return None,
        };
        let violation = Violation::new(kind, expected, found(call, record));
        Some(
            violation
                .of_call(Some(record.call_id.clone()))
                .of_sid(Some(call.sid.clone())),
        )
    });
    violations.collect()
}

/// Returns the calls that were answered and have ended. A document with another `CallSid` belongs to another call.
fn answered(
    evidence: &Evidence,
) -> impl Iterator<Item = (&TwilioCall, &StoredCall, ScriptOutcome)> {
    let records: HashMap<_, _> = evidence
        .stored_calls
        .iter()
        .map(|record| (record.call_id.as_str(), record))
        .collect();
    let mut has_failed = HashMap::new();
    for webhook in evidence.webhooks.iter().filter(|it| it.kind == "voice") {
        has_failed.insert(webhook.call_sid.as_str(), webhook.answer != Some(200));
    }
    evidence.twilio_calls.iter().filter_map(move |call| {
        let record = records.get(call.call_id()?.as_str()).copied()?;
        let ended_by = call.ended_by.as_deref()?;
        if record.twilio_sid.as_deref() != Some(&call.sid) {
            return None;
        }
        let has_failed = has_failed.get(call.sid.as_str()) == Some(&true);
        // A key may cut off the first word.
        let has_keys = evidence.pressed.contains_key(&call.sid) || !record.answers.is_empty();
        let outcome = if has_keys {
            ScriptOutcome::Spoken
        } else {
            outcome(call, record, ended_by, has_failed)
        };
        Some((call, record, outcome))
    })
}

/// Returns what happened to the script. `has_failed`: the last request for TwiML that reached the service didn't get a 200.
fn outcome(
    call: &TwilioCall,
    record: &StoredCall,
    ended_by: &str,
    has_failed: bool,
) -> ScriptOutcome {
    let is_reported = record.delivery.as_deref() == Some("none");
    let is_begun = record
        .texts()
        .iter()
        .any(|text| is_partly_spoken(call, text));
    if is_reported && is_begun {
        return ScriptOutcome::Denied;
    }
    // What follows the first words of a call that listens depends on the person.
    let is_heard = if record.listens() {
        // A machine may hear its message only.
        is_begun
            || call.has_heard(IDENTITY)
            || record
                .message()
                .is_some_and(|texts| texts.iter().any(|it| call.has_heard(it)))
    } else {
        is_spoken(&call.spoken, &record.script)
    };
    if is_heard {
        return ScriptOutcome::Spoken;
    }
    match ended_by {
        "instructions" if record.hangup_requested => ScriptOutcome::CutOff,
        "instructions" if is_reported && is_spoken(&call.spoken, DEFAULT_APOLOGY) => {
            ScriptOutcome::ApologyReported
        }
        "error" if !has_failed => ScriptOutcome::NotRequested,
        "instructions" | "error" => ScriptOutcome::NotReported,
        _ => ScriptOutcome::CutOff,
    }
}

/// Returns whether consecutive sentences make up the whole text. A long text is spoken in parts.
fn is_spoken(sentences: &[String], text: &str) -> bool {
    let text = without_blanks(text);
    (0..sentences.len()).any(|first| {
        let mut rest = text.as_str();
        for sentence in &sentences[first..] {
            match rest.strip_prefix(&without_blanks(sentence)) {
                Some("") => return true,
                Some(left) => rest = left,
                None => return false,
            }
        }
        false
    })
}

/// Returns whether any part of the text was spoken, even if it was cut off.
fn is_partly_spoken(call: &TwilioCall, text: &str) -> bool {
    let text = without_blanks(text);
    let mut sentences = call.spoken.iter().chain(&call.interrupted);
    sentences.any(|it| text.contains(&without_blanks(it)))
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

fn found(call: &TwilioCall, record: &StoredCall) -> String {
    format!(
        "delivery {}, ended by {}, spoken {:?}, interrupted {:?}",
        record.delivery.as_deref().unwrap_or("unknown"),
        call.ended_by.as_deref().unwrap_or("nothing"),
        call.spoken,
        call.interrupted
    )
}
