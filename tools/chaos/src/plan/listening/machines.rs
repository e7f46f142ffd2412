//! Calls with `voicemail`: machines, people who are taken for machines, and machines that are taken for people.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Listening, asks, words};

pub(super) fn listening(rng: &mut Rng) -> Listening {
    let mut fields = if rng.u32(..4) == 0 {
        json!({ "script": words(rng) })
    } else {
        json!({ "steps": asks::steps(rng) })
    };
    fields["voicemail"] = if rng.u32(..100) < 75 {
        leave_message(rng)
    } else {
        json!({ "action": "hang_up" })
    };
    Listening {
        fields,
        callee: callee(rng),
        other: None,
        keeps_number: true,
    }
}

/// The treatment of machines that record a message. Its words are in no other text.
pub(super) fn leave_message(rng: &mut Rng) -> Value {
    let parts: Vec<_> = (0..rng.usize(1..4))
        .map(|nth| format!("message {nth}: {}", words(rng)))
        .collect();
    json!({ "action": "leave_message", "message": parts })
}

/// A person whom machine detection takes for a machine after some seconds, and who presses these keys.
pub(super) fn mistaken_person(rng: &mut Rng, presses: &[String]) -> Value {
    json!({
        "presses": presses,
        "detected_as": "machine",
        "detected_after_seconds": seconds(rng, 2, 20),
    })
}

fn callee(rng: &mut Rng) -> Value {
    match rng.u32(..100) {
        0..60 => machine(rng),
        60..72 => json!({ "presses": asks::presses(rng) }),
        72..95 => {
            let mut presses = asks::presses(rng);
            if rng.bool() {
                // The result comes after a key, while the person waits.
                presses[0] = asks::after_pause(rng, "1");
                presses.truncate(1);
            }
            mistaken_person(rng, &presses)
        }
        95..98 => json!({ "answerer": "silence" }),
        _ => json!({ "answerer": "fax" }),
    }
}

/// A machine. No result comes before the end of its greeting, because nobody could know of that end.
fn machine(rng: &mut Rng) -> Value {
    let greeting = seconds(rng, 1, 25);
    let mut callee = json!({
        "answerer": "machine",
        "greeting_seconds": greeting,
        "beeps": rng.u32(..4) != 0,
    });
    match rng.u32(..100) {
        0..25 => callee["detected_after_seconds"] = (greeting + seconds(rng, 1, 20)).into(),
        25..32 => callee["detected_as"] = "person".into(),
        32..42 => callee["hangs_up_after_seconds"] = (greeting + seconds(rng, 0, 10)).into(),
        _ => {}
    }
    callee
}

/// Returns a time in seconds, with tenths.
fn seconds(rng: &mut Rng, from: u32, until: u32) -> f64 {
    f64::from(rng.u32(from * 10..until * 10)) / 10.0
}
