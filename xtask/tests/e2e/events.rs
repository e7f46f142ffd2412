//! Every sample event, under the runtime interface emulator, gives the answer that its name promises.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::{succeed, xtask};

/// The status that is answered; 0 where the event is no request.
const EXPECTED: [(&str, &str, u16); 25] = [
    ("console", "console", 200),
    ("console", "console-unknown-route", 404),
    ("health", "health", 200),
    ("health", "health-unknown-route", 404),
    ("media", "media", 206),
    ("media", "media-expired", 403),
    ("media", "media-whole", 200),
    ("outbound-calls", "outbound-calls-block", 201),
    ("outbound-calls", "outbound-calls-create", 201),
    ("outbound-calls", "outbound-calls-create-refused", 422),
    ("outbound-calls", "outbound-calls-get", 200),
    ("outbound-calls", "outbound-calls-recording-media", 307),
    ("recording", "recording", 200),
    ("recording", "recording-forged", 403),
    ("reconcile", "reconcile", 0),
    ("replay", "replay", 0),
    ("replay", "replay-unreadable", 0),
    ("status", "status", 200),
    ("status", "status-forged", 403),
    ("users", "users-create", 201),
    ("users", "users-create-refused", 422),
    ("users", "users-list", 200),
    ("users", "users-no-key", 401),
    ("voice", "voice", 200),
    ("voice", "voice-forged", 403),
];

#[test]
fn events_of_console() {
    invoke_events_of("console");
}

#[test]
fn events_of_health() {
    invoke_events_of("health");
}

#[test]
fn events_of_media() {
    invoke_events_of("media");
}

#[test]
fn events_of_outbound_calls() {
    invoke_events_of("outbound-calls");
}

#[test]
fn events_of_recording() {
    invoke_events_of("recording");
}

#[test]
fn the_schedule_looks_at_the_calls_that_are_open() {
    let report = invoke("reconcile", "reconcile");
    assert_eq!(report["ends"]["given_up"], 1, "{report:#}");
    assert_eq!(report["stopped_early"], false, "{report:#}");
}

#[test]
fn a_batch_from_the_queue_is_applied_but_for_what_cannot_be_read() {
    let answer = invoke("replay", "replay");
    assert_eq!(answer, serde_json::json!({ "batchItemFailures": [] }));
    let answer = invoke("replay", "replay-unreadable");
    let failed = answer["batchItemFailures"].as_array().expect("a list");
    assert_eq!(failed.len(), 1, "{answer:#}");
    assert_eq!(
        failed[0]["itemIdentifier"],
        "059f36b4-87a3-44ab-83d2-661975000003"
    );
}

#[test]
fn events_of_status() {
    invoke_events_of("status");
}

#[test]
fn events_of_users() {
    invoke_events_of("users");
}

#[test]
fn events_of_voice() {
    invoke_events_of("voice");
}

fn invoke_events_of(function: &str) {
    for (_, event, status) in EXPECTED.iter().filter(|(name, _, _)| *name == function) {
        let answer = invoke(function, event);
        assert_eq!(answer["statusCode"], *status, "{event}: {answer:#}");
    }
}

fn invoke(function: &str, event: &str) -> Value {
    let file = format!("events/{event}.json");
    let answer = succeed(&mut xtask(&["invoke", function, &file]));
    serde_json::from_str(&answer).expect("an answer is JSON")
}

#[test]
fn every_event_is_invoked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let files: BTreeSet<_> = std::fs::read_dir(folder)
        .expect("there are events")
        .filter_map(|file| {
            file.ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".json")
                .map(str::to_owned)
        })
        .filter(|name| name != "env" && name != "seed")
        .collect();
    let invoked: BTreeSet<_> = EXPECTED
        .iter()
        .map(|(_, event, _)| (*event).to_owned())
        .collect();
    assert_eq!(files, invoked);
}
