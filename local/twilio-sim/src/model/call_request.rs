//! The parameters of a new call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::webhook::WebhookTarget;

/// The source of instructions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TwimlSource {
    /// Fetched over HTTP.
    Url(WebhookTarget),
    /// TwiML in the request itself.
    Inline(String),
}

/// The cause of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A request to the REST API.
    #[default]
    Api,
    /// A Dial in the call with this SID.
    Dial(String),
    /// A person called a number of the account.
    Inbound,
}

impl Origin {
    /// The `Direction`.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        match self {
            Self::Api => "outbound-api",
            Self::Dial(_) => "outbound-dial",
            Self::Inbound => "inbound",
        }
    }

    /// The SID of the call whose Dial it was.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        match self {
            Self::Api | Self::Inbound => None,
            Self::Dial(parent) => Some(parent),
        }
    }
}

/// The parameters of a new call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallRequest {
    /// The cause.
    #[serde(default)]
    pub origin: Origin,
    /// The called number.
    pub to: String,
    /// The calling number.
    pub from: String,
    /// The first instructions.
    pub source: TwimlSource,
    /// Requested when the instructions can't be fetched or read.
    pub fallback: Option<WebhookTarget>,
    /// The requested status events; empty if one of the names was wrong.
    pub status_events: Vec<String>,
    /// How to record the whole call; `None` if it is not recorded.
    pub recording: Option<RecordingOptions>,
    /// The longest time of ringing.
    pub timeout: Duration,
    /// The longest duration of the call.
    pub time_limit: Duration,
    /// Keys to send when the call is answered.
    pub send_digits: Option<String>,
    /// Answering machine detection; `None` if it is off.
    pub detection: Option<MachineDetection>,
}

/// How to record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordingOptions {
    /// 1 or 2.
    pub channels: u16,
    /// `both`, `inbound` or `outbound`.
    pub track: String,
    /// The recording status callback.
    pub callback: Option<WebhookTarget>,
    /// The events to report: `in-progress`, `completed`, `absent`.
    pub events: Vec<String>,
}

/// The settings of answering machine detection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MachineDetection {
    /// Wait for the end of a machine's greeting.
    pub message_end: bool,
    /// The longest wait for that end.
    #[serde(default = "MachineDetection::default_timeout")]
    pub timeout: Duration,
    /// Request the instructions without waiting for the result.
    pub in_background: bool,
    /// The callback for the result of a detection in the background.
    pub callback: Option<WebhookTarget>,
}

impl MachineDetection {
    /// The wait for the end of a greeting if the request doesn't name one.
    #[must_use]
    pub fn default_timeout() -> Duration {
        Duration::from_secs(30)
    }
}
