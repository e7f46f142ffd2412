//! What is counted, in the embedded metric format: lines on standard output that `CloudWatch` makes metrics of, in the
//! namespace `outdial`. Their dimensions are the stack's name, the function's name, and a refusal's rule or a dial's
//! outcome: all of them of a few known values.

use std::{
    io::{self, Write},
    sync::OnceLock,
};

use http::StatusCode;
use metrics::Unit;
use metrics_cloudwatch_embedded::{Builder, Collector};
use mongodb::bson::DateTime;

use crate::{
    config::{ConfigError, variable},
    domain::DialOutcome,
};

static COLLECTOR: OnceLock<&Collector> = OnceLock::new();

/// Something that happened, and is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// A call was stored, within the caps, and goes to Twilio.
    PlacedCall,
    /// A rule refused a call; by `Rule`.
    RefusedCall(&'static str),
    /// Twilio's answer to the dial; by `Outcome`.
    Dial(DialOutcome),
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
    /// `voice` apologized to a call instead of speaking its script.
    Apology,
    /// What became of a dial cannot be told yet without guessing.
    DialLeftUnknown,
    /// A stored document could not be read, and was passed over where others were asked for too.
    UnreadableDocument,
    /// A request came without an API key, or with an unknown one.
    UnauthorizedRequest,
    /// A webhook that Twilio has not signed, or a media URL that is not ours or has expired.
    BadSignature,
    /// A response with a 5xx status, but not the kill switch's.
    Fault,
}

/// The codes of the answers that are a rule's.
const RULES: [&str; 13] = [
    "number_not_valid",
    "number_type_not_allowed",
    "country_not_allowed",
    "own_number",
    "number_blocked",
    "outside_calling_hours",
    "no_calling_hours",
    "user_daily_cap",
    "number_daily_cap",
    "daily_cap",
    "dialing_off",
    "voice_not_allowed",
    "language_not_supported",
];

const WEBHOOK_LAG: &str = "WebhookLag";

impl Count {
    const ALL: [Self; 16] = [
        Self::PlacedCall,
        Self::RefusedCall(RULES[0]),
        Self::Dial(DialOutcome::Accepted),
        Self::DuplicateWebhook,
        Self::OrphanWebhook,
        Self::SuspectedDoubleDial,
        Self::SpilledWebhook,
        Self::ReplayedWebhook,
        Self::FailedReplay,
        Self::ReconciledCall,
        Self::Apology,
        Self::DialLeftUnknown,
        Self::UnreadableDocument,
        Self::UnauthorizedRequest,
        Self::BadSignature,
        Self::Fault,
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
            Self::DialLeftUnknown => "DialsLeftUnknown",
            Self::UnreadableDocument => "UnreadableDocuments",
            Self::UnauthorizedRequest => "UnauthorizedRequests",
            Self::BadSignature => "BadSignatures",
            Self::Fault => "Faults",
        }
    }

    /// What an answer of that code counts as, beside what its handler counts.
    fn of_code(code: &str) -> Option<Self> {
        match code {
            "unauthorized" => Some(Self::UnauthorizedRequest),
            "bad_signature" => Some(Self::BadSignature),
            code => RULES
                .into_iter()
                .find(|rule| *rule == code)
                .map(Self::RefusedCall),
        }
    }
}

/// Counts one more; it is told when the invocation ends, or when the next one does.
pub fn count(what: Count) {
    let counter = match what {
        Count::RefusedCall(rule) => metrics::counter!(what.name(), "Rule" => rule),
        Count::Dial(outcome) => metrics::counter!(what.name(), "Outcome" => outcome.as_str()),
        _ => metrics::counter!(what.name()),
    };
    counter.increment(1);
}

/// Counts a response: a refusal by its code, and a 5xx as a fault, unless an operator's kill switch gave it.
pub(crate) fn count_response(status: StatusCode, code: Option<&str>) {
    if let Some(what) = code.and_then(Count::of_code) {
        count(what);
    }
    if status.is_server_error() && code != Some("dialing_off") {
        count(Count::Fault);
    }
}

/// Notes how long after Twilio's `Timestamp` a webhook was applied, in milliseconds. Twilio's clock, which has whole
/// seconds, may be ahead of ours: that is no time.
pub(crate) fn webhook_applied(told_at: DateTime) {
    let lag = DateTime::now().timestamp_millis() - told_at.timestamp_millis();
    let lag = u32::try_from(lag.max(0)).unwrap_or(u32::MAX);
    metrics::histogram!(WEBHOOK_LAG).record(lag);
}

/// Starts counting in a process that is a function. `STACK_NAME` names the stack, so that stacks of one account and region
/// are counted apart.
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
        let _ = COLLECTOR.set(collector);
    }
    Ok(())
}

/// A name that `CloudFormation` accepts, or none if the variable is not set.
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

/// Tells what was counted since the last time, in lines of their own that no log level filters out.
pub(crate) fn flush() {
    let Some(collector) = COLLECTOR.get() else {
        return;
    };
    let mut lines = Vec::new();
    // At once, so that no other line comes in between. Where standard output is gone, the logs are as well.
    let _ = collector
        .flush(&mut lines)
        .and_then(|()| io::stdout().write_all(&lines));
}
