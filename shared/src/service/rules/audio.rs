//! The audio that a call may play.

use bson::DateTime;

use crate::domain::{AudioHosts, AudioUrl, FieldFault, Steps, rfc3339};

/// Returns the audio of steps that is on a host which is not listed, or that ends before the call does.
///
/// `ends_at` is the time from which the call is no longer dialled.
pub(super) fn faults(hosts: &AudioHosts, steps: &Steps, ends_at: DateTime) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    for (path, part) in steps.parts() {
        let Some(url) = &part.audio_url else { continue };
        if let Some(message) = fault(hosts, url, ends_at) {
            let field = format!("{path}.audio_url").into();
            faults.push(FieldFault { field, message });
        }
    }
    faults
}

fn fault(hosts: &AudioHosts, url: &AudioUrl, ends_at: DateTime) -> Option<String> {
    if hosts.is_empty() {
        return Some("is not available, because AUDIO_HOSTS lists no host".to_owned());
    }
    if !hosts.contain(&url.host()) {
        return Some(format!(
            "must be on an allowed host; allowed hosts are {hosts}"
        ));
    }
    match url.ends_at() {
        Ok(Some(end)) if end < ends_at => Some(format!(
            "is signed until {}, and the call may be dialled until {}: sign it for longer, or set an earlier expires_at",
            rfc3339(end),
            rfc3339(ends_at)
        )),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}
