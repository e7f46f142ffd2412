//! A webhook about a call, ready to be sent.

use serde::{Deserialize, Serialize};

use crate::faults::CallbackKind;
use crate::webhook::WebhookTarget;

/// A webhook about a call, ready to be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callback {
    /// The kind of webhook.
    pub kind: CallbackKind,
    /// The status that it reports.
    pub event: String,
    /// The URL and method.
    #[serde(rename = "hook")]
    pub target: WebhookTarget,
    /// The parameters.
    pub form: Vec<(String, String)>,
    /// The `I-Twilio-Idempotency-Token`. Retries and duplicates carry the same token; other callbacks carry another.
    pub token: String,
}
