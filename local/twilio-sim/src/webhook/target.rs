//! A webhook as the application configured it.

use serde::{Deserialize, Serialize};

/// The URL and method of a webhook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebhookTarget {
    /// The URL as configured, with its fragment.
    pub url: String,
    /// True for GET, false for POST.
    pub get: bool,
}
