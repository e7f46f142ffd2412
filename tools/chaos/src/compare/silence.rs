//! Checks that people hear the first word soon after they have answered.

use std::collections::HashMap;

use crate::evidence::{Evidence, Webhook};
use crate::services::SPEED;
use crate::violation::{Kind, Violation};

/// The longest silence after the answer, apart from the time of the webhook, which depends on the machine.
const LONGEST_MS: u64 = 1_500;

/// Returns the violations that concern the first word. A client that asks for machine detection before it wants the silence.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut requests: HashMap<&str, Vec<&Webhook>> = HashMap::new();
    for webhook in evidence.webhooks.iter().filter(|it| it.kind == "voice") {
        let of_call = requests.entry(webhook.call_sid.as_str()).or_default();
        of_call.push(webhook);
    }
    let calls = evidence.twilio_calls.iter();
    let calls: HashMap<_, _> = calls.map(|call| (call.sid.as_str(), call)).collect();
    let records = evidence.stored_calls.iter();
    let records = records.filter(|record| record.machine_detection.is_none());
    let mut found = Vec::new();
    for record in records {
        let sid = record.twilio_sid.as_deref().unwrap_or_default();
        let (Some(call), Some(requests)) = (calls.get(sid), requests.get(sid)) else {
            continue;
        };
        let Some(first) = call.heard.iter().map(|heard| heard.from_ms).min() else {
            continue;
        };
        let silence = first.saturating_sub(time_of_first(requests));
        if silence > LONGEST_MS && !is_cut_off_by_key(requests) {
            let expected = format!("a word within {LONGEST_MS} ms, and the time of the webhook");
            let violation = Violation::new(Kind::LongSilence, expected, format!("{silence} ms"));
            found.push(
                violation
                    .of_call(Some(record.call_id.clone()))
                    .of_sid(Some(call.sid.clone())),
            );
        }
    }
    found
}

/// Returns whether a key cut off the first words before they began.
fn is_cut_off_by_key(requests: &[&Webhook]) -> bool {
    let instructed = requests.iter().find(|it| it.answer == Some(200));
    let key = requests.iter().find(|it| it.keys.is_some() || it.opts_out);
    let wait = instructed.zip(key);
    let wait = wait.map(|(first, key)| u64::try_from(key.began() - first.at).unwrap_or_default());
    wait.is_some_and(|real_ms| real_ms * u64::from(SPEED) <= LONGEST_MS)
}

/// The time until the first instructions: that of all attempts before them, also at the fallback URL, and of duplicates, which
/// Twilio waits for.
fn time_of_first(requests: &[&Webhook]) -> u64 {
    let answered = requests.iter().find(|it| it.answer == Some(200));
    let url = answered.map(|request| &request.url);
    let attempts = requests.iter().rposition(|it| Some(&it.url) == url);
    let attempts = &requests[..attempts.map_or(requests.len(), |at| at + 1)];
    attempts.iter().map(|request| request.elapsed_ms).sum()
}
