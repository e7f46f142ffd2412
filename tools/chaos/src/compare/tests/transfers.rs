//! Tests violations of transfers.

use super::fixtures::{NUMBER, after, leg, request, transfers};
use crate::evidence::Evidence;
use crate::violation::Kind;

/// The transfer is asked for in this time, and dialled.
fn dialled(it: &mut Evidence) {
    transfers(it);
    let mut asked = request("step=agent&leg=dial", 10_000);
    asked.elapsed_ms = 500;
    it.webhooks.push(asked);
    it.legs.push(leg("CA2"));
}

#[test]
fn one_leg_is_no_violation() {
    assert_eq!(after(dialled), []);
}

#[test]
fn second_leg_is_found() {
    let twice = |it: &mut Evidence| {
        dialled(it);
        it.legs.push(leg("CA3"));
    };
    assert_eq!(after(twice), [Kind::TransferDialledTwice]);
    let of_another_call = |it: &mut Evidence| {
        twice(it);
        it.legs[1].parent_call_sid = Some("CA9".into());
    };
    assert_eq!(after(of_another_call), []);
}

#[test]
fn leg_to_a_number_that_was_blocked_before_is_found() {
    let blocked = |at| {
        move |it: &mut Evidence| {
            dialled(it);
            it.blocked.insert(NUMBER.into(), at);
        }
    };
    assert_eq!(after(blocked(9_499)), [Kind::TransferToBlocked]);
    assert_eq!(after(blocked(9_500)), []);
}
