//! Checks recordings: each completed recording has one document, and its call links to it.

use std::collections::{HashMap, HashSet};

use crate::evidence::{Evidence, StoredCall, TwilioCall, count};
use crate::violation::{Kind, Violation};

/// Returns the violations that concern recordings.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    let stored = count(
        evidence
            .stored_recordings
            .iter()
            .map(|one| one.twilio_sid.as_str()),
    );
    let completed: HashSet<&str> = evidence
        .stored_recordings
        .iter()
        .filter(|one| one.status == "completed")
        .map(|one| one.twilio_sid.as_str())
        .collect();
    let records: HashMap<&str, &StoredCall> = evidence
        .stored_calls
        .iter()
        .filter_map(|record| Some((record.twilio_sid.as_deref()?, record)))
        .collect();
    for call in &evidence.twilio_calls {
        let mut finished = call
            .recordings
            .iter()
            .filter(|one| one.status == "completed")
            .peekable();
        if finished.peek().is_some() {
            found.extend(
                records
                    .get(call.sid.as_str())
                    .and_then(|record| without_link(call, record)),
            );
        }
        for one in finished.filter(|one| !completed.contains(one.sid.as_str())) {
            let seen = if stored.contains_key(one.sid.as_str()) {
                "not completed"
            } else {
                "no document"
            };
            let expected = format!("{}, completed", one.sid);
            found.push(about(
                call,
                Kind::RecordingMissing,
                expected,
                seen.to_owned(),
            ));
        }
    }
    let twilios: HashMap<&str, &TwilioCall> = evidence
        .twilio_calls
        .iter()
        .flat_map(|call| {
            call.recordings
                .iter()
                .map(move |one| (one.sid.as_str(), call))
        })
        .collect();
    for (sid, documents) in stored {
        match twilios.get(sid) {
            Some(call) if documents > 1 => {
                let seen = format!("{documents} documents of {sid}");
                found.push(about(call, Kind::RecordingDoubled, "one".to_owned(), seen));
            }
            Some(_) => {}
            None => {
                let seen = format!("{sid}, which isn't at Twilio");
                found.push(Violation::new(Kind::RecordingDoubled, "none", seen));
            }
        }
    }
    found
}

/// Checks that the call's `recording_url` belongs to one of its own recordings.
fn without_link(call: &TwilioCall, record: &StoredCall) -> Option<Violation> {
    let link = record.recording_url.as_deref().unwrap_or_default();
    let is_own = call
        .recordings
        .iter()
        .any(|one| one.status == "completed" && link.contains(&one.sid));
    (!is_own).then(|| {
        let seen = if link.is_empty() {
            "none"
        } else {
            "the URL of another recording"
        };
        about(
            call,
            Kind::RecordingMissing,
            "the call's recording_url".to_owned(),
            seen.to_owned(),
        )
    })
}

fn about(call: &TwilioCall, kind: Kind, expected: String, found: String) -> Violation {
    let violation = Violation::new(kind, expected, found);
    violation
        .of_call(call.call_id())
        .of_sid(Some(call.sid.clone()))
}
