//! An error or a warning about a call, as the Notifications resource reports it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::new_sid;

/// The most notifications to keep for one call; further ones are only in the log.
const KEPT: usize = 200;

/// An error or a warning about a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notification {
    /// `NO…`.
    pub sid: String,
    /// True for an error, false for a warning.
    pub is_error: bool,
    /// Twilio's error code.
    pub code: u32,
    /// What happened.
    pub message: String,
    /// The URL that was requested. Empty for inline TwiML.
    pub url: String,
    /// True for a GET.
    pub get: bool,
    /// When it happened.
    pub at: DateTime<Utc>,
}

impl Notification {
    /// Adds a notification about what happened now, unless the list is full.
    pub fn add(
        list: &mut Vec<Self>,
        is_error: bool,
        code: u32,
        message: &str,
        (url, get): (&str, bool),
    ) {
        if list.len() == KEPT {
            return;
        }
        list.push(Self {
            sid: new_sid("NO"),
            is_error,
            code,
            message: message.to_owned(),
            url: url.to_owned(),
            get,
            at: Utc::now(),
        });
    }
}
