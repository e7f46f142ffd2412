//! What became of the calls that were to be ended.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Instant;

use super::{Candidate, Sid};

/// How often a call is tried.
const TRIES: u32 = 3;

/// What became of a call.
pub(super) enum Outcome {
    /// It has ended, and the record says so.
    Ended,
    /// It was answered before it could be ended.
    GoesOn,
    /// The service ends it as soon as Twilio has named it; its own request may bring the name until then.
    Awaited(Instant),
    /// Twilio has accepted the order, and has not carried it out yet.
    Ending,
    /// Why it could not be ended.
    Failed(String),
    /// It was neither queued nor ringing any more, without our doing.
    Over,
}

struct Attempt {
    /// The call's public id, or the `_id` if that cannot be read.
    name: String,
    tries: u32,
    outcome: Outcome,
}

/// What became of all calls, by their `_id`.
#[derive(Default)]
pub struct Tally(HashMap<String, Attempt>);

impl Tally {
    /// Whether the call is to be tried in this round.
    pub(super) fn is_due(&self, call: &Candidate) -> bool {
        let Some(attempt) = self.0.get(&call.id) else {
            return true;
        };
        match attempt.outcome {
            Outcome::Ended | Outcome::GoesOn => false,
            // The wish is stored; a name that has come since can be used.
            Outcome::Awaited(_) => matches!(call.sid, Sid::Named(_)),
            Outcome::Ending | Outcome::Failed(_) | Outcome::Over => attempt.tries < TRIES,
        }
    }

    pub(super) fn note(&mut self, call: &Candidate, outcome: Outcome) {
        let known = self.0.remove(&call.id);
        let name = call
            .call_id
            .map_or_else(|| call.id.clone(), |id| id.to_string());
        let tries = known.map_or(0, |attempt| attempt.tries) + 1;
        let attempt = Attempt {
            name,
            tries,
            outcome,
        };
        self.0.insert(call.id.clone(), attempt);
    }

    /// Notes which calls are waiting no more.
    pub(super) fn note_over(&mut self, found: &[Candidate]) {
        let waiting: HashSet<_> = found.iter().map(|call| &call.id).collect();
        for (id, attempt) in &mut self.0 {
            let is_open = !matches!(attempt.outcome, Outcome::Ended | Outcome::GoesOn);
            if is_open && !waiting.contains(id) {
                attempt.outcome = Outcome::Over;
            }
        }
    }

    pub(super) fn wants_another_look(&self) -> bool {
        self.0.values().any(|attempt| match attempt.outcome {
            Outcome::Ending | Outcome::Failed(_) => attempt.tries < TRIES,
            Outcome::Awaited(until) => Instant::now() < until,
            Outcome::Ended | Outcome::GoesOn | Outcome::Over => false,
        })
    }

    /// Prints each call that was not ended, with the reason, to standard error.
    pub(super) fn print_failures(&self) {
        for Attempt { name, outcome, .. } in self.0.values() {
            match outcome {
                Outcome::Failed(why) => eprintln!("call {name} was not ended: {why}"),
                Outcome::Ending => {
                    eprintln!(
                        "call {name} was not ended: Twilio accepted the order, and has not carried it out"
                    );
                }
                Outcome::Ended | Outcome::GoesOn | Outcome::Awaited(_) | Outcome::Over => {}
            }
        }
    }

    fn count(&self, is_it: impl Fn(&Outcome) -> bool) -> usize {
        let outcomes = self.0.values().map(|attempt| &attempt.outcome);
        outcomes.filter(|outcome| is_it(outcome)).count()
    }

    /// How many calls could not be ended.
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed(_) | Outcome::Ending))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "queued or ringing: {} ended, {} answered before and go on, {} over by themselves, {} without a CallSid, which the service \
             ends as soon as Twilio names them, {} not ended",
            self.count(|outcome| matches!(outcome, Outcome::Ended)),
            self.count(|outcome| matches!(outcome, Outcome::GoesOn)),
            self.count(|outcome| matches!(outcome, Outcome::Over)),
            self.count(|outcome| matches!(outcome, Outcome::Awaited(_))),
            self.failed(),
        )
    }
}
