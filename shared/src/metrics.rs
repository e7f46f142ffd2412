//! What is counted, in the embedded metric format: lines on standard output that `CloudWatch` makes metrics of, in the
//! namespace `outdial`, with the function's name as their only dimension.

use std::{io, sync::OnceLock};

use metrics_cloudwatch_embedded::{Builder, Collector};

static COLLECTOR: OnceLock<&Collector> = OnceLock::new();

/// Something that happened, and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// A webhook told nothing that was not known.
    DuplicateWebhook,
    /// A signed webhook was of a call that is not known here.
    OrphanWebhook,
    /// Twilio has named a call otherwise than before: it may have been dialled twice.
    SuspectedDoubleDial,
    /// A webhook that the database could not take went to the queue.
    SpilledWebhook,
    /// A webhook from the queue was applied.
    ReplayedWebhook,
    /// A webhook from the queue still could not be applied.
    FailedReplay,
    /// Twilio was asked, and the record changed.
    ReconciledCall,
    /// What became of a dial cannot be told yet without guessing.
    DialLeftUnknown,
}

impl Count {
    fn name(self) -> &'static str {
        match self {
            Self::DuplicateWebhook => "DuplicateWebhooks",
            Self::OrphanWebhook => "OrphanWebhooks",
            Self::SuspectedDoubleDial => "SuspectedDoubleDials",
            Self::SpilledWebhook => "SpilledWebhooks",
            Self::ReplayedWebhook => "ReplayedWebhooks",
            Self::FailedReplay => "FailedReplays",
            Self::ReconciledCall => "ReconciledCalls",
            Self::DialLeftUnknown => "DialsLeftUnknown",
        }
    }
}

/// Counts one more; it is told when the invocation ends.
pub fn count(what: Count) {
    metrics::counter!(what.name()).increment(1);
}

/// Whether and where counts are told: for a process that is a function.
pub(crate) fn begin(function: &str) {
    let built = Builder::new()
        .cloudwatch_namespace("outdial")
        .with_dimension("Function", function.to_owned())
        .init();
    if let Ok(collector) = built {
        let _ = COLLECTOR.set(collector);
    }
}

/// Tells what was counted since the last time, in a line of its own that no log level filters out.
pub(crate) fn flush() {
    if let Some(collector) = COLLECTOR.get() {
        // Where standard output is gone, the logs are as well.
        let _ = collector.flush(io::stdout());
    }
}
