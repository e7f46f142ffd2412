//! Calls: each has one record that says how it ended, and each key at most one call.

use std::collections::HashMap;

use super::{Kind, Violation};
use crate::chaos::evidence::{Dialled, Evidence, KeyStory, Record, count};

pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    let records: HashMap<&str, &Record> = evidence
        .records
        .iter()
        .map(|record| (record.call_id.as_str(), record))
        .collect();
    let mut dialled: HashMap<String, Vec<&Dialled>> = HashMap::new();
    for call in &evidence.dialled {
        let call_id = call.call_id().unwrap_or_default();
        match records.get(call_id.as_str()) {
            Some(record) => found.extend(difference(call, record)),
            None => found.push(
                Violation::new(Kind::CallWithoutRecord, "a document of calls", "none")
                    .of_call(Some(call_id.clone()))
                    .of_sid(Some(call.sid.clone())),
            ),
        }
        dialled.entry(call_id).or_default().push(call);
    }
    for (call_id, calls) in &dialled {
        found.extend(calls.iter().skip(1).map(|call| {
            Violation::new(
                Kind::DialledTwice,
                "one call",
                format!("{} of one call_id", calls.len()),
            )
            .of_call(Some(call_id.clone()))
            .of_sid(Some(call.sid.clone()))
        }));
    }
    for record in &evidence.records {
        if !dialled.contains_key(&record.call_id) {
            found.extend(undialled(record));
        }
    }
    found.extend(went_back(evidence));
    found.extend(under_one_key(evidence));
    found.extend(to_one_number(evidence));
    found.extend(evidence.keys.iter().flat_map(|key| answers(key, &records)));
    found
}

/// A record that goes by another `CallSid` is that of another call.
fn difference(call: &Dialled, record: &Record) -> Option<Violation> {
    let about = |kind, expected: String, found: String| {
        let violation = Violation::new(kind, expected, found);
        violation
            .of_call(Some(record.call_id.clone()))
            .of_sid(Some(call.sid.clone()))
    };
    let outcome = record.dial_outcome.as_deref().unwrap_or("none");
    if record.twilio_sid.as_deref() == Some(&call.sid) {
        return (record.status != call.status).then(|| {
            about(
                Kind::StatusDiffers,
                call.status.clone(),
                record.status.clone(),
            )
        });
    }
    match &record.twilio_sid {
        Some(_) => None,
        None => Some(about(
            Kind::LeftUnknown,
            format!("its CallSid, {}", call.status),
            format!("none, {}, dial {outcome}", record.status),
        )),
    }
}

/// What Twilio never took must have failed by now.
fn undialled(record: &Record) -> Option<Violation> {
    let outcome = record.dial_outcome.as_deref().unwrap_or("none");
    let kind = match (record.status.as_str(), outcome) {
        ("failed", _) => return None,
        (_, "pending" | "unknown") => Kind::LeftUnknown,
        _ => Kind::StatusDiffers,
    };
    let found = format!("{}, dial {outcome}", record.status);
    let violation = Violation::new(kind, "failed: Twilio has no such call", found);
    Some(
        violation
            .of_call(Some(record.call_id.clone()))
            .of_sid(record.twilio_sid.clone()),
    )
}

fn went_back(evidence: &Evidence) -> impl Iterator<Item = Violation> {
    evidence.went_back.iter().map(|back| {
        let expected = format!("{} or later", back.from);
        Violation::new(Kind::StatusWentBack, expected, back.to.clone())
            .of_call(Some(back.call_id.clone()))
    })
}

fn under_one_key(evidence: &Evidence) -> impl Iterator<Item = Violation> {
    let scopes = evidence
        .records
        .iter()
        .filter_map(|record| record.idempotency_scope.as_deref());
    let counts = count(scopes);
    let repeated = evidence.records.iter().filter(move |record| {
        let scope = record.idempotency_scope.as_deref();
        scope.is_some_and(|scope| counts[scope] > 1)
    });
    repeated.map(|record| {
        Violation::new(Kind::DialledTwice, "one record", "several of one key")
            .of_call(Some(record.call_id.clone()))
            .of_sid(record.twilio_sid.clone())
    })
}

/// Where a call was dialled again under another name, the number tells.
fn to_one_number(evidence: &Evidence) -> Vec<Violation> {
    let keys = count(evidence.keys.iter().map(|key| key.to.as_str()));
    let calls = count(evidence.dialled.iter().map(|call| call.to.as_str()));
    let mut found = Vec::new();
    for (number, calls) in calls {
        let keys = keys.get(number).copied().unwrap_or_default();
        if calls > keys {
            let ending = number
                .get(number.len().saturating_sub(2)..)
                .unwrap_or_default();
            let expected = format!("at most {keys} to the number that ends in {ending}");
            let of_number = evidence.keys.iter().find(|key| key.to == number);
            let violation = Violation::new(Kind::DialledTwice, expected, calls.to_string());
            found.push(match of_number {
                Some(story) => violation.of_key(&story.key),
                None => violation,
            });
        }
    }
    found
}

/// Every key gets one call's name, or a refusal that Twilio has caused.
fn answers(story: &KeyStory, records: &HashMap<&str, &Record>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut note = |kind, expected: &str, seen: String, call_id: Option<String>| {
        let violation = Violation::new(kind, expected, seen);
        found.push(violation.of_key(&story.key).of_call(call_id));
    };
    if story.gave_up > 0 {
        let given_up = format!("{} of the key's clients gave up", story.gave_up);
        note(Kind::StuckKey, "a final answer", given_up, None);
    }
    let mut first: Option<&String> = None;
    for answer in &story.answers {
        let code = answer.code.as_deref().unwrap_or_default();
        match (answer.status, &answer.call_id) {
            (201 | 202, Some(call_id)) => {
                if !records.contains_key(call_id.as_str()) {
                    let none = "none".to_owned();
                    note(
                        Kind::CallWithoutRecord,
                        "a document of calls",
                        none,
                        Some(call_id.clone()),
                    );
                }
                if *first.get_or_insert(call_id) != call_id {
                    let other = Some(call_id.clone());
                    note(
                        Kind::DialledTwice,
                        "the key's call",
                        "another call".to_owned(),
                        other,
                    );
                }
            }
            (422 | 502, _) if code.starts_with("twilio_") => {}
            (status, _) => note(
                Kind::WrongAnswer,
                "201, 202 or Twilio's refusal",
                format!("{status} {code}"),
                None,
            ),
        }
    }
    found
}
