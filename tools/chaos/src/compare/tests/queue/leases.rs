//! Tests violations of leases.

use super::{DUE, after_wait};
use crate::evidence::{RequestedMove, Sent};
use crate::moment::Moment;
use crate::violation::Kind;

fn sent(lease_id: &str, at: Moment, received_at: Moment) -> Sent {
    Sent {
        call_id: "one".into(),
        lease_id: lease_id.into(),
        at,
        received_at,
    }
}

#[test]
fn message_that_is_sent_before_the_first_one_arrives_is_found() {
    let again = |lease_id: &str, after: Moment| {
        let first = sent("a", DUE, DUE + 300);
        let second = sent(lease_id, DUE + after, DUE + 9_000);
        after_wait(|_, queue| queue.sent = vec![second, first])
    };
    assert_eq!(again("b", 299), [Kind::SentWhileLeased]);
    assert_eq!(again("b", 300), []);
    assert_eq!(again("a", 299), []);
}

#[test]
fn lease_ends_after_a_minute_and_with_a_change() {
    let long = |after: Moment| {
        let first = sent("a", DUE, DUE + 90_000);
        let second = sent("b", DUE + after, DUE + 91_000);
        after_wait(|_, queue| queue.sent = vec![first, second])
    };
    assert_eq!(long(59_999), [Kind::SentWhileLeased]);
    assert_eq!(long(60_000), []);
    let moved = after_wait(|_, queue| {
        queue.sent = vec![sent("a", DUE, DUE + 300), sent("b", DUE + 1, DUE + 400)];
        queue.moves.push(RequestedMove {
            call_id: "one".into(),
            scheduled_at: DUE,
            at: None,
        });
    });
    assert_eq!(moved, []);
}
