//! The number of responses to clients, by kind.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde::Serialize;

/// The number of responses to clients, by kind. Failed attempts count too.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Responses to requests to place a call.
    pub answers: BTreeMap<String, usize>,
    /// Responses to hang-ups.
    pub hang_ups: BTreeMap<String, usize>,
    /// Responses to other changes.
    #[serde(skip)]
    pub actions: BTreeMap<String, usize>,
}

/// Returns a text such as `201`, `409 request_in_progress` or `no answer`.
pub(super) fn kind(status: Option<StatusCode>, code: Option<&str>) -> String {
    let Some(status) = status else {
        return "no answer".to_owned();
    };
    [Some(status.as_str()), code]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}
