//! Checks calls: each Twilio call has one document with the right status, and each key has placed at most one call.

use std::collections::{BTreeMap, HashMap};

use crate::evidence::{Evidence, KeyHistory, StoredCall, TwilioCall, WentBack, count};
use crate::violation::{Kind, Violation};

/// Returns the violations that concern calls and keys.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    let records: HashMap<&str, &StoredCall> = evidence
        .stored_calls
        .iter()
        .map(|record| (record.call_id.as_str(), record))
        .collect();
    let mut by_call_id: HashMap<String, Vec<&TwilioCall>> = HashMap::new();
    for call in &evidence.twilio_calls {
        let call_id = call.call_id().unwrap_or_default();
        match records.get(call_id.as_str()) {
            Some(record) => found.extend(difference(call, record)),
            None => found.push(
                Violation::new(Kind::CallWithoutRecord, "a document of calls", "none")
                    .of_call(Some(call_id.clone()))
                    .of_sid(Some(call.sid.clone())),
            ),
        }
        by_call_id.entry(call_id).or_default().push(call);
    }
    for (call_id, calls) in &by_call_id {
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
    for record in &evidence.stored_calls {
        if !by_call_id.contains_key(&record.call_id) {
            found.extend(unknown_to_twilio(record));
        }
    }
    found.extend(went_back(evidence));
    found.extend(documents_of_one_key(evidence));
    found.extend(calls_to_one_number(evidence));
    let queue = evidence.queue.as_ref();
    let has_caps = queue.is_some_and(|queue| queue.caps.is_some());
    let keys = evidence.keys.iter();
    found.extend(keys.flat_map(|key| responses(key, &records, has_caps)));
    found
}

/// Compares a call with its document. A document with another `CallSid` belongs to another call.
fn difference(call: &TwilioCall, record: &StoredCall) -> Option<Violation> {
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

/// Checks the document of a call that Twilio doesn't have: its status must be `failed`, unless it waits or waited.
fn unknown_to_twilio(record: &StoredCall) -> Option<Violation> {
    let outcome = record.dial_outcome.as_deref().unwrap_or("none");
    let kind = match (record.status.as_str(), outcome) {
        ("failed", _) => return None,
        ("scheduled" | "canceled" | "expired", "none" | "refused") if record.has_waited() => {
            return None;
        }
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

/// A call may go back to the queue if Twilio did not take it: then it has no call of that time.
fn went_back(evidence: &Evidence) -> impl Iterator<Item = Violation> {
    let queue = evidence.queue.as_ref();
    let may_go_back = move |back: &&WentBack| {
        let is_return = back.from == "initiated" && back.to == "scheduled";
        let was_taken = queue.is_none_or(|queue| {
            queue.dials.iter().any(|dial| {
                dial.call_id == back.call_id && dial.call_sid.is_some() && dial.at < back.last_seen
            })
        });
        is_return && !was_taken
    };
    let back = evidence.went_back.iter();
    back.filter(move |back| !may_go_back(back)).map(|back| {
        let expected = format!("{} or later", back.from);
        Violation::new(Kind::StatusWentBack, expected, back.to.clone())
            .of_call(Some(back.call_id.clone()))
    })
}

fn documents_of_one_key(evidence: &Evidence) -> impl Iterator<Item = Violation> {
    let scopes = evidence
        .stored_calls
        .iter()
        .filter_map(|record| record.idempotency_scope.as_deref());
    let counts = count(scopes);
    let repeated = evidence.stored_calls.iter().filter(move |record| {
        let scope = record.idempotency_scope.as_deref();
        scope.is_some_and(|scope| counts[scope] > 1)
    });
    repeated.map(|record| {
        Violation::new(Kind::DialledTwice, "one document", "several of one key")
            .of_call(Some(record.call_id.clone()))
            .of_sid(record.twilio_sid.clone())
    })
}

/// Compares the number of calls to each number with the number of keys. This finds a second dial under another `call_id`.
fn calls_to_one_number(evidence: &Evidence) -> Vec<Violation> {
    let mut keys: BTreeMap<&str, usize> = BTreeMap::new();
    for key in &evidence.keys {
        *keys.entry(key.to.as_str()).or_default() += key.attempts.max(1);
    }
    for batch in evidence.queue.iter().flat_map(|queue| &queue.batches) {
        for number in &batch.recipients {
            *keys.entry(number.as_str()).or_default() += batch.attempts.max(1);
        }
    }
    let calls = count(evidence.twilio_calls.iter().map(|call| call.to.as_str()));
    let mut found = Vec::new();
    for (number, calls) in calls {
        let keys = keys.get(number).copied().unwrap_or_default();
        if calls > keys {
            let ending = number
                .get(number.len().saturating_sub(2)..)
                .unwrap_or_default();
            let expected = format!("at most {keys} to the number ending in {ending}");
            let of_number = evidence.keys.iter().find(|key| key.to == number);
            let violation = Violation::new(Kind::DialledTwice, expected, calls.to_string());
            found.push(match of_number {
                Some(history) => violation.of_key(&history.key),
                None => violation,
            });
        }
    }
    found
}

/// Checks the responses under a key: they name one call, or repeat Twilio's refusal. In a run with daily caps, one may refuse.
fn responses(
    history: &KeyHistory,
    records: &HashMap<&str, &StoredCall>,
    has_caps: bool,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut note = |kind, expected: &str, seen: String, call_id: Option<String>| {
        let violation = Violation::new(kind, expected, seen);
        found.push(violation.of_key(&history.key).of_call(call_id));
    };
    if history.gave_up > 0 {
        let gave_up = format!("{} of the key's clients gave up", history.gave_up);
        note(Kind::StuckKey, "a final response", gave_up, None);
    }
    let mut first: Option<&String> = None;
    for response in &history.answers {
        let code = response.code.as_deref().unwrap_or_default();
        match (response.status, &response.call_id) {
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
            (422, _) if history.refusals.contains(&code) => {}
            _ if has_caps && response.is_daily_cap() => {}
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
