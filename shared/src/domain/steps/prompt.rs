//! Prompts: the words of a step.

use std::fmt;

use deserr::{
    DeserializeError, Deserr, IntoValue, MergeWithError, Sequence, Value, ValueKind,
    ValuePointerRef, take_cf_content,
};
use serde::{Deserialize, Serialize};

use crate::domain::{
    AudioUrl, InvalidValue, Language, Script, Ssml, Voice,
    fields::{Fields, Within, wrong_kind},
    from_json_string,
};

/// The words of a step: one or more parts, in this order.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prompt(Vec<Part>);

/// A part of a prompt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The words.
    #[serde(flatten)]
    pub words: Words,
    /// URL of audio that is played instead of the words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_url: Option<AudioUrl>,
    /// The language. `None`: the call's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The voice. `None`: the call's, or one that speaks the language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
    /// Number of times to say it, 1 to 3.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub repeat: u32,
}

/// The words of a part.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Words {
    /// Plain text.
    Text(Script),
    /// Text with elements of SSML.
    Ssml(Ssml),
    /// Letters and digits, which are said one by one.
    Spell(Spelled),
}

/// 1 to 20 digits and capital letters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spelled(String);

impl Prompt {
    /// The most parts of a prompt.
    pub const MAX_PARTS: usize = 8;

    /// The parts, at least one.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The parts with their paths: `say[2]` for the third part of `say`. A prompt of one part has no index.
    pub fn parts_at(&self, path: &str) -> impl Iterator<Item = (String, &Part)> {
        let is_only = self.0.len() == 1;
        self.0.iter().enumerate().map(move |(index, part)| {
            let place = if is_only {
                path.to_owned()
            } else {
                format!("{path}[{index}]")
            };
            (place, part)
        })
    }

    /// The parts, to change them.
    pub(in crate::domain) fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        self.0.iter_mut()
    }

    /// Replaces the words by silence.
    pub(in crate::domain) fn erase_words(&mut self) {
        *self = Self::of_text(Script::silent());
    }

    /// The prompt that says only this text.
    #[must_use]
    pub fn of_text(text: Script) -> Self {
        Self(vec![Part::of_text(text)])
    }

    /// Returns true if a part has audio.
    #[must_use]
    pub fn has_audio(&self) -> bool {
        self.0.iter().any(|part| part.audio_url.is_some())
    }
}

impl Part {
    /// The number of characters that Twilio charges for: with the elements of SSML, and for each repetition. It charges nothing for
    /// audio, in place of which it may speak the words.
    #[must_use]
    pub fn characters(&self) -> u64 {
        let characters = match &self.words {
            Words::Text(text) => text.as_str().chars().count(),
            Words::Ssml(ssml) => ssml.as_str().chars().count(),
            Words::Spell(spelled) => spelled.to_speech().chars().count(),
        };
        characters as u64 * u64::from(self.repeat)
    }

    fn of_text(text: Script) -> Self {
        Self {
            words: Words::Text(text),
            audio_url: None,
            language: None,
            voice: None,
            repeat: 1,
        }
    }
}

/// The characters of a text with a pause after each, so that a voice says them one by one.
pub(in crate::domain) fn one_by_one(text: &str) -> String {
    let characters: Vec<_> = text.chars().map(String::from).collect();
    characters.join(", ")
}

impl Spelled {
    /// The characters with a pause after each, so that a voice says them one by one.
    #[must_use]
    pub fn to_speech(&self) -> String {
        one_by_one(&self.0)
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Spelled {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let is_spelled = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
        if (1..=20).contains(&text.len()) && text.bytes().all(is_spelled) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidValue::new(
            "must have 1 to 20 digits and capital letters, A to Z",
        ))
    }
}

from_json_string!(Spelled);

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for Prompt {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let sequence = match value {
            Value::String(_) | Value::Map(_) => {
                return Part::deserialize_from_value(value, location).map(|part| Self(vec![part]));
            }
            Value::Sequence(sequence) => sequence,
            value => {
                let accepted = [ValueKind::String, ValueKind::Map, ValueKind::Sequence];
                return Err(wrong_kind(value, &accepted, location));
            }
        };
        let (mut parts, mut faults) = (Vec::new(), None::<E>);
        if !(1..=Self::MAX_PARTS).contains(&sequence.len()) {
            let message = format!("must have 1 to {} parts", Self::MAX_PARTS);
            let fault = E::merge(None, InvalidValue::new(message), location);
            return Err(take_cf_content(fault));
        }
        for (index, value) in sequence.into_iter().enumerate() {
            let here = location.push_index(index);
            match <Part as Deserr<E>>::deserialize_from_value(value.into_value(), here) {
                Ok(part) => parts.push(part),
                Err(fault) => faults = Some(take_cf_content(E::merge(faults, fault, here))),
            }
        }
        faults.map_or(Ok(Self(parts)), Err)
    }
}

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for Part {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let value = match value {
            Value::String(_) => {
                return Script::deserialize_from_value(value, location).map(Self::of_text);
            }
            Value::Map(_) => value,
            value => {
                let accepted = [ValueKind::String, ValueKind::Map];
                return Err(wrong_kind(value, &accepted, location));
            }
        };
        let mut fields = Fields::of(value, location)?;
        let words = [
            fields.optional("text").map(Words::Text),
            fields.optional("ssml").map(Words::Ssml),
            fields.optional("spell").map(Words::Spell),
        ];
        if fields.present_of(&["text", "ssml", "spell"]).len() != 1 {
            fields.refuse_all("must have exactly one of text, ssml and spell");
        }
        let (audio_url, language, voice) = (
            fields.optional("audio_url"),
            fields.optional("language"),
            fields.optional("voice"),
        );
        let repeat = fields.optional("repeat");
        let words = words.into_iter().flatten().next();
        fields.finish(words.map(|words| Self {
            words,
            audio_url,
            language,
            voice,
            repeat: repeat.map_or(1, |Within::<1, 3>(count)| count),
        }))
    }
}

fn once() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_once(count: &u32) -> bool {
    *count == 1
}

/// Shows the number of parts, and no words.
impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prompt({} parts)", self.0.len())
    }
}
