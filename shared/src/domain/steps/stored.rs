//! The form of steps in the database and in responses: as flat as a request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    names::StepId,
    prompt::Prompt,
    step::{Action, Ask, Keys, Step, Then, Transfer},
};

/// The fields of a step in the database and in responses.
#[derive(Serialize, Deserialize)]
pub(super) struct StepFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<StepId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    say: Option<Prompt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask: Option<Prompt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    options: Option<BTreeMap<String, Then>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_digits: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tries: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    no_input: Option<Then>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transfer: Option<Transfer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hang_up: Option<bool>,
}

impl From<Step> for StepFields {
    fn from(step: Step) -> Self {
        let none = Self {
            id: step.id,
            say: None,
            ask: None,
            options: None,
            max_digits: None,
            tries: None,
            timeout_seconds: None,
            no_input: None,
            transfer: None,
            hang_up: None,
        };
        match step.action {
            Action::Say(prompt) => Self {
                say: Some(prompt),
                ..none
            },
            Action::Ask(ask) => {
                let (options, max_digits) = match ask.keys {
                    Keys::Options(options) => (Some(options), None),
                    Keys::Digits(most) => (None, Some(most)),
                };
                Self {
                    ask: Some(ask.prompt),
                    options,
                    max_digits,
                    tries: Some(ask.tries),
                    timeout_seconds: Some(ask.timeout_seconds),
                    no_input: Some(ask.no_input).filter(|then| !then.is_empty()),
                    ..none
                }
            }
            Action::Transfer(transfer) => Self {
                transfer: Some(transfer),
                ..none
            },
            Action::HangUp => Self {
                hang_up: Some(true),
                ..none
            },
        }
    }
}

impl From<StepFields> for Step {
    fn from(fields: StepFields) -> Self {
        let action = if let Some(prompt) = fields.say {
            Action::Say(prompt)
        } else if let Some(prompt) = fields.ask {
            Action::Ask(Ask {
                prompt,
                keys: match fields.options {
                    Some(options) => Keys::Options(options),
                    None => Keys::Digits(fields.max_digits.unwrap_or(1)),
                },
                tries: fields.tries.unwrap_or(Ask::DEFAULT_TRIES),
                timeout_seconds: fields
                    .timeout_seconds
                    .unwrap_or(Ask::DEFAULT_TIMEOUT_SECONDS),
                no_input: fields.no_input.unwrap_or_default(),
            })
        } else if let Some(transfer) = fields.transfer {
            Action::Transfer(transfer)
        } else {
            Action::HangUp
        };
        Self {
            id: fields.id,
            action,
        }
    }
}
