//! Compares the simulator's calls with the database and with the responses to clients.

mod answers;
mod calls;
mod delivery;
mod listening;
mod machines;
mod opt_outs;
mod queue;
mod recordings;
mod results;
mod silence;
#[cfg(test)]
mod tests;
mod transfers;
mod webhooks;

use crate::evidence::Evidence;
use crate::violation::{Kind, Violation};

pub use delivery::script_outcomes;

/// Returns all violations, sorted by kind.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = calls::violations(evidence);
    found.extend(delivery::violations(evidence));
    found.extend(answers::violations(evidence));
    found.extend(results::violations(evidence));
    found.extend(machines::violations(evidence));
    found.extend(transfers::violations(evidence));
    found.extend(opt_outs::violations(evidence));
    found.extend(silence::violations(evidence));
    found.extend(recordings::violations(evidence));
    found.extend(webhooks::violations(evidence));
    found.extend(queue::violations(evidence));
    for (kind, count) in [
        (Kind::DeadLetter, evidence.dead_letters),
        (Kind::StillQueued, evidence.queued),
    ] {
        found.extend((1..=count).map(|nth| {
            Violation::new(kind, "an empty queue", format!("message {nth} of {count}"))
        }));
    }
    let panics = evidence.panics.iter();
    found.extend(panics.map(|place| Violation::new(Kind::Panicked, "no panic", place)));
    found.sort();
    found.dedup();
    found
}
