//! The simulator's fault plan: lost, repeated, reordered and delayed callbacks, and failing REST requests.

use serde_json::{Value, json};

use crate::plan::Plan;

/// The delay of a stalled response: longer than the functions' timeout.
const STALL_MS: u32 = 14_000;

/// A rule, and the share of all requests that it applies to.
type Share = (f64, Value);

/// Returns the fault plan in the simulator's format.
pub fn plan(run: &Plan) -> Value {
    let mut callbacks = Vec::new();
    for number in &run.mute_numbers {
        // Half of the requests for TwiML arrive. Twilio's Events then list their URLs.
        callbacks.extend(
            ["status", "recording"]
                .map(|kind| json!({ "kind": kind, "to": number, "action": "drop" })),
        );
        callbacks
            .push(json!({ "kind": "voice", "to": number, "action": "drop", "probability": 0.5 }));
    }
    callbacks.extend(with_probabilities(voice()));
    callbacks.extend(with_probabilities(detection()));
    for kind in ["status", "recording"] {
        callbacks.extend(with_probabilities(status_or_recording(kind)));
    }
    let mut rest = Vec::new();
    for number in run.shared_numbers.iter().chain(&run.mute_numbers) {
        rest.extend(with_probabilities(dials(
            &json!({ "to": number }),
            [0.15, 0.4, 0.02, 0.0],
        )));
    }
    rest.extend(with_probabilities(dials(
        &json!({}),
        [0.05, 0.05, 0.03, 0.01],
    )));
    if run.queue.is_some() {
        // The account has too many calls at a time.
        rest.push(
            json!({ "on": "create", "action": "refuse", "code": 10004, "probability": 0.03 }),
        );
    }
    for on in ["fetch", "list", "events", "recordings"] {
        rest.extend(with_probabilities(reads(on)));
    }
    rest.extend(with_probabilities(vec![
        (0.05, json!({ "on": "update", "action": "reset" })),
        (
            0.05,
            json!({ "on": "update", "action": "reset", "when": "after" }),
        ),
        (
            0.05,
            json!({ "on": "update", "action": "error", "status": 503 }),
        ),
    ]));
    json!({ "seed": run.seed, "callbacks": callbacks, "rest": rest })
}

/// Returns the plan in which Twilio also refuses the account's dials.
pub fn refusing_account(usual: &Value) -> Value {
    let mut plan = usual.clone();
    let refusal = json!({ "on": "create", "action": "refuse", "code": 20003 });
    if let Some(rest) = plan["rest"].as_array_mut() {
        rest.insert(0, refusal);
    }
    plan
}

/// Returns the faults of status or recording callbacks. Of ten callbacks, one is lost, three arrive twice, five arrive
/// after their successor, and one is delayed.
fn status_or_recording(kind: &str) -> Vec<Share> {
    let rule = |share, action, delay_ms: u32| {
        (
            share,
            json!({ "kind": kind, "action": action, "delay_ms": delay_ms }),
        )
    };
    vec![
        rule(0.1, "drop", 0),
        rule(0.1, "duplicate", 0),
        rule(0.1, "duplicate", 400),
        rule(0.1, "duplicate", 3_000),
        rule(0.5, "reorder", 0),
        rule(0.06, "delay", 600),
        rule(0.04, "delay", 4_000),
    ]
}

fn voice() -> Vec<Share> {
    vec![
        (0.03, json!({ "kind": "voice", "action": "drop" })),
        (0.05, json!({ "kind": "voice", "action": "duplicate" })),
        (
            0.05,
            json!({ "kind": "voice", "action": "delay", "delay_ms": 400 }),
        ),
    ]
}

/// Returns the faults of results of machine detection: of ten results, one is wrong, one is lost, two come twice, and one comes
/// late.
fn detection() -> Vec<Share> {
    let rule = |share, action, delay_ms: u32| {
        (
            share,
            json!({ "kind": "amd", "action": action, "delay_ms": delay_ms }),
        )
    };
    vec![
        rule(0.1, "wrong", 0),
        rule(0.1, "drop", 0),
        rule(0.1, "duplicate", 0),
        rule(0.1, "duplicate", 1_000),
        rule(0.05, "delay", 300),
        rule(0.05, "delay", 3_000),
    ]
}

/// Returns the faults of requests to dial: responses lost before Twilio accepts the call, responses lost after it, rate
/// limits, and refusals.
fn dials(which: &Value, [before, after, too_many, refused]: [f64; 4]) -> Vec<Share> {
    let rule = |share: f64, when: &str, fault: Value| {
        let mut rule = json!({ "on": "create", "when": when });
        for part in [which, &fault] {
            for (name, value) in part.as_object().into_iter().flatten() {
                rule[name] = value.clone();
            }
        }
        (share, rule)
    };
    vec![
        rule(before * 0.6, "before", json!({ "action": "reset" })),
        rule(
            before * 0.3,
            "before",
            json!({ "action": "error", "status": 502 }),
        ),
        rule(
            before * 0.1,
            "before",
            json!({ "action": "stall", "delay_ms": STALL_MS }),
        ),
        rule(after * 0.5, "after", json!({ "action": "reset" })),
        rule(after * 0.2, "after", json!({ "action": "error" })),
        rule(after * 0.2, "after", json!({ "action": "garbage" })),
        rule(
            after * 0.1,
            "after",
            json!({ "action": "stall", "delay_ms": STALL_MS }),
        ),
        rule(too_many, "before", json!({ "action": "rate_limit" })),
        rule(
            refused,
            "before",
            json!({ "action": "refuse", "code": 21214 }),
        ),
    ]
}

/// Returns the faults of requests that read from Twilio.
fn reads(on: &str) -> Vec<Share> {
    vec![
        (0.03, json!({ "on": on, "action": "reset" })),
        (0.03, json!({ "on": on, "action": "error", "status": 503 })),
        (0.02, json!({ "on": on, "action": "garbage" })),
        (0.04, json!({ "on": on, "action": "rate_limit" })),
    ]
}

/// Turns shares into probabilities. The simulator applies the first rule that hits, so each rule's probability refers to
/// the requests that earlier rules have missed.
fn with_probabilities(shares: Vec<Share>) -> Vec<Value> {
    let mut left = 1.0_f64;
    let mut rules = Vec::new();
    for (share, mut rule) in shares {
        if share > 0.0 {
            rule["probability"] = (share / left).min(1.0).into();
            rules.push(rule);
        }
        left -= share;
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_hits_its_share() {
        let rules = with_probabilities(status_or_recording("status"));
        let (mut left, mut shares) = (1.0, Vec::new());
        for rule in &rules {
            let chance = rule["probability"].as_f64().unwrap();
            shares.push(left * chance);
            left *= 1.0 - chance;
        }
        let of = |action: &str| -> f64 {
            let matching = rules
                .iter()
                .zip(&shares)
                .filter(|(rule, _)| rule["action"] == action);
            matching.map(|(_, share)| share).sum()
        };
        for (action, share) in [
            ("drop", 0.1),
            ("duplicate", 0.3),
            ("reorder", 0.5),
            ("delay", 0.1),
        ] {
            assert!(
                (of(action) - share).abs() < 1e-9,
                "{action}: {}",
                of(action)
            );
        }
        assert!(left.abs() < 1e-9);
    }

    #[test]
    fn one_dial_in_twenty_fails_before_acceptance_and_one_after() {
        let rules = dials(&json!({}), [0.05, 0.05, 0.03, 0.01]);
        for when in ["before", "after"] {
            let lost = rules.iter().filter(|(_, rule)| {
                rule["when"] == when && rule["action"] != "rate_limit" && rule["action"] != "refuse"
            });
            let share: f64 = lost.map(|(share, _)| share).sum();
            assert!((share - 0.05).abs() < 1e-9, "{when}: {share}");
        }
    }
}
