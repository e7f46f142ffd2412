//! The outcome of each call that the command tries to end.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Instant;

use outdial::dao::admin::waiting::{StoredSid, WaitingCall};
use serde::Serialize;

use crate::output::message;

/// The number of attempts to end a call.
const TRIES: u32 = 3;

/// The outcome of a call.
pub(super) enum Ending {
    /// It ended, and the record says so.
    Ended,
    /// It was answered before it could be ended.
    Answered,
    /// It has no `CallSid`: the service ends it as soon as Twilio names it. Until then its own request may store the name.
    Requested { until: Instant },
    /// Twilio accepted the cancellation, but has not carried it out yet.
    Accepted,
    /// The reason why it could not be ended.
    Failed(String),
    /// It ended or was answered without this command.
    Over,
}

struct Attempt {
    /// The call's public id, or the `_id` if that can't be read.
    name: String,
    tries: u32,
    ending: Ending,
}

/// The number of calls by outcome.
#[derive(Serialize)]
pub struct Counts {
    /// They ended.
    ended: usize,
    /// They were answered before and continue.
    answered: usize,
    /// They ended or were answered without this command.
    over: usize,
    /// They have no `CallSid`, and end as soon as Twilio names them.
    requested: usize,
    /// They could not be ended.
    pub failed: usize,
}

/// The outcome of every call, by its `_id`.
#[derive(Default)]
pub struct Tally(HashMap<String, Attempt>);

impl Tally {
    /// Returns true if the call is due in this round.
    pub(super) fn is_due(&self, call: &WaitingCall) -> bool {
        let Some(attempt) = self.0.get(&call.id) else {
            return true;
        };
        match attempt.ending {
            Ending::Ended | Ending::Answered => false,
            // The hang-up is stored; a `CallSid` that came since can be used.
            Ending::Requested { .. } => matches!(call.sid, StoredSid::Known(_)),
            Ending::Accepted | Ending::Failed(_) | Ending::Over => attempt.tries < TRIES,
        }
    }

    pub(super) fn note(&mut self, call: &WaitingCall, ending: Ending) {
        let known = self.0.remove(&call.id);
        let name = call
            .call_id
            .map_or_else(|| call.id.clone(), |id| id.to_string());
        let tries = known.map_or(0, |attempt| attempt.tries) + 1;
        let attempt = Attempt {
            name,
            tries,
            ending,
        };
        self.0.insert(call.id.clone(), attempt);
    }

    /// Notes the calls that no longer wait.
    pub(super) fn note_over(&mut self, found: &[WaitingCall]) {
        let waiting: HashSet<_> = found.iter().map(|call| &call.id).collect();
        for (id, attempt) in &mut self.0 {
            let is_open = !matches!(attempt.ending, Ending::Ended | Ending::Answered);
            if is_open && !waiting.contains(id) {
                attempt.ending = Ending::Over;
            }
        }
    }

    pub(super) fn needs_another_look(&self) -> bool {
        self.0.values().any(|attempt| match attempt.ending {
            Ending::Accepted | Ending::Failed(_) => attempt.tries < TRIES,
            Ending::Requested { until } => Instant::now() < until,
            Ending::Ended | Ending::Answered | Ending::Over => false,
        })
    }

    /// Prints each call that was not ended, with the reason, to standard error.
    pub(super) fn print_failures(&self) {
        for Attempt { name, ending, .. } in self.0.values() {
            match ending {
                Ending::Failed(why) => message(format_args!("call {name} was not ended: {why}")),
                Ending::Accepted => message(format_args!(
                    "call {name} was not ended: Twilio accepted the cancellation, but has not carried it out"
                )),
                Ending::Ended | Ending::Answered | Ending::Requested { .. } | Ending::Over => {}
            }
        }
    }

    fn count(&self, is_it: impl Fn(&Ending) -> bool) -> usize {
        let endings = self.0.values().map(|attempt| &attempt.ending);
        endings.filter(|ending| is_it(ending)).count()
    }

    /// Counts the calls by outcome.
    pub fn counts(&self) -> Counts {
        Counts {
            ended: self.count(|ending| matches!(ending, Ending::Ended)),
            answered: self.count(|ending| matches!(ending, Ending::Answered)),
            over: self.count(|ending| matches!(ending, Ending::Over)),
            requested: self.count(|ending| matches!(ending, Ending::Requested { .. })),
            failed: self.count(|ending| matches!(ending, Ending::Failed(_) | Ending::Accepted)),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ended,
            answered,
            over,
            requested,
            failed,
        } = self;
        write!(
            f,
            "queued or ringing: {ended} ended, {answered} answered before and continue, {over} no longer waiting, {requested} without a \
             CallSid (the service ends them as soon as Twilio names them), {failed} not ended"
        )
    }
}
