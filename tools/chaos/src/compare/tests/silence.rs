//! Tests violations of the time until the first word.

use super::fixtures::after;
use crate::evidence::{Evidence, Heard, Webhook};
use crate::violation::Kind;

/// Lets the first word come so late, after a request that failed in three seconds and was repeated in one.
fn first_word(it: &mut Evidence, from_ms: u64) {
    it.twilio_calls[0].heard = Vec::from([from_ms, 30_000].map(|from_ms| Heard {
        from_ms,
        ..Heard::default()
    }));
    let requests = [
        ("step=start", None, 3_000),
        ("step=start", Some(200), 1_000),
        ("step=end", Some(200), 9_000),
    ];
    it.webhooks
        .extend(requests.map(|(url, answer, elapsed_ms)| Webhook {
            url: url.into(),
            call_sid: "CA1".into(),
            kind: "voice".into(),
            answer,
            elapsed_ms,
            ..Webhook::default()
        }));
}

#[test]
fn time_of_the_first_request_is_no_silence() {
    assert_eq!(after(|it| first_word(it, 4_500)), []);
}

#[test]
fn silence_after_the_answer_is_found() {
    assert_eq!(after(|it| first_word(it, 6_000)), [Kind::LongSilence]);
}

#[test]
fn key_before_the_first_word_ends_the_silence() {
    for (real_ms, found) in [(50, vec![]), (100, vec![Kind::LongSilence])] {
        let pressed = |it: &mut Evidence| {
            first_word(it, 9_000);
            it.webhooks.push(Webhook {
                call_sid: "CA1".into(),
                kind: "voice".into(),
                at: real_ms,
                opts_out: true,
                ..Webhook::default()
            });
        };
        assert_eq!(after(pressed), found, "{real_ms} ms");
    }
}

#[test]
fn client_may_want_detection_before_the_first_word() {
    let detected = |it: &mut Evidence| {
        first_word(it, 9_000);
        it.stored_calls[0].machine_detection = Some("Enable".into());
    };
    assert_eq!(after(detected), []);
}
