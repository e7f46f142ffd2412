//! Calls that listen: what they ask, and what their called parties do: people, machines, and the other parties of transfers.

mod asks;
mod machines;
mod opt_outs;
mod transfers;

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Order, words};

/// The share of calls that listen, in percent.
const SHARE: u32 = 50;

/// What a call says and asks, and what its called party does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The fields of the request: `steps` or `script`, and `voicemail`.
    pub fields: Value,
    /// What the called party does, as the simulator reads it.
    pub callee: Value,
    /// The other party of a transfer: its number, and what it does.
    pub other: Option<(String, Value)>,
    /// True if the dial queue's plan must not give it another number.
    pub keeps_number: bool,
}

/// Makes a part of the orders listen. Each of them calls its own number. Some later orders call the number of a person who opts out.
pub(super) fn listen(rng: &mut Rng, orders: &mut [Order]) {
    let mut opted_out: Vec<String> = Vec::new();
    for index in 0..orders.len() {
        if orders[index].may_be_blocked || rng.u32(..100) >= SHARE {
            continue;
        }
        let to = number(index);
        let listening = match rng.u32(..100) {
            0..28 => asks::listening(rng),
            28..65 => machines::listening(rng),
            65..82 => transfers::listening(rng, index, &opted_out),
            _ => {
                opted_out.push(to.clone());
                opt_outs::follow(rng, index, orders);
                opt_outs::listening(rng)
            }
        };
        let order = &mut orders[index];
        order.may_be_blocked = listening
            .other
            .as_ref()
            .is_some_and(|(number, _)| opted_out.contains(number));
        if listening.fields.get("voicemail").is_some() {
            // Otherwise only machine detection ends or redirects the call.
            order.hang_up_after = None;
        }
        order.to = to;
        order.listening = Some(listening);
    }
}

/// Returns the behaviour of the called parties, by number, as the simulator reads it.
pub fn callees(orders: &[Order]) -> Value {
    let mut callees = BTreeMap::new();
    for order in orders {
        let Some(listening) = &order.listening else {
            continue;
        };
        // The dial queue's plan replaces some numbers.
        if order.to == number(order.index) {
            callees.insert(order.to.as_str(), &listening.callee);
        }
        if let Some((number, callee)) = &listening.other
            && !callee.is_null()
        {
            callees.insert(number, callee);
        }
    }
    json!(callees)
}

/// A number that no other order has.
fn number(index: usize) -> String {
    format!("+1646{}{:04}", 220 + index / 10_000, index % 10_000)
}

/// The number of the other party of an order's transfer.
fn other_number(index: usize) -> String {
    format!("+1917{}{:04}", 220 + index / 10_000, index % 10_000)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use outdial::domain::Steps;

    use super::super::Plan;
    use super::*;

    #[test]
    fn half_of_the_calls_listen_and_each_has_a_number_of_its_own() {
        let plan = Plan::new(5, 400, 1, 2);
        let listening = plan.orders.iter().filter(|order| order.listening.is_some());
        let numbers: Vec<_> = listening.map(|order| order.to.as_str()).collect();
        assert!((130..240).contains(&numbers.len()), "{}", numbers.len());
        let unique: HashSet<_> = numbers.iter().collect();
        assert_eq!(unique.len(), numbers.len());
        let callees = callees(&plan.orders);
        let callees = callees.as_object().unwrap();
        assert!(numbers.iter().all(|number| callees.contains_key(*number)));
    }

    #[test]
    fn every_kind_of_call_that_listens_is_planned() {
        let plan = Plan::new(5, 400, 1, 2);
        let has = |text: &str| {
            let texts = plan.orders.iter().filter_map(|it| it.listening.as_ref());
            let mut texts = texts.map(|it| format!("{} {}", it.fields, it.callee));
            texts.any(|it| it.contains(text))
        };
        for text in [
            r#""action":"leave_message""#,
            r#""action":"hang_up""#,
            r#""answerer":"machine""#,
            r#""detected_as":"machine""#,
            r#""detected_as":"person""#,
            r#""transfer""#,
            r#""block":true"#,
        ] {
            assert!(has(text), "{text}");
        }
    }

    #[test]
    fn later_calls_go_to_numbers_that_have_opted_out() {
        let plan = Plan::new(5, 400, 1, 2).with_queue();
        let followers = plan.orders.iter().filter(|order| order.may_be_blocked);
        let (transfers, calls): (Vec<_>, Vec<_>) =
            followers.partition(|order| order.listening.is_some());
        assert!(transfers.len() > 3 && calls.len() > 20);
        for order in calls {
            let same = |other: &&Order| other.to == order.to && other.index < order.index;
            let first = plan.orders.iter().find(same).unwrap();
            assert!(first.listening.is_some(), "{order:?}");
        }
    }

    #[test]
    fn steps_have_the_form_in_which_calls_store_them() {
        let plan = Plan::new(6, 200, 1, 2);
        for listening in plan.orders.iter().filter_map(|it| it.listening.as_ref()) {
            let Some(steps) = listening.fields.get("steps") else {
                continue;
            };
            let mut steps = steps.clone();
            store(&mut steps);
            let read = serde_json::from_value::<Steps>(steps);
            assert!(read.is_ok(), "{read:?}");
        }
    }

    /// A request has texts where a stored call has parts.
    fn store(value: &mut Value) {
        for (name, value) in value.as_object_mut().into_iter().flatten() {
            if let (true, Some(text)) = (
                ["say", "ask", "whisper"].contains(&name.as_str()),
                value.as_str(),
            ) {
                *value = json!([{ "text": text }]);
            }
            store(value);
        }
        for value in value.as_array_mut().into_iter().flatten() {
            store(value);
        }
    }
}
