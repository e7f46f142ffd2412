//! The format of a fault plan.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fault plan, as in the file and in `PUT /_sim/faults`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// The random seed; the simulator's own by default.
    pub seed: Option<u64>,
    /// Rules for webhooks.
    pub callbacks: Vec<CallbackRule>,
    /// Rules for REST requests.
    pub rest: Vec<RestRule>,
    /// Refuse connections for this time from the start of the plan, in milliseconds of wall time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse_connections_ms: Option<u64>,
}

/// The longest time to refuse connections, in milliseconds. The plan can't be replaced meanwhile.
const LONGEST_OUTAGE_MS: u64 = 600_000;

/// A rule for webhooks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackRule {
    /// The kind of webhook; any by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CallbackKind>,
    /// The `CallStatus` or `RecordingStatus` in the webhook; any by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Only calls to this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only these calls, counted from 1 in the order of creation; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<u64>,
    /// The probability that it fires, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// The fault.
    pub action: CallbackAction,
    /// The delay of the webhook or its duplicate, in milliseconds of wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

impl CallbackRule {
    /// The delay of the webhook or its duplicate, in wall time.
    #[must_use]
    pub fn delay(&self) -> Duration {
        let default = match self.action {
            CallbackAction::Delay => 1_000,
            _ => 0,
        };
        Duration::from_millis(self.delay_ms.unwrap_or(default))
    }
}

/// The kind of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackKind {
    /// The request for instructions.
    Voice,
    /// A status callback.
    Status,
    /// A recording status callback.
    Recording,
    /// The result of machine detection in the background.
    Amd,
    /// The webhook about a transcript.
    Transcript,
}

impl CallbackKind {
    /// The name in plans and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Status => "status",
            Self::Recording => "recording",
            Self::Amd => "amd",
            Self::Transcript => "transcript",
        }
    }
}

/// A fault of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackAction {
    /// It never arrives. For `voice`, the connection fails.
    Drop,
    /// It arrives twice, the second time after the delay.
    Duplicate,
    /// It arrives after the delay, without holding up the others.
    Delay,
    /// It arrives after the next webhook of its kind.
    Reorder,
    /// Machine detection is wrong. Only for `amd`.
    Wrong,
}

/// A rule for REST requests.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RestRule {
    /// The operation; any by default.
    #[serde(default)]
    pub on: RestOperation,
    /// Only requests whose `To` is this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only these of the matching requests, counted from 1; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<u64>,
    /// The probability that it fires, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Before or after the request takes effect.
    #[serde(default)]
    pub when: When,
    /// The fault.
    pub action: RestAction,
    /// The HTTP status of `refuse` and `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Twilio's error code for `refuse`, which also determines the usual status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// The length of a `stall`, in milliseconds of wall time. The usual response follows.
    #[serde(default = "a_minute")]
    pub delay_ms: u64,
}

/// The operation of a REST request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RestOperation {
    /// Any operation.
    #[default]
    Any,
    /// POST Calls.json.
    Create,
    /// GET of one call.
    Fetch,
    /// GET Calls.json.
    List,
    /// POST to one call.
    Update,
    /// Recordings: fetch and list.
    Recordings,
    /// DELETE of a call or recording.
    Delete,
    /// A recording's audio.
    Media,
    /// The account and its numbers.
    Account,
    /// The events and notifications of calls.
    Events,
    /// POST /v2/Transcripts.
    Transcribe,
    /// Services and transcripts: any other request.
    Intelligence,
}

/// When a REST fault happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Before the request takes effect. Only after a `stall` does it still take effect.
    #[default]
    Before,
    /// After the request has taken effect; only the response breaks.
    After,
}

/// A fault of a REST request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RestAction {
    /// A refusal in Twilio's error format, by default 20001, with the usual status of the code.
    Refuse,
    /// 429 with 20429.
    RateLimit,
    /// A late response.
    Stall,
    /// A reset of the connection.
    Reset,
    /// A close of the connection without a response.
    Close,
    /// A server error with an HTML page, by default 500.
    Error,
    /// The usual status with a body that is not valid JSON.
    Garbage,
}

fn always() -> f64 {
    1.0
}

fn a_minute() -> u64 {
    60_000
}

impl FaultPlan {
    /// Parses a plan.
    ///
    /// # Errors
    ///
    /// A message, if it is not a valid plan.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if !document.is_object() {
            return Err("a fault plan must be a JSON object".to_owned());
        }
        let plan: Self = serde_json::from_value(document).map_err(|error| error.to_string())?;
        let mut probabilities = plan
            .callbacks
            .iter()
            .map(|r| r.probability)
            .chain(plan.rest.iter().map(|r| r.probability));
        if probabilities.any(|p| !(0.0..=1.0).contains(&p)) {
            return Err("`probability` must be between 0 and 1".to_owned());
        }
        let is_misplaced = |rule: &CallbackRule| {
            rule.action == CallbackAction::Wrong && rule.kind != Some(CallbackKind::Amd)
        };
        if plan.callbacks.iter().any(is_misplaced) {
            return Err("`wrong` is only for the kind `amd`".to_owned());
        }
        if plan
            .callbacks
            .iter()
            .any(|r| r.action == CallbackAction::Reorder && r.kind == Some(CallbackKind::Voice))
        {
            return Err(
                "`reorder` is not possible for `voice`, because the call waits for the response"
                    .to_owned(),
            );
        }
        if plan
            .rest
            .iter()
            .any(|r| r.status.is_some_and(|status| !(400..600).contains(&status)))
        {
            return Err("`status` must be between 400 and 599".to_owned());
        }
        if plan
            .refuse_connections_ms
            .is_some_and(|time| !(1..=LONGEST_OUTAGE_MS).contains(&time))
        {
            return Err(format!(
                "`refuse_connections_ms` must be between 1 and {LONGEST_OUTAGE_MS}"
            ));
        }
        Ok(plan)
    }
}
