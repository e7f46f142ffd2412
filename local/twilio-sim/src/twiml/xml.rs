//! A tree of XML elements.

use serde_json::{Map, Value, json};

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The name as written.
    pub name: String,
    /// The attributes in order.
    pub attrs: Vec<(String, String)>,
    /// The content in order. Adjacent texts are merged.
    pub children: Vec<Node>,
}

/// A part of an element's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Text.
    Text(String),
    /// An element.
    Element(Element),
}

impl Element {
    /// Returns the value of an attribute.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns all text in the element and its descendants.
    #[must_use]
    pub fn text(&self) -> String {
        self.children.iter().map(Node::text).collect()
    }

    /// Appends text, merged with text before it.
    pub(super) fn push_text(&mut self, text: &str) {
        match self.children.last_mut() {
            _ if text.is_empty() => {}
            Some(Node::Text(before)) => before.push_str(text),
            _ => self.children.push(Node::Text(text.to_owned())),
        }
    }
}

impl Node {
    /// Returns true for white space.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }

    /// Converts to `{verb, attrs, children}` or a string.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Element(element) => {
                let attrs: Map<String, Value> = element
                    .attrs
                    .iter()
                    .map(|(name, value)| (name.clone(), value.as_str().into()))
                    .collect();
                let children: Value = element.children.iter().map(Self::to_json).collect();
                json!({ "verb": element.name, "attrs": attrs, "children": children })
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Element(element) => element.text(),
        }
    }
}
