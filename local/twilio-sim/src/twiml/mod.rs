//! TwiML: from the text of a document to the verbs that a call executes.

mod attributes;
mod dial;
mod error;
mod reader;
mod say;
mod schema;
mod verb;
mod voices;
mod xml;
mod xml_parser;

pub use error::TwimlError;
pub use verb::{Action, Dial, Gather, Play, Prompt, Record, Say, Verb};
pub use xml::{Element, Node};
pub use xml_parser::MAX_DEPTH;

/// The longest fetched document, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// The longest inline document, in characters.
pub const MAX_INLINE: usize = 4_000;

/// A valid document.
#[derive(Clone, Debug)]
pub struct Document {
    /// The verbs in order.
    pub verbs: Vec<Verb>,
    /// Problems that don't stop the call, such as unknown attributes and invalid values (Twilio's warning 12200).
    pub warnings: Vec<String>,
}

/// Reads a document.
///
/// # Errors
///
/// 12100 if it is not a well-formed `<Response>`, 12200 if it is not TwiML that the simulator can play, 13420 and 13520 for
/// a Play or Say that Twilio refuses.
pub fn read(text: &str) -> Result<Document, TwimlError> {
    let root = xml_parser::parse(text)?;
    let mut warnings = Vec::new();
    let verbs = reader::verbs(&root, &mut warnings)?;
    Ok(Document { verbs, warnings })
}

/// Returns the verbs of a document as a tree of `{verb, attrs, children}`. Text is a string among the children.
///
/// # Errors
///
/// Like [`read`].
pub fn verbs_of(text: &str) -> Result<serde_json::Value, TwimlError> {
    let root = xml_parser::parse(text)?;
    reader::verbs(&root, &mut Vec::new())?;
    Ok(root
        .children
        .iter()
        .filter(|node| !node.is_blank())
        .map(Node::to_json)
        .collect())
}
