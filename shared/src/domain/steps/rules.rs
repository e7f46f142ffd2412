//! The rules between the steps of a call: each step alone is valid.

use super::{
    OwnResult, Steps,
    prompt::{Part, Prompt, Words},
    step::{Step, Then},
};
use crate::domain::{Ssml, SsmlNode};

/// The most bytes that the steps may say, each repetition included. Every document fits Twilio's 64 KB then, and a page of 100
/// calls fits a response of Lambda.
pub(super) const MAX_SPOKEN_BYTES: usize = 24_000;
/// The bytes of the element around a part.
const ELEMENT_BYTES: usize = 100;

/// A fault of steps: its path from the step on, such as `options`, `1`, `goto`, and a sentence without its subject.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StepFault {
    /// The place of the step. `None`: the fault is of all steps together.
    pub(super) step: Option<usize>,
    pub(super) path: Vec<String>,
    pub(super) message: String,
}

impl StepFault {
    fn of(step: usize, path: &[&str], message: impl Into<String>) -> Self {
        Self {
            step: Some(step),
            path: path.iter().map(|&name| name.to_owned()).collect(),
            message: message.into(),
        }
    }
}

/// Returns the faults between the steps. A step that can't be read is `None`.
pub(super) fn faults(steps: &[Option<Step>]) -> Vec<StepFault> {
    let mut faults = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let Some(step) = step else { continue };
        check_id(steps, at, step, &mut faults);
        for (path, then) in step.thens() {
            check_then(steps, at, &path, then, &mut faults);
        }
        check_available(at, step, &mut faults);
    }
    let read = steps.iter().flatten();
    let spoken: usize = read.map(spoken_bytes).sum();
    if spoken > MAX_SPOKEN_BYTES {
        faults.push(StepFault {
            step: None,
            path: Vec::new(),
            message: format!(
                "must say at most {MAX_SPOKEN_BYTES} bytes in all, {ELEMENT_BYTES} for each part and each repetition included, and say {spoken}"
            ),
        });
    }
    faults
}

fn check_id(steps: &[Option<Step>], at: usize, step: &Step, faults: &mut Vec<StepFault>) {
    let Some(id) = &step.id else { return };
    if Steps::RESERVED_IDS.contains(&id.as_str()) {
        let reserved = Steps::RESERVED_IDS.join(", ");
        let message = format!("must not be one of {reserved}, which are reserved");
        faults.push(StepFault::of(at, &["id"], message));
    }
    let same = |other: &Option<Step>| other.as_ref().and_then(|it| it.id.as_ref()) == Some(id);
    if let Some(first) = steps[..at].iter().position(same) {
        let message = format!("must be unique, and is also the id of steps[{first}]");
        faults.push(StepFault::of(at, &["id"], message));
    }
}

fn check_then(
    steps: &[Option<Step>],
    at: usize,
    path: &[&str],
    then: &Then,
    faults: &mut Vec<StepFault>,
) {
    let mut refuse = |field, message: String| {
        let path = [path, &[field]].concat();
        faults.push(StepFault::of(at, &path, message));
    };
    if let Some(goto) = &then.goto {
        let later = steps[at + 1..].iter().flatten();
        let is_later = later
            .filter_map(|step| step.id.as_ref())
            .any(|id| id == goto);
        if goto.as_str() != Steps::END && !is_later {
            refuse(
                "goto",
                format!("must be the id of a later step, or {}", Steps::END),
            );
        }
    }
    if let Some(outcome) = &then.outcome
        && OwnResult::ALL
            .iter()
            .any(|own| own.as_str() == outcome.as_str())
    {
        let message = format!(
            "must not be one of {}: those are results of their own",
            OwnResult::ALL.map(OwnResult::as_str).join(", ")
        );
        refuse("outcome", message);
    }
}

/// Refuses what this version can't do.
fn check_available(at: usize, step: &Step, faults: &mut Vec<StepFault>) {
    const UNAVAILABLE: &str = "is not available yet";
    for (path, then) in step.thens() {
        if then.block {
            let path = [&path[..], &["block"]].concat();
            faults.push(StepFault::of(at, &path, UNAVAILABLE));
        }
    }
    for (path, part) in step.parts() {
        if part.audio_url.is_some() {
            faults.push(StepFault::of(at, &[&path, "audio_url"], UNAVAILABLE));
        }
    }
}

/// An upper bound of the bytes that all prompts of the step take in TwiML.
fn spoken_bytes(step: &Step) -> usize {
    let prompts = step.prompts().map(|(_, prompt)| prompt_bytes(prompt));
    prompts.sum()
}

fn prompt_bytes(prompt: &Prompt) -> usize {
    let part = |part: &Part| {
        let text = match &part.words {
            Words::Text(text) => text.as_str().chars().map(escaped_bytes).sum(),
            Words::Ssml(ssml) => ssml_bytes(ssml),
            Words::Spell(spelled) => 3 * spelled.as_str().len(),
        };
        part.repeat as usize * (text + ELEMENT_BYTES)
    };
    prompt.parts().iter().map(part).sum()
}

/// An upper bound of the bytes that SSML takes as a client writes it, and in `TwiML`.
fn ssml_bytes(ssml: &Ssml) -> usize {
    let source = ssml.as_str().len();
    let written: usize = ssml.nodes().iter().map(node_bytes).sum();
    source.max(written)
}

fn node_bytes(node: &SsmlNode) -> usize {
    let text = |text: &str| text.chars().map(escaped_bytes).sum::<usize>();
    match node {
        SsmlNode::Text(it) => text(it),
        SsmlNode::Element(element) => {
            let attributes = element.attributes.iter();
            // A quotation mark becomes six bytes.
            let attributes = attributes
                .map(|(name, value)| name.len() + text(value) + 5 * value.matches('"').count() + 4);
            let content = element.content.iter().map(node_bytes);
            2 * element.name.len() + 5 + attributes.sum::<usize>() + content.sum::<usize>()
        }
    }
}

fn escaped_bytes(c: char) -> usize {
    match c {
        '&' | '<' | '>' | '\r' => 5,
        c => c.len_utf8(),
    }
}
