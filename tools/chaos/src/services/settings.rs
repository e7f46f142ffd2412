//! The settings of the services: variables of the functions, kills, and how queues deliver messages.

use std::time::Duration;

use lambda::{Kill, Kills, Redeliveries};
use stack::queues;

use crate::notices::OPT_OUT_KEY;
use crate::plan::Plan;

/// Speed factor of the simulated calls.
pub const SPEED: u32 = 20;
/// The most environments of one function.
pub const ENVIRONMENTS: usize = 10;
/// The share of invocations whose environment is killed.
const KILLED: f64 = 0.03;
/// The latest time of the kill after the start of the invocation.
const KILLED_WITHIN: Duration = Duration::from_millis(60);
/// The kills of the dial queue's functions: their share, and the latest time. A run of `dispatch` takes a minute.
const QUEUE_KILLS: [(&str, f64, Duration); 3] = [
    ("dispatch", 0.3, Duration::from_secs(8)),
    ("dial", 0.1, Duration::from_millis(300)),
    ("effects", 0.1, Duration::from_millis(150)),
];

/// `DIALS_PER_SECOND` of a run that uses the dial queue, and the invocations of `dial` at a time: those of two seconds.
pub const DIALS_PER_SECOND: usize = 5;

/// The variable of the webhook queue.
pub const WEBHOOKS: &str = "WEBHOOK_QUEUE_URL";
/// The visibility timeout of all queues.
const HIDDEN_SECONDS: u32 = 10;
/// The share of batches that arrive late.
const LATE: f64 = 0.05;
/// The share of batches that arrive again after they were handled.
const AGAIN: f64 = 0.1;
/// The share of batches that arrive twice at once.
const TWICE: f64 = 0.1;
/// The longest delay of a batch.
const LATEST: Duration = Duration::from_secs(5);

/// The variable of the queue of `dial`.
pub const DIAL_QUEUE: &str = "DIAL_QUEUE_URL";
/// The queues that belong to the dial queue.
pub const DIAL_QUEUES: [&str; 3] = [DIAL_QUEUE, "EFFECTS_QUEUE_URL", "WAKE_QUEUE_URL"];

/// Variables of the functions, in addition to those of every local stack. Calls end, and `reconcile` gives up lost dials,
/// early enough for a run to see it.
pub const VARIABLES: [(&str, &str); 9] = [
    ("CALLBACK_NUMBER", "+12125550199"),
    ("CALL_RING_TIMEOUT_SECONDS", "10"),
    // Long enough for two asks with all their tries, for the redirects during an outage, and for the apology; for the longest wait
    // for the result of machine detection, and the message.
    ("CALL_TIME_LIMIT_SECONDS", "120"),
    ("MAX_CALLS_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_NUMBER_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_USER_PER_DAY", "1000000"),
    ("OPT_OUT_KEY", OPT_OUT_KEY),
    ("RECONCILE_PAGE", "100"),
    ("RECONCILE_UNKNOWN_AFTER_SECONDS", "20"),
];

/// The kills of environments.
pub fn kills(plan: &Plan) -> Kills {
    let usual = Kill {
        probability: KILLED,
        latest: KILLED_WITHIN,
    };
    let of_queue = QUEUE_KILLS.map(|(function, probability, latest)| {
        let kill = Kill {
            probability,
            latest,
        };
        (function, kill)
    });
    Kills {
        seed: plan.seed,
        usual,
        special: of_queue.into(),
    }
}

/// The queues hide messages for a short time, so that those of a killed environment return soon. All but webhooks also deliver
/// messages late and again.
pub fn queue_options(seed: u64) -> queues::Options {
    let plan = Redeliveries {
        seed,
        late: LATE,
        again: AGAIN,
        twice: TWICE,
        latest: LATEST,
    };
    queues::Options {
        hidden_seconds: Some(HIDDEN_SECONDS),
        redeliveries: DIAL_QUEUES.map(|queue| (queue, plan)).into(),
        concurrency: [(DIAL_QUEUE, 2 * DIALS_PER_SECOND)].into(),
    }
}
