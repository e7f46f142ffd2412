//! Who says what: the channel with the call's own words is ours, and the other one is the called party's.
//!
//! Twilio documents the sides only for calls with `<Dial>`. So the words decide, and in doubt the speaker stays unknown.

use std::collections::{BTreeMap, HashSet};

use super::{HeardSentence, Speaker};

/// The share of a channel's words that the call must have spoken, for the channel to be ours.
const OURS_FROM: f64 = 0.6;
/// The least difference between the shares of our channel and the other one.
const APART: f64 = 0.3;
/// The fewest words of a channel that say anything.
const WORDS_MIN: usize = 3;

/// Returns the speaker of each sentence. `own` are the texts that the call speaks. With `others_on_line`, further people were
/// connected, whose channel is not known: then a sentence is ours only by its own words, and nobody is certainly the called party.
#[must_use]
pub fn speakers<'a>(
    own: impl Iterator<Item = &'a str>,
    heard: &[HeardSentence],
    others_on_line: bool,
) -> Vec<Speaker> {
    let own: HashSet<String> = own.flat_map(words).collect();
    let mut channels: BTreeMap<i64, Share> = BTreeMap::new();
    for sentence in heard {
        let share = Share::of(&own, &sentence.text);
        let channel = channels.entry(sentence.channel).or_default();
        channel.own += share.own;
        channel.all += share.all;
    }
    if others_on_line {
        // Another person's words may be on our channel.
        let most = channels.iter().max_by_key(|(_, share)| share.own);
        let most = most.map(|(&channel, _)| channel);
        let speaker = |sentence: &HeardSentence| {
            let is_ours = Share::of(&own, &sentence.text).is_ours();
            if is_ours && most == Some(sentence.channel) {
                Speaker::Outdial
            } else {
                Speaker::Unknown
            }
        };
        return heard.iter().map(speaker).collect();
    }
    let ours = our_channel(&channels);
    let speaker = |sentence: &HeardSentence| match ours {
        None => Speaker::Unknown,
        Some(ours) if ours == sentence.channel => Speaker::Outdial,
        Some(_) => Speaker::Callee,
    };
    heard.iter().map(speaker).collect()
}

/// How many of a text's words the call has spoken.
#[derive(Clone, Copy, Default)]
struct Share {
    own: usize,
    all: usize,
}

impl Share {
    fn of(own: &HashSet<String>, text: &str) -> Self {
        let mut share = Self::default();
        for word in words(text) {
            share.all += 1;
            share.own += usize::from(own.contains(&word));
        }
        share
    }

    fn is_ours(self) -> bool {
        self.all >= WORDS_MIN && self.ratio() >= OURS_FROM
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
    fn ratio(self) -> f64 {
        self.own as f64 / self.all.max(1) as f64
    }
}

/// Returns the channel with our words, if no other one could be it. A recording with one channel has both sides on it.
fn our_channel(channels: &BTreeMap<i64, Share>) -> Option<i64> {
    let (&ours, share) = channels
        .iter()
        .max_by(|(_, one), (_, other)| one.ratio().total_cmp(&other.ratio()))?;
    let mut others = channels.iter().filter(|(channel, _)| **channel != ours);
    let is_apart = others.all(|(_, other)| share.ratio() - other.ratio() >= APART);
    (share.is_ours() && is_apart && channels.len() <= 2).then_some(ours)
}

/// The words of a text in lower case, without punctuation.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_alphanumeric() && character != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "Hello! Your order A-17 is ready. Press 1 to confirm.";

    fn sentences(said: &[(i64, &str)]) -> Vec<HeardSentence> {
        let sentence = |&(channel, text): &(i64, &str)| HeardSentence {
            channel,
            text: text.to_owned(),
            start_ms: None,
            end_ms: None,
            confidence: None,
        };
        said.iter().map(sentence).collect()
    }

    fn who(said: &[(i64, &str)], others_on_line: bool) -> Vec<Speaker> {
        speakers([SCRIPT].into_iter(), &sentences(said), others_on_line)
    }

    #[test]
    fn channel_with_the_calls_own_words_is_ours() {
        use Speaker::{Callee, Outdial};
        for ours in [1, 2] {
            let said = [
                (ours, "Hello, your order A 17 is ready."),
                (3 - ours, "Oh great, who is this?"),
                (ours, "Press one to confirm."),
            ];
            assert_eq!(who(&said, false), [Outdial, Callee, Outdial]);
        }
        assert_eq!(who(&[(2, "Hello! Your order is ready.")], false), [Outdial]);
    }

    #[test]
    fn speaker_is_unknown_if_the_words_do_not_tell() {
        for said in [
            &[(1, "Who is this?"), (2, "I can't hear you.")][..],
            &[
                (1, "Hello! Your order is ready."),
                (2, "Hello! My order is ready?"),
            ],
            &[(1, "Hello")],
            &[(1, "Your order is ready."), (2, "No."), (3, "Yes.")],
        ] {
            let speakers = who(said, false);
            assert!(
                speakers.iter().all(|one| *one == Speaker::Unknown),
                "{said:?}"
            );
        }
        assert_eq!(who(&[], false), []);
    }

    #[test]
    fn others_on_the_line_leave_only_our_own_sentences_certain() {
        use Speaker::{Outdial, Unknown};
        let said = [
            (2, "Your order is ready. Press 1 to confirm."),
            (1, "Let me talk with somebody."),
            (2, "Ada speaking, how may I help?"),
        ];
        assert_eq!(who(&said, true), [Outdial, Unknown, Unknown]);
    }
}
