//! Tests violations of recordings.

use super::fixtures::{after, recording};
use crate::evidence::Evidence;
use crate::violation::Kind;

#[test]
fn missing_recording_is_found() {
    let link = |it: &mut Evidence| it.stored_calls[0].recording_url = None;
    assert_eq!(after(link), [Kind::RecordingMissing]);
    let another =
        |it: &mut Evidence| it.stored_calls[0].recording_url = Some("/Recordings/RE9".into());
    assert_eq!(after(another), [Kind::RecordingMissing]);
    let unfinished = |it: &mut Evidence| {
        it.stored_recordings[0].status = "processing".into();
        it.webhooks.truncate(2);
    };
    assert_eq!(after(unfinished), [Kind::RecordingMissing]);
    let gone = |it: &mut Evidence| {
        it.stored_recordings.clear();
        it.webhooks.truncate(2);
    };
    assert_eq!(after(gone), [Kind::RecordingMissing]);
}

#[test]
fn absent_recording_needs_no_document() {
    let absent = |it: &mut Evidence| {
        it.twilio_calls[0].recordings[0].status = "absent".into();
        it.stored_calls[0].recording_url = None;
        it.stored_recordings.clear();
        it.webhooks.truncate(2);
    };
    assert_eq!(after(absent), []);
}

#[test]
fn duplicate_recording_is_found() {
    let twice = |it: &mut Evidence| it.stored_recordings.push(recording("RE1", "completed"));
    assert_eq!(after(twice), [Kind::RecordingDoubled]);
    let invented = |it: &mut Evidence| it.stored_recordings.push(recording("RE9", "completed"));
    assert_eq!(after(invented), [Kind::RecordingDoubled]);
}
