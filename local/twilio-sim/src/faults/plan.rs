//! A fault plan as it is written.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fault plan, as written in the file and in `PUT /_sim/faults`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// Chooses among the possible courses; the simulator's own seed where it is absent.
    pub seed: Option<u64>,
    /// What happens to webhooks.
    pub callbacks: Vec<CallbackRule>,
    /// What happens to REST requests.
    pub rest: Vec<RestRule>,
}

/// One fault among the webhooks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackRule {
    /// Which webhooks; all of them where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CallbackKind>,
    /// The `CallStatus` or `RecordingStatus` that it tells; any where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Only calls to this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only these calls, counted from 1 in the order in which they were accepted; all where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<u64>,
    /// How often it strikes, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// What happens.
    pub action: CallbackAction,
    /// How much later it arrives, or its duplicate, in milliseconds of the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

impl CallbackRule {
    /// How much later it arrives, or its duplicate.
    #[must_use]
    pub fn delay(&self) -> Duration {
        let usual = match self.action {
            CallbackAction::Delay => 1_000,
            _ => 0,
        };
        Duration::from_millis(self.delay_ms.unwrap_or(usual))
    }
}

/// The kinds of webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackKind {
    /// The request for instructions.
    Voice,
    /// A status callback.
    Status,
    /// A recording status callback.
    Recording,
    /// The result of a background machine detection.
    Amd,
}

impl CallbackKind {
    /// The word in plans and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Status => "status",
            Self::Recording => "recording",
            Self::Amd => "amd",
        }
    }
}

/// What can happen to a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackAction {
    /// It never arrives. For `voice` that is a failed connection.
    Drop,
    /// It arrives twice, the second time after its delay.
    Duplicate,
    /// It arrives later, while the others go on.
    Delay,
    /// It arrives after the next one of its kind.
    Reorder,
}

/// One fault among the REST requests.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RestRule {
    /// Which requests.
    #[serde(default)]
    pub on: RestOperation,
    /// Only requests whose `To` is this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only these matching requests, counted from 1; all where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<u64>,
    /// How often it strikes, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Before the request takes effect, or after it has.
    #[serde(default)]
    pub when: When,
    /// What happens.
    pub action: RestAction,
    /// The HTTP status of `refuse` and `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Twilio's code in a `refuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// How long a `stall` is, in milliseconds of the wall clock; the request is then answered as usual.
    #[serde(default = "a_minute")]
    pub delay_ms: u64,
}

/// The REST requests that can be told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RestOperation {
    /// Every one.
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
    /// DELETE of a call or a recording.
    Delete,
    /// A recording's audio.
    Media,
    /// The account and its numbers.
    Account,
    /// A call's events.
    Events,
}

/// When a REST fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Nothing has happened yet, and nothing will but for a `stall`.
    #[default]
    Before,
    /// The call was accepted, ended, and so on; its answer is what breaks.
    After,
}

/// What can happen to a REST request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RestAction {
    /// An error document; 400 and 20001 by default.
    Refuse,
    /// 429 with 20429.
    RateLimit,
    /// No answer for a while.
    Stall,
    /// The connection is reset.
    Reset,
    /// A server's error, 500 by default, with a page that is not JSON.
    Error,
    /// The right status and a body that is not JSON.
    Garbage,
}

fn always() -> f64 {
    1.0
}

fn a_minute() -> u64 {
    60_000
}

impl FaultPlan {
    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if !document.is_object() {
            return Err("a fault plan is a JSON object".to_owned());
        }
        let plan: Self = serde_json::from_value(document).map_err(|error| error.to_string())?;
        let mut probabilities = plan
            .callbacks
            .iter()
            .map(|r| r.probability)
            .chain(plan.rest.iter().map(|r| r.probability));
        if probabilities.any(|p| !(0.0..=1.0).contains(&p)) {
            return Err("a probability must be between 0 and 1".to_owned());
        }
        if plan
            .callbacks
            .iter()
            .any(|r| r.action == CallbackAction::Reorder && r.kind == Some(CallbackKind::Voice))
        {
            return Err("a voice request can't be reordered: the call waits for it".to_owned());
        }
        if plan
            .rest
            .iter()
            .any(|r| r.status.is_some_and(|status| !(400..600).contains(&status)))
        {
            return Err("the status of a fault must be between 400 and 599".to_owned());
        }
        Ok(plan)
    }
}
