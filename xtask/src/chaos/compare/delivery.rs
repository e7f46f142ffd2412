//! Delivery: a person who has answered hears the script, or the record says that an apology was spoken instead.

use std::collections::{BTreeMap, HashMap};

use outdial::config::DEFAULT_APOLOGY;

use super::{Kind, Violation};
use crate::chaos::evidence::{Dialled, Evidence, Record};

/// What became of the script of a call that was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    /// It was spoken to its end.
    Spoken,
    /// The apology was spoken instead, and the record says so.
    Told,
    /// Somebody, or the time limit, has ended the call before either.
    CutOff,
    /// Twilio could not reach the service.
    NotAsked,
    /// The call came to its own end, and nobody has told that the script was not spoken.
    NotSpoken,
    /// It was spoken, in part at least, and the record says that it was not.
    Denied,
}

impl Course {
    fn title(self) -> &'static str {
        match self {
            Self::Spoken => "scripts spoken",
            Self::Told => "apologies told",
            Self::CutOff => "cut off",
            Self::NotAsked => "not asked",
            Self::NotSpoken => "not spoken and not told",
            Self::Denied => "spoken and told as not",
        }
    }
}

/// How many answered calls took which course.
pub fn courses(evidence: &Evidence) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, _, course) in answered(evidence) {
        *counts.entry(course.title().to_owned()).or_default() += 1;
    }
    counts
}

pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let breaches = answered(evidence).filter_map(|(call, record, course)| {
        let (kind, expected) = match course {
            Course::NotSpoken => (
                Kind::ScriptNotSpoken,
                "the script; or the apology, and delivery none",
            ),
            Course::Denied => (Kind::DeliveryDenied, "nothing of the script is spoken"),
            _ => return None,
        };
        let violation = Violation::new(kind, expected, found(call, record));
        Some(
            violation
                .of_call(Some(record.call_id.clone()))
                .of_sid(Some(call.sid.clone())),
        )
    });
    breaches.collect()
}

/// The calls that were answered, and have ended. A record that goes by another name is that of another call.
fn answered(evidence: &Evidence) -> impl Iterator<Item = (&Dialled, &Record, Course)> {
    let records: HashMap<_, _> = evidence
        .records
        .iter()
        .map(|record| (record.call_id.as_str(), record))
        .collect();
    let mut has_failed = HashMap::new();
    for webhook in evidence.webhooks.iter().filter(|it| it.kind == "voice") {
        has_failed.insert(webhook.call_sid.as_str(), webhook.answer != Some(200));
    }
    evidence.dialled.iter().filter_map(move |call| {
        let record = records.get(call.call_id()?.as_str()).copied()?;
        let ended_by = call.ended_by.as_deref()?;
        if record.twilio_sid.as_deref() != Some(&call.sid) {
            return None;
        }
        let has_failed = has_failed.get(call.sid.as_str()) == Some(&true);
        Some((call, record, course(call, record, ended_by, has_failed)))
    })
}

/// `has_failed` says that the last request for instructions to reach the service was not answered 200.
fn course(call: &Dialled, record: &Record, ended_by: &str, has_failed: bool) -> Course {
    let script = record.script.as_str();
    let is_told = record.delivery.as_deref() == Some("none");
    if is_told && is_begun(call, script) {
        return Course::Denied;
    }
    if is_spoken(&call.spoken, script) {
        return Course::Spoken;
    }
    match ended_by {
        "instructions" if record.hangup_requested => Course::CutOff,
        "instructions" if is_told && is_spoken(&call.spoken, DEFAULT_APOLOGY) => Course::Told,
        "error" if !has_failed => Course::NotAsked,
        "instructions" | "error" => Course::NotSpoken,
        _ => Course::CutOff,
    }
}

/// Whether consecutive sentences make up the whole text: a long text is spoken in parts.
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

/// Whether a part of the text was spoken, to its end or not.
fn is_begun(call: &Dialled, text: &str) -> bool {
    let text = without_blanks(text);
    let mut sentences = call.spoken.iter().chain(&call.interrupted);
    sentences.any(|it| text.contains(&without_blanks(it)))
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

fn found(call: &Dialled, record: &Record) -> String {
    format!(
        "delivery {}, ended by {}, spoken {:?}, interrupted {:?}",
        record.delivery.as_deref().unwrap_or("unknown"),
        call.ended_by.as_deref().unwrap_or("nothing"),
        call.spoken,
        call.interrupted
    )
}
