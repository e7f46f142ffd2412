//! From the sounds of a recording to the sentences of its transcript.

use std::time::Duration;

use crate::model::{Recording, Sentence, new_sid};
use crate::wav::{Sound, Voice};

/// Returns what was said in a recording, in the order of its start. In a dual recording, the called party has the channel
/// `callee_channel`; in a mono recording, everybody has channel 1.
pub(super) fn of(recording: &Recording, callee_channel: u16) -> Vec<Sentence> {
    let end = Duration::from_secs(recording.seconds.unwrap_or_default().into());
    let mut sentences: Vec<Sentence> = Vec::new();
    for sound in &recording.sounds {
        let channel = match (recording.channels, sound.voice) {
            (1, _) => 1,
            (_, Voice::Callee) => callee_channel,
            (_, Voice::Application) => 3 - callee_channel,
        };
        sentences.extend(said(sound, end).map(|(start, end, text)| Sentence {
            sid: new_sid("GX"),
            channel,
            start,
            end,
            text,
        }));
    }
    sentences.sort_by(|one, other| one.start.total_cmp(&other.start));
    sentences
}

/// Returns the start, the end and the words of each sentence in a sound, up to the end of the recording. Each character takes the
/// same time; a sentence that is cut off has the words that were said.
fn said(sound: &Sound, until: Duration) -> impl Iterator<Item = (f64, f64, String)> {
    let words = sound.words.as_deref().unwrap_or_default();
    let start = sound.at.start.as_secs_f64();
    let whole = sound.whole.max(Duration::from_millis(1)).as_secs_f64();
    let heard = sound.at.end.min(until).as_secs_f64() - start;
    let per_character = whole / seconds(words.chars().count().max(1));
    let mut at = 0;
    split(words).into_iter().filter_map(move |part| {
        let begins = per_character * seconds(at);
        let length = part.chars().count();
        at += length;
        let ends = (per_character * seconds(at)).min(heard);
        let text: String = part
            .chars()
            .enumerate()
            .take_while(|(place, _)| begins + per_character * seconds(*place) < heard)
            .map(|(_, character)| character)
            .collect();
        let text = text.trim().to_owned();
        (!text.is_empty()).then(|| (round(start + begins), round(start + ends), text))
    })
}

/// Splits a text after each full stop, question mark and exclamation mark that a blank follows.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut after_mark = false;
    for (at, character) in text.char_indices() {
        if after_mark && character.is_whitespace() {
            parts.push(&text[begin..at]);
            begin = at;
        }
        after_mark = matches!(character, '.' | '?' | '!');
    }
    parts.push(&text[begin..]);
    parts
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a text has at most some thousand characters"
)]
fn seconds(characters: usize) -> f64 {
    characters as f64
}

fn round(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(words: &str, start: u64, end: u64, whole: u64) -> Sound {
        Sound {
            voice: Voice::Application,
            at: Duration::from_secs(start)..Duration::from_secs(end),
            words: Some(words.to_owned()),
            whole: Duration::from_secs(whole),
        }
    }

    #[test]
    fn each_sentence_has_its_share_of_the_time() {
        let said: Vec<_> = said(&sound("Hello. Bye now.", 2, 17, 15), Duration::MAX).collect();
        assert_eq!(
            said,
            [
                (2.0, 8.0, "Hello.".to_owned()),
                (8.0, 17.0, "Bye now.".to_owned())
            ]
        );
    }

    #[test]
    fn words_after_the_end_are_not_said() {
        let cut = sound("Hello. Bye now.", 0, 4, 15);
        assert_eq!(
            said(&cut, Duration::MAX).collect::<Vec<_>>(),
            [(0.0, 4.0, "Hell".to_owned())]
        );
        let whole = sound("Hello. Bye now.", 0, 15, 15);
        let said: Vec<_> = said(&whole, Duration::from_secs(10)).collect();
        assert_eq!(said[1], (6.0, 10.0, "Bye".to_owned()));
    }
}
