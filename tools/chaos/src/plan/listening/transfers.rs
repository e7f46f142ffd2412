//! Calls with a transfer: its other party takes the call, does not take it, or can't be dialled.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Listening, asks, machines, other_number, words};

/// Numbers of the simulator that are busy, never answer, and fail.
const NOT_REACHED: [&str; 3] = ["+12125550101", "+12125550102", "+12125550103"];

/// `opted_out` are the numbers of people who opt out before, or meanwhile.
pub(super) fn listening(rng: &mut Rng, index: usize, opted_out: &[String]) -> Listening {
    let (to, other) = match rng.u32(..100) {
        0..35 if !opted_out.is_empty() => {
            let number = &opted_out[rng.usize(..opted_out.len())];
            // It stays the person of the other call.
            (number.clone(), Value::Null)
        }
        35..45 => {
            let number = NOT_REACHED[rng.usize(..NOT_REACHED.len())];
            (number.to_owned(), Value::Null)
        }
        _ => (other_number(index), party(rng)),
    };
    let mut steps = vec![json!({ "say": words(rng) })];
    let asks = rng.bool();
    if asks {
        steps.push(json!({
            "id": "choice",
            "ask": words(rng),
            "options": {
                "1": { "goto": "agent" },
                "2": { "outcome": "no", "goto": "end" },
            },
            "tries": 2,
            "timeout_seconds": 3,
        }));
    }
    let mut transfer = json!({ "to": to, "max_seconds": 60 });
    if rng.bool() {
        transfer["failed"] = json!({ "outcome": "no_agent", "say": words(rng) });
    }
    if rng.bool() {
        transfer["whisper"] = words(rng).into();
    }
    steps.push(json!({ "id": "agent", "transfer": transfer }));
    let mut fields = json!({ "steps": steps });
    if rng.u32(..4) == 0 {
        fields["voicemail"] = machines::leave_message(rng);
    }
    let presses = Vec::from_iter(asks.then(|| asks::after_pause(rng, "1")));
    let mut callee = if rng.u32(..4) == 0 {
        machines::mistaken_person(rng, &presses)
    } else {
        json!({ "presses": presses })
    };
    if rng.u32(..100) < 15 {
        callee["hangs_up_after_seconds"] = rng.u32(8..40).into();
    }
    Listening {
        fields,
        callee,
        other: Some((to, other)),
        keeps_number: true,
    }
}

/// The other party: it takes the call, presses another key or none, hangs up, or is a machine.
fn party(rng: &mut Rng) -> Value {
    match rng.u32(..100) {
        0..50 => {
            json!({ "presses": [asks::after_pause(rng, "1")], "talks_seconds": rng.u32(2..70) })
        }
        50..65 => json!({ "presses": [asks::after_pause(rng, "5")] }),
        65..80 => json!({}),
        80..90 => json!({ "hangs_up_after_seconds": 2 }),
        _ => json!({ "answerer": "machine" }),
    }
}
