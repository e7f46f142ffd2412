//! SSML: text with elements that shape how a voice speaks it.
//!
//! [`Ssml`] has only elements and attributes of a list. Which of them a voice supports depends on its class.

mod elements;
mod parse;
#[cfg(test)]
mod tests;
mod values;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    InvalidValue, SaySize, Script, Voice, VoiceClass, from_json_string, text_place::place,
    voices::Form,
};

/// Valid SSML without the `<speak>` around it: 1 to 3,000 characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ssml(Script);

/// A part of SSML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SsmlNode {
    /// Text.
    Text(String),
    /// An element.
    Element(SsmlElement),
}

/// An element of SSML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsmlElement {
    /// Its name.
    pub name: &'static str,
    /// Its attributes, by their names.
    pub attributes: Vec<(&'static str, String)>,
    /// Its content.
    pub content: Vec<SsmlNode>,
    /// Its offset in the source, in bytes.
    at: usize,
}

impl Ssml {
    /// The markup, as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The parts in order. A stored text that is not valid, which only a later version can store, is one text.
    #[must_use]
    pub fn nodes(&self) -> Vec<SsmlNode> {
        parse::parse(self.as_str())
            .unwrap_or_else(|_| vec![SsmlNode::Text(self.as_str().to_owned())])
    }

    /// The words without the elements.
    #[must_use]
    pub fn plain_text(&self) -> String {
        self.nodes().iter().map(SsmlNode::plain_text).collect()
    }

    /// Checks that a voice supports every element.
    ///
    /// # Errors
    ///
    /// The first element that it does not support.
    pub fn check_for(&self, voice: &Voice) -> Result<(), InvalidValue> {
        let nodes = self.nodes();
        match nodes.iter().find_map(|node| node.unsupported(voice)) {
            None => Ok(()),
            Some(element) => {
                let (name, place) = (element.name, place(self.as_str(), element.at));
                let (voice, reason) = (voice.as_str(), reason(voice, element));
                Err(InvalidValue::new(format!(
                    "must not have <{name}> ({place}) with the voice {voice}, {reason}"
                )))
            }
        }
    }
}

impl SsmlNode {
    /// The size in a `<Say>`, with the markup.
    #[must_use]
    pub fn size(&self) -> SaySize {
        match self {
            Self::Text(text) => SaySize::of(text),
            Self::Element(element) => {
                let attributes = element.attributes.iter().map(|(name, value)| {
                    SaySize::of(name) + SaySize::of(value) + SaySize::of(" =\"\"")
                });
                let content = element.content.iter().map(Self::size);
                let name = SaySize::of(element.name);
                name + name + SaySize::of("<></>") + attributes.sum() + content.sum()
            }
        }
    }

    /// Returns true if it speaks something, and does not only pause.
    #[must_use]
    pub fn has_words(&self) -> bool {
        match self {
            Self::Text(text) => !text.trim().is_empty(),
            Self::Element(element) => {
                element.alias().is_some() || element.content.iter().any(Self::has_words)
            }
        }
    }

    fn plain_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Element(element) => match element.alias() {
                Some(alias) => alias.to_owned(),
                None => element.content.iter().map(Self::plain_text).collect(),
            },
        }
    }

    fn unsupported(&self, voice: &Voice) -> Option<&SsmlElement> {
        match self {
            Self::Element(element) if element.is_supported_by(voice) => {
                let mut content = element.content.iter();
                content.find_map(|node| node.unsupported(voice))
            }
            Self::Element(element) => Some(element),
            Self::Text(_) => None,
        }
    }
}

impl SsmlElement {
    /// Returns whether the voice supports the element. Twilio fails to speak it otherwise.
    #[must_use]
    pub fn is_supported_by(&self, voice: &Voice) -> bool {
        match (voice.form(), voice.class()) {
            (Form::Polly(_), Some(VoiceClass::Standard)) => true,
            (Form::Polly(_), Some(VoiceClass::Neural | VoiceClass::Generative)) => {
                self.name != "emphasis" && !self.has_pitch()
            }
            (Form::Google(_), Some(_)) => self.name != "w",
            // Basic voices speak no SSML, and nobody knows about the others.
            _ => false,
        }
    }

    /// The words that are spoken in its place if the voice does not support it.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let alias = attributes.find(|(name, _)| *name == "alias")?;
        Some(&alias.1)
    }

    fn has_pitch(&self) -> bool {
        self.attributes.iter().any(|(name, _)| *name == "pitch")
    }
}

/// Why a voice does not support an element.
fn reason(voice: &Voice, element: &SsmlElement) -> &'static str {
    match (voice.form(), voice.class()) {
        (Form::Polly(_), Some(_)) if element.has_pitch() => "which does not support pitch",
        (Form::Polly(_) | Form::Google(_), Some(_)) => "which does not support it",
        (Form::Basic | Form::Alice, _) => "which speaks no SSML: choose a Polly or Google voice",
        _ => "whose SSML is not known: choose a Polly or Google voice",
    }
}

impl FromStr for Ssml {
    type Err = InvalidValue;

    fn from_str(source: &str) -> Result<Self, InvalidValue> {
        let ssml = Self(source.parse()?);
        parse::parse(source)?;
        Ok(ssml)
    }
}

/// Shows the length, and no words.
impl fmt::Debug for Ssml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ssml({} characters)", self.as_str().chars().count())
    }
}

from_json_string!(Ssml);
