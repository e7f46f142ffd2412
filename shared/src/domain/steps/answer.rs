//! The keys that a person pressed at an ask.

use std::fmt;

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::names::StepId;

/// The keys that a person pressed at an ask. A call has at most one for each try of each ask.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The ask.
    pub step: StepId,
    /// Number of the try, from 1.
    #[serde(rename = "try")]
    pub nth: u32,
    /// The keys.
    pub digits: String,
    /// The option that the keys choose. `None`: the ask has no options, or no such one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<String>,
    /// True if the keys were an answer and are erased: the call is sensitive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_accepted: bool,
    /// Time at which Twilio reported them, UTC.
    pub at: DateTime,
}

impl Answer {
    /// The most keys that are kept. An ask takes at most 20.
    pub const MAX_DIGITS: usize = 20;
}

/// Without the keys, which may be a secret.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("step", &self.step)
            .field("try", &self.nth)
            .finish_non_exhaustive()
    }
}
