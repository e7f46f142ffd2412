use outdial::dao::ReconcileKind;
use serde::Serialize;

use crate::run::Trouble;

/// What a run has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Dials whose outcome was unknown.
    pub dials: Tally,
    /// Calls past their possible end.
    pub ends: Tally,
    /// Completed calls without a recording.
    pub recordings: Tally,
    /// Whether Twilio, or the time, ended the run before it was through.
    pub stopped_early: bool,
}

/// What became of the calls of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Calls that were looked at.
    pub examined: u32,
    /// Those of which Twilio told what was open.
    pub settled: u32,
    /// Those that count as failed, because Twilio does not know them.
    pub given_up: u32,
    /// Those that stay as they are: the next run looks at them again.
    pub left: u32,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Settled,
    GivenUp,
    Left,
    /// It was not looked at, for somebody works on it.
    NotYet,
}

impl Report {
    /// Counts a call. One with which the run ended counts in the next one.
    pub(crate) fn count(&mut self, open: ReconcileKind, outcome: Result<Outcome, Trouble>) {
        let tally = match open {
            ReconcileKind::Dial => &mut self.dials,
            ReconcileKind::End => &mut self.ends,
            ReconcileKind::Recording => &mut self.recordings,
        };
        let count = match outcome {
            Ok(Outcome::Settled) => &mut tally.settled,
            Ok(Outcome::GivenUp) => &mut tally.given_up,
            Ok(Outcome::Left) | Err(Trouble::Call) => &mut tally.left,
            Ok(Outcome::NotYet) | Err(Trouble::Run) => return,
        };
        *count += 1;
        tally.examined += 1;
    }
}
