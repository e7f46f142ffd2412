//! The result of a run.

use serde::Serialize;

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The number of times that the run looked for due calls.
    pub ticks: u32,
    /// The number of calls that were claimed and sent to the dial queue.
    pub claimed: u64,
    /// The number of calls that expired.
    pub expired: u64,
    /// True if another run took over.
    pub superseded: bool,
}
