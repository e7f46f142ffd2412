//! Steps: the words and the questions of a call that listens.
//!
//! [`Steps`] are read from a request with all their faults at once, by `read` and `rules`. [`Playing`] is the next document,
//! and [`Place`] the position between two documents.

mod answer;
mod heaviest;
mod leg;
mod leg_place;
mod names;
mod next;
mod place;
mod plain_text;
mod prompt;
mod read;
mod result;
mod rules;
mod schema;
mod step;
mod stored;
mod stretch;

use deserr::{Deserr, IntoValue, Sequence, Value, ValueKind, ValuePointerRef, take_cf_content};
use serde::{Deserialize, Serialize};

pub use answer::Answer;
pub use leg::{LegStatus, TransferLeg};
pub use leg_place::{LegEnd, LegMoment, TransferPlace};
pub use names::{Outcome, StepId};
pub use next::{Asking, Playing};
pub use place::{AskPlace, Place, SaidPlace};
pub(super) use prompt::one_by_one;
pub use prompt::{Part, Prompt, Spelled, Words};
pub use result::OwnResult;
pub(super) use rules::message_faults;
pub(crate) use schema::{PromptBody, StepBody};
pub use step::{Action, Ask, Keys, Step, Then, Transfer};
pub use stretch::Stretch;

use super::{InvalidValue, OptOutKey, Script, fields::wrong_kind};
use read::Faults;
use rules::StepFault;

/// The steps of a call, 1 to 20.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Steps(Vec<Step>);

impl Steps {
    /// The most steps of a call.
    pub const MAX: usize = 20;
    /// The `goto` that ends the call.
    pub const END: &str = "end";
    /// The ids that no step may have: they name places of their own.
    pub const RESERVED_IDS: [&str; 5] = ["start", Self::END, "hold", "voicemail", "voicemail_done"];

    /// The single step that says this script.
    #[must_use]
    pub fn of_script(script: Script) -> Self {
        let action = Action::Say(Prompt::of_text(script));
        Self(vec![Step { id: None, action }])
    }

    /// The step at this place.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&Step> {
        self.0.get(index)
    }

    /// The ask with this id, and its place.
    #[must_use]
    pub fn ask(&self, id: &str) -> Option<(usize, &Ask)> {
        let index = self.position(id)?;
        match &self.0[index].action {
            Action::Ask(ask) => Some((index, ask)),
            _ => None,
        }
    }

    /// Returns true if this key is an option of an ask.
    #[must_use]
    pub fn has_option(&self, key: OptOutKey) -> bool {
        let mut thens = self.0.iter().flat_map(Step::thens);
        thens.any(|(path, _)| matches!(path[..], ["options", option] if key.is(option)))
    }

    /// The transfer with this id, and its place.
    #[must_use]
    pub fn transfer(&self, id: &StepId) -> Option<(usize, &Transfer)> {
        let index = self.position(id.as_str())?;
        match &self.0[index].action {
            Action::Transfer(transfer) => Some((index, transfer)),
            _ => None,
        }
    }

    /// The transfers, each with its place.
    pub fn transfers(&self) -> impl Iterator<Item = (usize, &Transfer)> {
        let steps = self.0.iter().enumerate();
        steps.filter_map(|(index, step)| match &step.action {
            Action::Transfer(transfer) => Some((index, transfer)),
            _ => None,
        })
    }

    /// The place of the step with this id.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        let has_id = |step: &Step| step.id.as_ref().is_some_and(|own| own.as_str() == id);
        self.0.iter().position(has_id)
    }

    /// The place of the step that follows step `index` after this. It may be past the last one.
    #[must_use]
    pub fn after(&self, index: usize, then: &Then) -> usize {
        match &then.goto {
            None => index + 1,
            // An unknown id, which can't be stored, ends the call.
            Some(goto) => self.position(goto.as_str()).unwrap_or(self.0.len()),
        }
    }

    /// The parts of all steps, with their paths: `steps[0].say[1]`.
    pub fn parts(&self) -> impl Iterator<Item = (String, &Part)> {
        self.iter().enumerate().flat_map(|(at, step)| {
            step.parts()
                .map(move |(path, part)| (format!("steps[{at}].{path}"), part))
        })
    }

    /// The parts in the order of [`Steps::parts`], to change them.
    pub(super) fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        let prompts = self.0.iter_mut().flat_map(Step::prompts_mut);
        prompts.flat_map(Prompt::parts_mut)
    }

    /// Replaces all words by silence. What follows an answer stays.
    pub(super) fn erase_words(&mut self) {
        let prompts = self.0.iter_mut().flat_map(Step::prompts_mut);
        prompts.for_each(Prompt::erase_words);
    }

    /// The fault of steps that say too much.
    pub(super) fn length_fault(&self) -> Option<String> {
        rules::length_fault(self.iter())
    }

    /// Returns true if a part has audio.
    #[must_use]
    pub fn has_audio(&self) -> bool {
        let mut prompts = self.0.iter().flat_map(Step::prompts);
        prompts.any(|(_, prompt)| prompt.has_audio())
    }

    /// The steps in order.
    pub fn iter(&self) -> impl Iterator<Item = &Step> {
        self.0.iter()
    }
}

impl<E: Faults> Deserr<E> for Steps {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let Value::Sequence(sequence) = value else {
            return Err(wrong_kind(value, &[ValueKind::Sequence], location));
        };
        if !(1..=Self::MAX).contains(&sequence.len()) {
            let message = format!("must have 1 to {} steps", Self::MAX);
            let fault = E::merge(None, InvalidValue::new(message), location);
            return Err(take_cf_content(fault));
        }
        let (mut steps, mut faults) = (Vec::new(), None);
        for (index, value) in sequence.into_iter().enumerate() {
            let here = location.push_index(index);
            let (step, fault) = read::step::<V, E>(value.into_value(), here);
            if let Some(fault) = fault {
                faults = Some(take_cf_content(E::merge(faults, fault, here)));
            }
            steps.push(step);
        }
        for fault in rules::faults(&steps) {
            faults = Some(merged(faults, location, fault));
        }
        match faults {
            None => Ok(Self(steps.into_iter().flatten().collect())),
            Some(faults) => Err(faults),
        }
    }
}

fn merged<E: Faults>(so_far: Option<E>, location: ValuePointerRef, fault: StepFault) -> E {
    let error = InvalidValue(fault.message);
    match fault.step {
        None => take_cf_content(E::merge(so_far, error, location)),
        Some(step) => merged_at(so_far, location.push_index(step), &fault.path, error),
    }
}

fn merged_at<E: Faults>(
    so_far: Option<E>,
    location: ValuePointerRef,
    path: &[String],
    error: InvalidValue,
) -> E {
    match path {
        [] => take_cf_content(E::merge(so_far, error, location)),
        [name, rest @ ..] => merged_at(so_far, location.push_key(name), rest, error),
    }
}
