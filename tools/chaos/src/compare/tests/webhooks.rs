//! Tests violations of webhooks that were acknowledged and lost.

use super::fixtures::after;
use crate::evidence::Evidence;
use crate::violation::Kind;

#[test]
fn acknowledged_and_lost_status_callback_is_found() {
    let lost = |it: &mut Evidence| {
        it.stored_calls[0]
            .events
            .retain(|event| event.sequence != Some(1));
    };
    assert_eq!(after(lost), [Kind::WebhookNotApplied]);
    let refused = |it: &mut Evidence| {
        it.stored_calls[0]
            .events
            .retain(|event| event.sequence != Some(1));
        it.webhooks[0].answer = Some(503);
    };
    assert_eq!(after(refused), []);
    let counted = |it: &mut Evidence| {
        it.stored_calls[0].events.clear();
        it.stored_calls[0].events_dropped = 3;
    };
    assert_eq!(after(counted), []);
}

#[test]
fn acknowledged_and_lost_recording_callback_is_found() {
    let lost = |it: &mut Evidence| {
        it.twilio_calls[0].recordings[0].status = "absent".into();
        it.webhooks[2].event = "absent".into();
        it.stored_calls[0].recording_url = None;
        it.stored_recordings[0].status = "processing".into();
    };
    assert_eq!(after(lost), [Kind::WebhookNotApplied]);
}

#[test]
fn dead_letter_and_queued_webhook_are_found() {
    assert_eq!(after(|it| it.dead_letters = 1), [Kind::DeadLetter]);
    assert_eq!(after(|it| it.queued = 1), [Kind::StillQueued]);
}
