//! The output and the files of `cargo xtask demo`.

use std::time::Duration;

use serde_json::Value;

use crate::{succeed, wav, xtask};

#[test]
fn demo_prints_the_timeline_and_saves_the_recording() {
    let shown = succeed(&mut xtask(&["demo", "--speed", "20"]));

    let timeline: Vec<_> = shown
        .lines()
        .filter(|line| line.ends_with("(twilio)"))
        .collect();
    let statuses = ["initiated", "ringing", "in-progress", "completed"];
    assert_eq!(timeline.len(), statuses.len(), "{shown}");
    for (line, status) in timeline.iter().zip(statuses) {
        assert!(line.contains(status), "{line} should contain {status}");
    }

    let call = &shown[shown.find("\n{").expect("the call is shown")
        ..=shown.rfind("\n}").expect("the call is complete") + 1];
    let call: Value = serde_json::from_str(call).expect("the call is JSON");
    assert_eq!(call["status"], "completed");
    assert_eq!(call["events"].as_array().map(Vec::len), Some(4));
    assert!(call["recording_url"].is_string(), "{call}");

    let file = shown
        .lines()
        .find_map(|line| line.split_once(" a recording of ")?.1.split_once(" in "));
    let (_, file) = file.expect("the recording's file is named");
    let audio = std::fs::read(file).expect("the recording is there");
    let length = wav::duration(&audio).expect("the recording is a complete WAV file");
    let call_length = Duration::from_secs(
        call["duration_seconds"]
            .as_u64()
            .expect("the call has a duration"),
    );
    assert!(
        length.abs_diff(call_length) <= Duration::from_secs(1),
        "{length:?} of a call of {call_length:?}"
    );
}
