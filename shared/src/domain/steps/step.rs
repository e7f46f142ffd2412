//! A step of a call: its action, and the continuations of that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    names::{Outcome, StepId},
    prompt::{Part, Prompt},
    stored::StepFields,
};
use crate::domain::PhoneNumber;

/// A step of a call. It is stored, and shown, as flat as the client sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StepFields", into = "StepFields")]
pub struct Step {
    /// Its name, for `goto` and answers. An ask has one.
    pub id: Option<StepId>,
    /// The action.
    pub action: Action,
}

/// The action of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Says something.
    Say(Prompt),
    /// Asks for keys.
    Ask(Ask),
    /// Connects the person with another number.
    Transfer(Transfer),
    /// Ends the call.
    HangUp,
}

/// A question that the person answers with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The question.
    pub prompt: Prompt,
    /// The keys that answer it.
    pub keys: Keys,
    /// Maximum number of waits for an answer: 1 to 3.
    pub tries: u32,
    /// Seconds that it waits for a key: 3 to 15.
    pub timeout_seconds: u32,
    /// The continuation without an answer.
    pub no_input: Then,
}

/// The keys that answer an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// One of these digits.
    Options(BTreeMap<String, Then>),
    /// 1 to this many digits.
    Digits(u32),
}

/// A connection with another number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The number.
    pub to: PhoneNumber,
    /// Words for its owner before the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whisper: Option<Prompt>,
    /// The longest connection in seconds: 60 to 3,600.
    pub max_seconds: u32,
    /// The continuation without a connection.
    #[serde(default, skip_serializing_if = "Then::is_empty")]
    pub failed: Then,
}

/// The continuation of a call after an answer, or without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Then {
    /// The result of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The first words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub say: Option<Prompt>,
    /// The step that follows: a later one, or `end`. `None`: the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goto: Option<StepId>,
    /// True if the number goes on the block list, and the call ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub block: bool,
}

impl Then {
    /// Returns true if the next step follows, and nothing else.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Ask {
    /// Default number of tries.
    pub const DEFAULT_TRIES: u32 = 3;
    /// Default wait for a key, in seconds.
    pub const DEFAULT_TIMEOUT_SECONDS: u32 = 5;
    /// The key that repeats what was said.
    pub const REPEAT_KEY: &str = "*";

    /// Returns true if these keys are an answer.
    #[must_use]
    pub fn accepts(&self, digits: &str) -> bool {
        match &self.keys {
            Keys::Options(options) => options.contains_key(digits),
            Keys::Digits(most) => {
                (1..=*most as usize).contains(&digits.len())
                    && digits.bytes().all(|b| b.is_ascii_digit())
            }
        }
    }

    /// The option that these keys choose.
    #[must_use]
    pub fn option(&self, digits: &str) -> Option<&Then> {
        match &self.keys {
            Keys::Options(options) => options.get(digits),
            Keys::Digits(_) => None,
        }
    }
}

impl Transfer {
    /// The longest connection by default, in seconds.
    pub const DEFAULT_MAX_SECONDS: u32 = 1_800;
    /// The ring time of the other number, in seconds. Twilio adds five.
    pub const RING_SECONDS: u32 = 25;
    /// The key that the other party presses to be connected.
    pub const ACCEPT_KEY: &str = "1";
}

impl Step {
    /// The name of what the step does, as its field in JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.action {
            Action::Say(_) => "say",
            Action::Ask(_) => "ask",
            Action::Transfer(_) => "transfer",
            Action::HangUp => "hang_up",
        }
    }

    /// The id and the ask, if the step is one.
    #[must_use]
    pub fn as_ask(&self) -> Option<(&StepId, &Ask)> {
        match &self.action {
            Action::Ask(ask) => Some((self.id.as_ref()?, ask)),
            _ => None,
        }
    }

    /// The continuations of the step, each with its path: `["options", "1"]`.
    pub fn thens(&self) -> impl Iterator<Item = (Vec<&str>, &Then)> {
        let (options, others) = match &self.action {
            Action::Ask(ask) => {
                let options = match &ask.keys {
                    Keys::Options(options) => Some(options),
                    Keys::Digits(_) => None,
                };
                (options, Some((vec!["no_input"], &ask.no_input)))
            }
            Action::Transfer(transfer) => {
                (None, Some((vec!["transfer", "failed"], &transfer.failed)))
            }
            Action::Say(_) | Action::HangUp => (None, None),
        };
        let options = options.into_iter().flatten();
        options
            .map(|(key, then)| (vec!["options", key.as_str()], then))
            .chain(others)
    }

    /// The prompt of the step itself, with its path.
    #[must_use]
    pub fn own_prompt(&self) -> Option<(Vec<&str>, &Prompt)> {
        match &self.action {
            Action::Say(prompt) => Some((vec!["say"], prompt)),
            Action::Ask(ask) => Some((vec!["ask"], &ask.prompt)),
            Action::Transfer(transfer) => transfer
                .whisper
                .as_ref()
                .map(|whisper| (vec!["transfer", "whisper"], whisper)),
            Action::HangUp => None,
        }
    }

    /// The prompts of the step, each with its path.
    pub fn prompts(&self) -> impl Iterator<Item = (Vec<&str>, &Prompt)> {
        let thens = self.thens().filter_map(|(mut path, then)| {
            path.push("say");
            then.say.as_ref().map(|say| (path, say))
        });
        self.own_prompt().into_iter().chain(thens)
    }

    /// The prompts in the order of [`Step::prompts`], to change them.
    pub(super) fn prompts_mut(&mut self) -> impl Iterator<Item = &mut Prompt> {
        let (own, thens): (_, Vec<&mut Then>) = match &mut self.action {
            Action::Say(prompt) => (Some(prompt), Vec::new()),
            Action::Ask(ask) => {
                let options = match &mut ask.keys {
                    Keys::Options(options) => options.values_mut().collect(),
                    Keys::Digits(_) => Vec::new(),
                };
                let thens = options.into_iter().chain([&mut ask.no_input]);
                (Some(&mut ask.prompt), thens.collect())
            }
            Action::Transfer(transfer) => (transfer.whisper.as_mut(), vec![&mut transfer.failed]),
            Action::HangUp => (None, Vec::new()),
        };
        let says = thens.into_iter().filter_map(|then| then.say.as_mut());
        own.into_iter().chain(says)
    }

    /// The parts of all prompts, with their path: `options.1.say[2]`. A prompt of one part has no index.
    pub fn parts(&self) -> impl Iterator<Item = (String, &Part)> {
        self.prompts()
            .flat_map(|(path, prompt)| prompt.parts_at(&path.join(".")).collect::<Vec<_>>())
    }
}
