//! The outcome of each call, and the report of a run, which counts them.

use outdial::dao::ReconcileKind;
use serde::Serialize;

/// The report of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Dials of unknown outcome.
    pub dials: Tally,
    /// Calls past their possible end.
    pub ends: Tally,
    /// Completed calls without a recording.
    pub recordings: Tally,
    /// Completed calls without a transcript.
    pub transcripts: Tally,
    /// True if Twilio, the database or the time limit ended the run before the ends of the lists.
    pub stopped_early: bool,
}

/// The calls of one kind by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// All calls that the run worked on.
    pub examined: u32,
    /// Calls that Twilio's information settled.
    pub settled: u32,
    /// Calls that were given up: they count as failed, because Twilio does not know them.
    pub given_up: u32,
    /// Calls left to the next run.
    pub left: u32,
}

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Settled,
    GivenUp,
    Left,
    /// The run did not work on the call: its request may still be running.
    NotYet,
}

/// Why a call has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A step failed for this call. The run goes on with the others.
    Call,
    /// The run ends.
    Run,
}

impl Report {
    /// Counts a call. A call with which the run ended is not counted: the next run counts it.
    pub(crate) fn count(&mut self, kind: ReconcileKind, outcome: Result<Outcome, Failure>) {
        let tally = match kind {
            ReconcileKind::Dial => &mut self.dials,
            ReconcileKind::End => &mut self.ends,
            ReconcileKind::Recording => &mut self.recordings,
            ReconcileKind::Transcript => &mut self.transcripts,
        };
        let count = match outcome {
            Ok(Outcome::Settled) => &mut tally.settled,
            Ok(Outcome::GivenUp) => &mut tally.given_up,
            Ok(Outcome::Left) | Err(Failure::Call) => &mut tally.left,
            Ok(Outcome::NotYet) | Err(Failure::Run) => return,
        };
        *count += 1;
        tally.examined += 1;
    }
}
