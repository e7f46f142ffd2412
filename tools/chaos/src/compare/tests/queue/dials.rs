//! Tests violations of the moment of a dial.

use super::{DUE, after_wait, retried, time};
use crate::evidence::{BatchHistory, RequestedEnd, RequestedMove, WentBack};
use crate::moment::Span;
use crate::violation::Kind;

fn end(is_canceled: bool, at: i64) -> RequestedEnd {
    RequestedEnd {
        call_id: "one".into(),
        at,
        is_canceled,
    }
}

#[test]
fn dial_after_a_confirmed_cancel_is_found() {
    let canceled = |at| after_wait(|_, queue| queue.ends.push(end(true, at)));
    assert_eq!(canceled(DUE + 499), [Kind::DialledAfterCancel]);
    assert_eq!(canceled(DUE + 500), []);
}

#[test]
fn later_attempt_after_a_hang_up_is_found() {
    let hung_up = |at| {
        after_wait(|it, queue| {
            retried(it, queue, 5);
            queue.ends.push(end(false, at));
        })
    };
    assert_eq!(hung_up(DUE + 400), [Kind::DialledAfterCancel]);
    assert_eq!(hung_up(DUE + 6_000), []);
}

#[test]
fn dial_of_an_expired_call_is_found() {
    let expires = |at| after_wait(|it, _| it.stored_calls[0].queue.expires_at = Some(time(at)));
    assert_eq!(expires(DUE + 500), [Kind::DialledExpired]);
    assert_eq!(expires(DUE + 501), []);
}

#[test]
fn dial_before_its_time_is_found() {
    let scheduled = |at| after_wait(|it, _| it.stored_calls[0].queue.scheduled_at = Some(time(at)));
    assert_eq!(scheduled(DUE + 501), [Kind::DialledEarly]);
    let moved = |to, at| {
        after_wait(|_, queue| {
            queue.moves.push(RequestedMove {
                call_id: "one".into(),
                scheduled_at: to,
                at,
            });
        })
    };
    assert_eq!(moved(DUE + 5_000, Some(DUE - 1_000)), [Kind::DialledEarly]);
    assert_eq!(moved(DUE + 100, Some(DUE - 1_000)), []);
    // The document shows the time that applied.
    assert_eq!(moved(DUE + 5_000, None), []);
    assert_eq!(
        after_wait(|it, queue| retried(it, queue, 4)),
        [Kind::DialledEarly]
    );
}

#[test]
fn dial_outside_the_hours_of_any_zone_is_found() {
    for zone in ["America/Los_Angeles", "Europe/London"] {
        let closes = |at| {
            after_wait(|_, queue| {
                let open = &mut queue.hours.open;
                open.get_mut(zone).unwrap().until = at;
            })
        };
        assert_eq!(closes(DUE + 500), [Kind::DialledOutsideHours], "{zone}");
        assert_eq!(closes(DUE + 501), [], "{zone}");
    }
    let elsewhere = after_wait(|_, queue| queue.dials[0].zones.push("Asia/Tokyo".into()));
    assert_eq!(elsewhere, [Kind::DialledOutsideHours]);
}

#[test]
fn dial_while_switched_off_or_paused_is_found_after_two_seconds() {
    let off = |from| {
        let until = DUE + 60_000;
        after_wait(|_, queue| queue.switched_off.push(Span { from, until }))
    };
    assert_eq!(off(DUE - 1_500), [Kind::DialledWhilePaused]);
    assert_eq!(off(DUE - 1_499), []);
    let batch = |paused, canceled| {
        after_wait(|it, queue| {
            it.stored_calls[0].queue.batch_id = Some("b".into());
            queue.batches.push(BatchHistory {
                batch_id: Some("b".into()),
                recipients: vec!["+12065550199".into()],
                paused,
                canceled,
                ..BatchHistory::default()
            });
        })
    };
    let paused = Span {
        from: DUE - 10_000,
        until: DUE + 10_000,
    };
    assert_eq!(batch(Some(paused), None), [Kind::DialledWhilePaused]);
    assert_eq!(batch(None, Some(DUE - 1_501)), [Kind::DialledAfterCancel]);
    assert_eq!(batch(None, Some(DUE - 1_500)), []);
}

#[test]
fn dial_of_a_blocked_number_is_found_after_two_seconds() {
    let blocked = |at| {
        after_wait(|it, queue| {
            let number = it.stored_calls[0].queue.to_number.clone();
            queue.blocked.insert(number, at);
        })
    };
    assert_eq!(blocked(DUE - 1_500), [Kind::DialledBlocked]);
    assert_eq!(blocked(DUE - 1_499), []);
}

#[test]
fn call_may_go_back_to_the_queue_only_if_twilio_did_not_take_it() {
    let back = |last_seen| {
        after_wait(|it, _| {
            it.went_back.push(WentBack {
                call_id: "one".into(),
                from: "initiated".into(),
                to: "scheduled".into(),
                last_seen,
            });
        })
    };
    assert_eq!(back(DUE + 501), [Kind::StatusWentBack]);
    assert_eq!(back(DUE + 400), []);
    let never_taken = after_wait(|it, _| {
        it.went_back.push(WentBack {
            call_id: "one".into(),
            from: "ringing".into(),
            to: "scheduled".into(),
            last_seen: 0,
        });
    });
    assert_eq!(never_taken, [Kind::StatusWentBack]);
}
