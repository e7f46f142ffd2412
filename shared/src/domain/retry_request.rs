//! The retries that a request asks for.

use bson::DateTime;
use deserr::{Deserr, MergeWithError};
use serde::Serialize;
use utoipa::ToSchema;

use super::{InvalidValue, Retry, RetryReason};

/// When to try a call again that did not reach the person. The defaults are those of `max_attempts: 3`.
#[derive(Debug, Clone, PartialEq, Eq, Deserr, Serialize, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
#[schema(as = Retry)]
pub struct RetryRequest {
    /// Maximum number of attempts, the first included.
    #[deserr(default = 3, try_from(u32) = attempts -> InvalidValue)]
    #[schema(required = false, minimum = 1, maximum = 10, example = 3)]
    pub max_attempts: u32,
    /// Ends after which the call is tried again: `busy`, `no-answer`, `failed`, `voicemail`, `no_input`. `voicemail` needs
    /// `machine_detection` or `voicemail`, and `no_input` needs `steps`.
    #[deserr(default = default_reasons(), try_from(Vec<RetryReason>) = reasons -> InvalidValue)]
    #[schema(required = false, min_items = 1, max_items = 5, example = json!(["busy", "no-answer"]))]
    pub on: Vec<RetryReason>,
    /// Seconds between the end of an attempt and the next one. The last delay repeats.
    #[deserr(default = default_delays(), try_from(Vec<u32>) = delays -> InvalidValue)]
    #[schema(required = false, min_items = 1, max_items = 10, example = json!([300, 3600]))]
    pub delays_seconds: Vec<u32>,
}

impl RetryRequest {
    /// Maximum number of attempts that a request may ask for.
    pub const MAX_ATTEMPTS: u32 = 10;
    /// The longest delay: a week, in seconds.
    pub const MAX_DELAY_SECONDS: u32 = 604_800;

    /// The retries to store. No attempt begins after `expires_at`.
    #[must_use]
    pub fn until(&self, expires_at: DateTime) -> Retry {
        Retry {
            max_attempts: self.max_attempts,
            on: self.on.clone(),
            delays_seconds: self.delays_seconds.clone(),
            expires_at,
        }
    }
}

fn attempts(count: u32) -> Result<u32, InvalidValue> {
    let max = RetryRequest::MAX_ATTEMPTS;
    if (1..=max).contains(&count) {
        return Ok(count);
    }
    Err(InvalidValue::new(format!("must be between 1 and {max}")))
}

fn default_reasons() -> Vec<RetryReason> {
    vec![
        RetryReason::Busy,
        RetryReason::NoAnswer,
        RetryReason::Failed,
    ]
}

/// Sorts the reasons and removes duplicates, so that their order does not matter.
fn reasons(mut on: Vec<RetryReason>) -> Result<Vec<RetryReason>, InvalidValue> {
    if on.is_empty() {
        return Err(InvalidValue::new(
            "must name at least one of busy, no-answer, failed, voicemail and no_input",
        ));
    }
    on.sort();
    on.dedup();
    Ok(on)
}

fn default_delays() -> Vec<u32> {
    vec![300, 3_600]
}

fn delays(seconds: Vec<u32>) -> Result<Vec<u32>, InvalidValue> {
    let (attempts, longest) = (RetryRequest::MAX_ATTEMPTS, RetryRequest::MAX_DELAY_SECONDS);
    if seconds.is_empty() || seconds.len() > attempts as usize {
        return Err(InvalidValue::new(format!(
            "must have 1 to {attempts} delays"
        )));
    }
    if seconds.iter().any(|delay| *delay > longest) {
        return Err(InvalidValue::new(format!(
            "must have delays of at most {longest} seconds, which is a week"
        )));
    }
    Ok(seconds)
}
