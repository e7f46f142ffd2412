//! Metrics in the embedded metric format: lines on standard output that `CloudWatch` turns into metrics.
//!
//! The namespace is `outdial`. The dimensions are the stack, the function, and the rule of a refusal or the outcome of a
//! dial. Each dimension has few values, all known.

use std::{
    io::{self, Write},
    sync::OnceLock,
};

use bson::DateTime;
use http::StatusCode;
use metrics::Unit;
use metrics_cloudwatch_embedded::{Builder, Collector};

use crate::{
    domain::{DialOutcome, RefusalCode},
    variables::{ConfigError, variable},
};

static COLLECTOR: OnceLock<&Collector> = OnceLock::new();

/// An event that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// A call was stored within the caps, and is about to be dialled.
    PlacedCall,
    /// A rule refused a call. Dimension `Rule`.
    RefusedCall(RefusalCode),
    /// Twilio's response to a dial. Dimension `Outcome`.
    Dial(DialOutcome),
    /// A webhook changed nothing.
    DuplicateWebhook,
    /// A signed webhook named an unknown call.
    OrphanWebhook,
    /// Twilio sent another `CallSid` for a call than before: it may have been dialled twice.
    SuspectedDoubleDial,
    /// A webhook went to the queue, because the database could not store it.
    SpilledWebhook,
    /// A webhook from the queue was applied.
    ReplayedWebhook,
    /// A webhook from the queue could not be applied.
    FailedReplay,
    /// `reconcile` changed a call by what Twilio reports.
    ReconciledCall,
    /// `voice` apologized to a call instead of speaking its script.
    Apology,
    /// Twilio requested the fallback URL, because `voice` failed.
    Fallback,
    /// `reconcile` could not determine the outcome of a dial yet.
    DialLeftUnknown,
    /// A stored document could not be read. Lists skip it.
    UnreadableDocument,
    /// A request had no API key, or an unknown one.
    UnauthorizedRequest,
    /// A webhook had no valid Twilio signature, or a media URL was forged or expired.
    BadSignature,
    /// A response had a 5xx status, and not because of the kill switch.
    Fault,
    /// `dispatch` claimed a scheduled call and sent it to the dial queue.
    DispatchedCall,
    /// A scheduled call expired before it was dialled.
    ExpiredCall,
    /// `dial` found no permit for a call within its time, because other dials took them all.
    PermitStarved,
    /// `dispatch` claimed only a probe, because Twilio refuses the account.
    DispatchStopped,
    /// `effects` stored the next attempt of an ended call.
    RetryScheduled,
    /// Twilio reported a `queue_time` above the limit, so the pace was lowered.
    QueueTimeHigh,
    /// `dial` gave a lease back without dialling.
    LeaseReturned,
}

const WEBHOOK_LAG: &str = "WebhookLag";
const OLDEST_DUE: &str = "OldestDueSeconds";

impl Count {
    const ALL: [Self; 24] = [
        Self::PlacedCall,
        Self::RefusedCall(RefusalCode::DailyCap),
        Self::Dial(DialOutcome::Accepted),
        Self::DuplicateWebhook,
        Self::OrphanWebhook,
        Self::SuspectedDoubleDial,
        Self::SpilledWebhook,
        Self::ReplayedWebhook,
        Self::FailedReplay,
        Self::ReconciledCall,
        Self::Apology,
        Self::Fallback,
        Self::DialLeftUnknown,
        Self::UnreadableDocument,
        Self::UnauthorizedRequest,
        Self::BadSignature,
        Self::Fault,
        Self::DispatchedCall,
        Self::ExpiredCall,
        Self::PermitStarved,
        Self::DispatchStopped,
        Self::RetryScheduled,
        Self::QueueTimeHigh,
        Self::LeaseReturned,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::PlacedCall => "CallsPlaced",
            Self::RefusedCall(_) => "RefusedCalls",
            Self::Dial(_) => "DialOutcomes",
            Self::DuplicateWebhook => "DuplicateWebhooks",
            Self::OrphanWebhook => "OrphanWebhooks",
            Self::SuspectedDoubleDial => "SuspectedDoubleDials",
            Self::SpilledWebhook => "SpilledWebhooks",
            Self::ReplayedWebhook => "ReplayedWebhooks",
            Self::FailedReplay => "FailedReplays",
            Self::ReconciledCall => "ReconciledCalls",
            Self::Apology => "Apologies",
            Self::Fallback => "Fallbacks",
            Self::DialLeftUnknown => "DialsLeftUnknown",
            Self::UnreadableDocument => "UnreadableDocuments",
            Self::UnauthorizedRequest => "UnauthorizedRequests",
            Self::BadSignature => "BadSignatures",
            Self::Fault => "Faults",
            Self::DispatchedCall => "DispatchedCalls",
            Self::ExpiredCall => "ExpiredCalls",
            Self::PermitStarved => "PermitsStarved",
            Self::DispatchStopped => "DispatchStopped",
            Self::RetryScheduled => "RetriesScheduled",
            Self::QueueTimeHigh => "QueueTimeHigh",
            Self::LeaseReturned => "LeasesReturned",
        }
    }

    /// The count for a response with this code, in addition to those of its handler.
    fn of_code(code: &str) -> Option<Self> {
        match code {
            "unauthorized" => Some(Self::UnauthorizedRequest),
            "bad_signature" => Some(Self::BadSignature),
            code => RefusalCode::from_word(code)
                .filter(|code| code.is_rule())
                .map(Self::RefusedCall),
        }
    }
}

/// Adds one. It is written when an invocation ends.
pub fn count(what: Count) {
    count_times(what, 1);
}

/// Adds a number of events of one kind. They are written when an invocation ends.
pub fn count_times(what: Count, times: u64) {
    let counter = match what {
        Count::RefusedCall(rule) => metrics::counter!(what.name(), "Rule" => rule.as_str()),
        Count::Dial(outcome) => metrics::counter!(what.name(), "Outcome" => outcome.as_str()),
        _ => metrics::counter!(what.name()),
    };
    counter.increment(times);
}

/// Counts a response: a refusal by its code, and a 5xx as a fault unless the kill switch caused it.
pub(crate) fn count_response(status: StatusCode, code: Option<&str>) {
    if let Some(what) = code.and_then(Count::of_code) {
        count(what);
    }
    if status.is_server_error() && code != Some(RefusalCode::DialingOff.as_str()) {
        count(Count::Fault);
    }
}

/// Records how many milliseconds after Twilio's `Timestamp` a webhook was applied.
///
/// The lag is never negative: Twilio's `Timestamp` has whole seconds, and its clock may be ahead of ours.
pub(crate) fn webhook_applied(told_at: DateTime) {
    let lag = DateTime::now().timestamp_millis() - told_at.timestamp_millis();
    let lag = u32::try_from(lag.max(0)).unwrap_or(u32::MAX);
    metrics::histogram!(WEBHOOK_LAG).record(lag);
}

/// Records how many seconds ago the oldest call became due that `dispatch` has not sent to the dial queue. Zero if none waits.
pub fn oldest_due(seconds: u32) {
    metrics::histogram!(OLDEST_DUE).record(seconds);
}

/// Starts metrics in a function's process.
///
/// `STACK_NAME` becomes a dimension, which separates the stacks of one account and region.
///
/// # Errors
///
/// When `STACK_NAME` is malformed.
pub(crate) fn start(function: &str) -> Result<(), ConfigError> {
    let mut builder = Builder::new().cloudwatch_namespace("outdial");
    if let Some(stack) = stack_name()? {
        builder = builder.with_dimension("Stack", stack);
    }
    let built = builder
        .with_dimension("Function", function.to_owned())
        .init();
    if let Ok(collector) = built {
        for what in Count::ALL {
            metrics::describe_counter!(what.name(), Unit::Count, "");
        }
        metrics::describe_histogram!(WEBHOOK_LAG, Unit::Milliseconds, "");
        metrics::describe_histogram!(OLDEST_DUE, Unit::Seconds, "");
        let _ = COLLECTOR.set(collector);
    }
    Ok(())
}

/// `STACK_NAME`, or `None` if it is not set. It must be a name that `CloudFormation` accepts.
fn stack_name() -> Result<Option<String>, ConfigError> {
    let is_valid = |name: &str| {
        name.len() <= 128
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match variable("STACK_NAME") {
        Some(name) if !is_valid(&name) => Err(ConfigError::malformed(
            "STACK_NAME",
            "at most 128 letters, digits and hyphens",
        )),
        name => Ok(name),
    }
}

/// Writes the counts since the last flush, in lines that no log level filters out.
pub(crate) fn flush() {
    let Some(collector) = COLLECTOR.get() else {
        return;
    };
    let mut lines = Vec::new();
    // In one write, so that no other line gets in between. An error is ignored: without standard output there are no logs.
    let _ = collector
        .flush(&mut lines)
        .and_then(|()| io::stdout().write_all(&lines));
}
