//! Calls that only ask, and the keys that people press.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Listening, words};

/// The most Gathers of a call: two asks, each played up to five times.
const GATHERS: usize = 10;

pub(super) fn listening(rng: &mut Rng) -> Listening {
    Listening {
        fields: json!({ "steps": steps(rng) }),
        callee: json!({ "presses": presses(rng) }),
        other: None,
        keeps_number: false,
    }
}

/// Returns the steps: words, a question with options, and perhaps another one for digits.
pub(super) fn steps(rng: &mut Rng) -> Vec<Value> {
    let mut choice = json!({
        "id": "choice",
        "ask": words(rng),
        "options": {
            "1": { "outcome": "yes", "say": words(rng) },
            "2": { "outcome": "no", "goto": "end" },
            "3": {},
        },
        "tries": rng.u32(1..4),
        "timeout_seconds": 3,
    });
    if rng.bool() {
        choice["no_input"] = json!({ "outcome": "silent" });
    }
    let mut steps = vec![json!({ "say": words(rng) }), choice];
    if rng.bool() {
        steps.push(json!({
            "id": "code",
            "ask": words(rng),
            "max_digits": 4,
            "tries": rng.u32(1..3),
            "timeout_seconds": 3,
        }));
        steps.push(json!({ "say": words(rng) }));
    }
    steps
}

/// The keys at each Gather.
pub(super) fn presses(rng: &mut Rng) -> Vec<String> {
    (0..GATHERS).map(|_| keys(rng)).collect()
}

/// Returns the keys at one Gather: none, an option, digits, a wrong key, or a key with another meaning. Some come early.
fn keys(rng: &mut Rng) -> String {
    const KEYS: [&str; 12] = [
        "1", "1", "1", "2", "2", "3", "7", "*", "#", "1234", "12#", "5w6",
    ];
    if rng.u32(..100) < 30 {
        return String::new();
    }
    let keys = KEYS[rng.usize(..KEYS.len())];
    after_pause(rng, keys)
}

/// Returns the keys after a pause of up to six seconds.
pub(super) fn after_pause(rng: &mut Rng, keys: &str) -> String {
    let pauses = "w".repeat(rng.usize(..12));
    format!("{pauses}{keys}")
}
