//! The simulator's fault plan for a run.

use serde_json::{Value, json};

use super::plan::Plan;

/// More than the functions wait for Twilio, in milliseconds.
const STALL: u32 = 14_000;

/// A rule and the share of all that it is to strike.
type Share = (f64, Value);

/// What goes wrong between the functions and the simulator.
pub fn plan(run: &Plan) -> Value {
    let mut callbacks = Vec::new();
    for number in &run.mute_numbers {
        // Half of the requests for instructions arrive, so that the call's events tell of them.
        callbacks.extend(
            ["status", "recording"]
                .map(|kind| json!({ "kind": kind, "to": number, "action": "drop" })),
        );
        callbacks
            .push(json!({ "kind": "voice", "to": number, "action": "drop", "probability": 0.5 }));
    }
    callbacks.extend(shared_out(voice()));
    for kind in ["status", "recording"] {
        callbacks.extend(shared_out(told(kind)));
    }
    let mut rest = Vec::new();
    for number in run.shared_numbers.iter().chain(&run.mute_numbers) {
        rest.extend(shared_out(dials(
            &json!({ "to": number }),
            [0.15, 0.4, 0.02, 0.0],
        )));
    }
    rest.extend(shared_out(dials(&json!({}), [0.05, 0.05, 0.03, 0.01])));
    for on in ["fetch", "list", "events", "recordings"] {
        rest.extend(shared_out(questions(on)));
    }
    rest.extend(shared_out(vec![
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

/// What happens to the callbacks of a kind: of ten, one never arrives, three arrive twice, five come late by one, and one
/// comes late.
fn told(kind: &str) -> Vec<Share> {
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

/// What happens to requests to dial: answers that are lost before the call is accepted, and after; too many requests; and
/// refusals.
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
            json!({ "action": "stall", "delay_ms": STALL }),
        ),
        rule(after * 0.5, "after", json!({ "action": "reset" })),
        rule(after * 0.2, "after", json!({ "action": "error" })),
        rule(after * 0.2, "after", json!({ "action": "garbage" })),
        rule(
            after * 0.1,
            "after",
            json!({ "action": "stall", "delay_ms": STALL }),
        ),
        rule(too_many, "before", json!({ "action": "rate_limit" })),
        rule(
            refused,
            "before",
            json!({ "action": "refuse", "code": 21214 }),
        ),
    ]
}

fn questions(on: &str) -> Vec<Share> {
    vec![
        (0.03, json!({ "on": on, "action": "reset" })),
        (0.03, json!({ "on": on, "action": "error", "status": 503 })),
        (0.02, json!({ "on": on, "action": "garbage" })),
        (0.04, json!({ "on": on, "action": "rate_limit" })),
    ]
}

/// Of several rules the first that strikes decides, so that a later one has its chance among what is left alone.
fn shared_out(shares: Vec<Share>) -> Vec<Value> {
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
    fn each_rule_strikes_its_share_of_all() {
        let rules = shared_out(told("status"));
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
    fn one_answer_in_twenty_is_lost_before_a_call_is_accepted_and_as_many_after() {
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
