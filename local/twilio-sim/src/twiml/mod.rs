//! TwiML: from the text of a document to the verbs that a call executes.

mod build;
mod schema;
mod verb;
mod xml;

pub use verb::{Action, Gather, Play, Prompt, Record, Say, Verb};
pub use xml::{Element, MAX_DEPTH, Node};

use serde::{Deserialize, Serialize};

use crate::model::Hook;

/// The longest document that is fetched, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// The longest document that is given inline, in characters.
pub const MAX_INLINE: usize = 4_000;

/// Where instructions come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Asked for over HTTP.
    Url(Hook),
    /// Given with the request.
    Inline(String),
}

/// Why a document can't be executed: Twilio's error code and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwimlError {
    /// 12100 not well-formed, or without the root; 12200 not TwiML.
    pub code: u32,
    /// What is wrong, and where.
    pub message: String,
}

/// A document that can be executed.
#[derive(Clone, Debug)]
pub struct Document {
    /// What to do, in order.
    pub verbs: Vec<Verb>,
    /// What is wrong with it without stopping it: unknown attributes, values out of range (Twilio's warning 12200).
    pub warnings: Vec<String>,
}

/// Reads a document.
///
/// # Errors
///
/// 12100 where it isn't a well-formed `<Response>`, 12200 where it isn't TwiML that can be played here.
pub fn read(text: &str) -> Result<Document, TwimlError> {
    let root = xml::parse(text)?;
    let mut warnings = Vec::new();
    let verbs = build::verbs(&root, &mut warnings)?;
    Ok(Document { verbs, warnings })
}

/// The verbs of a document as a plain tree: `{verb, attrs, children}`, texts being strings among the children.
///
/// # Errors
///
/// As [`read`].
pub fn verbs_of(text: &str) -> Result<serde_json::Value, TwimlError> {
    let root = xml::parse(text)?;
    build::verbs(&root, &mut Vec::new())?;
    Ok(root
        .children
        .iter()
        .filter(|node| !node.is_blank())
        .map(Node::to_json)
        .collect())
}
