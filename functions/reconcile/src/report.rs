use serde::Serialize;

/// What a run has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Dials whose outcome was unknown.
    pub dials: Tally,
    /// Calls past their possible end.
    pub ends: Tally,
    /// Completed calls without a recording.
    pub recordings: Tally,
    /// Whether Twilio, or the time, ended the run before its pages were through.
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
