//! Calls that listen: what they ask, and the keys that the called party presses.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Order, words};

/// The share of calls that listen, in percent.
const SHARE: u32 = 25;

/// The most Gathers of a call: two asks, each played up to five times.
const GATHERS: usize = 10;

/// What a call asks, and what its called party does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// `steps` of the request.
    pub steps: Value,
    /// The keys at each Gather, as the simulator reads them.
    pub presses: Vec<String>,
}

/// Makes a part of the orders listen. Each of them calls its own number.
pub(super) fn listen(rng: &mut Rng, orders: &mut [Order]) {
    for order in orders {
        if rng.u32(..100) < SHARE {
            order.to = number(order.index);
            order.listening = Some(listening(rng));
        }
    }
}

/// Returns the behaviour of the called parties, by number, as the simulator reads it.
pub fn callees(orders: &[Order]) -> Value {
    let listening = orders.iter().filter_map(|order| {
        let listening = order.listening.as_ref()?;
        // The dial queue's plan replaces some numbers.
        let is_own = order.to == number(order.index);
        is_own.then(|| (order.to.as_str(), json!({ "presses": listening.presses })))
    });
    json!(listening.collect::<BTreeMap<_, _>>())
}

/// A number that no other order has.
fn number(index: usize) -> String {
    format!("+1646{}{:04}", 220 + index / 10_000, index % 10_000)
}

fn listening(rng: &mut Rng) -> Listening {
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
    Listening {
        steps: json!(steps),
        presses: (0..GATHERS).map(|_| presses(rng)).collect(),
    }
}

/// Returns the keys at one Gather: none, an option, digits, a wrong key, or a key with another meaning. Some come early.
fn presses(rng: &mut Rng) -> String {
    const KEYS: [&str; 12] = [
        "1", "1", "1", "2", "2", "3", "7", "*", "#", "1234", "12#", "5w6",
    ];
    if rng.u32(..100) < 30 {
        return String::new();
    }
    let pauses = "w".repeat(rng.usize(..12));
    format!("{pauses}{}", KEYS[rng.usize(..KEYS.len())])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use outdial::domain::Steps;

    use super::super::Plan;
    use super::*;

    #[test]
    fn some_calls_listen_and_each_has_a_number_of_its_own() {
        let plan = Plan::new(5, 400, 1, 2);
        let listening = plan.orders.iter().filter(|order| order.listening.is_some());
        let numbers: Vec<_> = listening.map(|order| &order.to).collect();
        assert!((60..140).contains(&numbers.len()), "{}", numbers.len());
        let unique: HashSet<_> = numbers.iter().collect();
        assert_eq!(unique.len(), numbers.len());
        let callees = callees(&plan.orders);
        assert_eq!(callees.as_object().unwrap().len(), numbers.len());
    }

    #[test]
    fn steps_have_the_form_in_which_calls_store_them() {
        let plan = Plan::new(6, 100, 1, 2);
        for listening in plan.orders.iter().filter_map(|it| it.listening.as_ref()) {
            let read = serde_json::from_value::<Steps>(stored_form(listening));
            assert!(read.is_ok(), "{read:?}");
        }
    }

    /// A request has texts where a stored call has parts.
    fn stored_form(listening: &Listening) -> Value {
        let mut steps = listening.steps.clone();
        for step in steps.as_array_mut().unwrap() {
            for name in ["say", "ask"] {
                if let Some(text) = step.get(name).cloned() {
                    step[name] = json!([{ "text": text }]);
                }
            }
            if let Some(say) = step.pointer("/options/1/say").cloned() {
                step["options"]["1"]["say"] = json!([{ "text": say }]);
            }
        }
        steps
    }
}
