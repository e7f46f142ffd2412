//! Errors and warnings about a call: in the log, and in its notifications.

use serde_json::json;

use crate::model::{Notification, TwimlSource};
use crate::sim::Sim;
use crate::webhook::WebhookTarget;

/// An error ends or diverts the call; a warning doesn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Error,
    Warning,
}

/// Logs an error or a warning about a call, and adds it to the call's notifications. `source` is the request that caused it.
pub(super) fn notify(
    sim: &Sim,
    call_sid: &str,
    severity: Severity,
    (code, message): (u32, &str),
    source: Option<&WebhookTarget>,
) {
    let is_error = severity == Severity::Error;
    let kind = if is_error { "error" } else { "warning" };
    let detail = json!({ "code": code, "message": message });
    sim.log.write(kind, Some(call_sid), detail);
    let request = source.map_or(("", false), |target| (target.url.as_str(), target.get));
    sim.store.update_call(call_sid, |call| {
        Notification::add(&mut call.notifications, is_error, code, message, request);
    });
}

/// Adds a warning about the request that created a call.
pub fn warn(sim: &Sim, call_sid: &str, code: u32, message: &str) {
    notify(sim, call_sid, Severity::Warning, (code, message), None);
}

/// Returns the request for instructions, unless they are inline.
pub(super) fn requested(source: &TwimlSource) -> Option<&WebhookTarget> {
    match source {
        TwimlSource::Url(target) => Some(target),
        TwimlSource::Inline(_) => None,
    }
}
