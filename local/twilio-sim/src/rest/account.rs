//! The Account resource.

use serde_json::{Map, Value, json};

use crate::clock::rfc2822;
use crate::sim::Sim;

const SUBRESOURCES: &[(&str, &str)] = &[
    ("available_phone_numbers", "AvailablePhoneNumbers"),
    ("calls", "Calls"),
    ("conferences", "Conferences"),
    ("incoming_phone_numbers", "IncomingPhoneNumbers"),
    ("notifications", "Notifications"),
    ("outgoing_caller_ids", "OutgoingCallerIds"),
    ("recordings", "Recordings"),
    ("transcriptions", "Transcriptions"),
];

/// Returns the account.
pub(super) fn fetch(sim: &Sim) -> Value {
    let subresources: Map<String, Value> = SUBRESOURCES
        .iter()
        .map(|(key, name)| ((*key).to_owned(), sim.path(&format!("/{name}.json")).into()))
        .collect();
    json!({
        "auth_token": sim.config.auth_token,
        "date_created": rfc2822(sim.started),
        "date_updated": rfc2822(sim.started),
        "friendly_name": "Simulated account",
        "owner_account_sid": sim.config.account_sid,
        "sid": sim.config.account_sid,
        "status": "active",
        "subresource_uris": subresources,
        "type": "Full",
        "uri": sim.path(".json"),
    })
}
