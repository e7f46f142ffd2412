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
    }
    let too_long = length_fault(steps.iter().flatten());
    faults.extend(too_long.map(|message| StepFault {
        step: None,
        path: Vec::new(),
        message,
    }));
    faults
}

/// The fault of steps that say too much.
pub(super) fn length_fault<'a>(steps: impl Iterator<Item = &'a Step>) -> Option<String> {
    let spoken: usize = steps.map(spoken_bytes).sum();
    (spoken > MAX_SPOKEN_BYTES).then(|| format!("{}, and say {spoken}", too_long()))
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
    if then.block && path.first() != Some(&"options") {
        refuse(
            "block",
            "is only for an option: the person presses it".to_owned(),
        );
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

/// Returns the faults of a message for machines, each with its path.
pub(in crate::domain) fn message_faults(message: &Prompt) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for (path, part) in message.parts_at("message") {
        if part.audio_url.is_some() {
            faults.push((
                format!("{path}.audio_url"),
                "is only for steps: a machine hears the words".to_owned(),
            ));
        }
    }
    let spoken = prompt_bytes(message);
    if spoken > MAX_SPOKEN_BYTES {
        let fault = format!("{}, and says {spoken}", too_long());
        faults.push(("message".to_owned(), fault));
    }
    faults
}

fn too_long() -> String {
    format!(
        "must say at most {MAX_SPOKEN_BYTES} bytes in all, {ELEMENT_BYTES} for each part and each repetition included"
    )
}

/// An upper bound of the bytes that all prompts of the step take in TwiML.
fn spoken_bytes(step: &Step) -> usize {
    let prompts = step.prompts().map(|(_, prompt)| prompt_bytes(prompt));
    prompts.sum()
}

fn prompt_bytes(prompt: &Prompt) -> usize {
    let part = |part: &Part| {
        let text = match &part.words {
            Words::Text(text) => text_bytes(text.as_str()),
            Words::Ssml(ssml) => ssml_bytes(ssml),
            Words::Spell(spelled) => 3 * spelled.as_str().len(),
        };
        let audio = part
            .audio_url
            .as_ref()
            .map_or(0, |url| text_bytes(url.as_str()));
        part.repeat as usize * (text.max(audio) + ELEMENT_BYTES)
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
    match node {
        SsmlNode::Text(text) => text_bytes(text),
        SsmlNode::Element(element) => {
            let attributes = element.attributes.iter();
            // A quotation mark becomes six bytes.
            let attributes = attributes.map(|(name, value)| {
                name.len() + text_bytes(value) + 5 * value.matches('"').count() + 4
            });
            let content = element.content.iter().map(node_bytes);
            2 * element.name.len() + 5 + attributes.sum::<usize>() + content.sum::<usize>()
        }
    }
}

fn text_bytes(text: &str) -> usize {
    text.chars().map(escaped_bytes).sum()
}

fn escaped_bytes(c: char) -> usize {
    match c {
        '&' | '<' | '>' | '\r' => 5,
        c => c.len_utf8(),
    }
}
