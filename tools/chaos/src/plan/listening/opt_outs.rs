//! People who opt out by a key, at any moment of their call, and later calls to them.

use fastrand::Rng;
use serde_json::json;

use super::{Listening, Order, asks, machines, number, words};
use crate::notices::{BLOCKING_KEY, OPT_OUT_KEY};

/// Number of later calls to the same person.
const FOLLOWERS: usize = 2;

/// The most Gathers before the one at which the person opts out.
const BEFORE: usize = 5;

pub(super) fn listening(rng: &mut Rng) -> Listening {
    let mut steps = asks::steps(rng);
    steps[1]["options"][BLOCKING_KEY] = json!({ "block": true });
    if rng.bool() {
        // Words that ask nothing come first.
        steps.insert(0, json!({ "say": words(rng) }));
        steps.push(json!({ "say": words(rng) }));
    }
    if rng.u32(..4) == 0 {
        steps = vec![json!({ "say": words(rng) })];
    }
    let mut presses = asks::presses(rng);
    presses.truncate(rng.usize(..BEFORE));
    let key = if rng.u32(..4) == 0 {
        BLOCKING_KEY
    } else {
        OPT_OUT_KEY
    };
    presses.extend((0..BEFORE).map(|_| asks::after_pause(rng, key)));
    let mut fields = json!({ "steps": steps });
    let callee = if rng.u32(..4) == 0 {
        fields["voicemail"] = machines::leave_message(rng);
        machines::mistaken_person(rng, &presses)
    } else {
        json!({ "presses": presses })
    };
    Listening {
        fields,
        callee,
        other: None,
        keeps_number: true,
    }
}

/// Lets some orders after this one call the same number.
pub(super) fn follow(rng: &mut Rng, index: usize, orders: &mut [Order]) {
    for _ in 0..FOLLOWERS {
        let later = index + rng.usize(2..25);
        let Some(order) = orders.get_mut(later) else {
            continue;
        };
        if !order.may_be_blocked {
            order.to = number(index);
            order.may_be_blocked = true;
        }
    }
}
