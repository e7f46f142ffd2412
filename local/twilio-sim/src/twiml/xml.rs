//! Well-formed XML into a tree; anything else is refused.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::{Map, Value, json};

use super::TwimlError;

/// How deeply elements may be nested.
pub const MAX_DEPTH: usize = 32;

/// An element with what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name, as written.
    pub name: String,
    /// Its attributes, in order.
    pub attrs: Vec<(String, String)>,
    /// Texts and elements, in order; neighbouring texts are one.
    pub children: Vec<Node>,
}

/// What may stand in an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Characters.
    Text(String),
    /// An element.
    Element(Element),
}

impl Element {
    /// An attribute's value.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// All text in it, at whatever depth.
    #[must_use]
    pub fn text(&self) -> String {
        self.children.iter().map(Node::text).collect()
    }

    fn push_text(&mut self, text: &str) {
        match self.children.last_mut() {
            _ if text.is_empty() => {}
            Some(Node::Text(before)) => before.push_str(text),
            _ => self.children.push(Node::Text(text.to_owned())),
        }
    }
}

impl Node {
    /// Whether it is nothing but white space.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }

    /// A plain form to compare: `{verb, attrs, children}` or a string.
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

/// Parses a document and returns its root.
pub(super) fn parse(text: &str) -> Result<Element, TwimlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(illegal) = text.chars().find(|c| !is_xml_char(*c)) {
        return Err(broken(format!(
            "the character U+{:04X} is not allowed in XML",
            u32::from(illegal)
        )));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut tree = Tree::default();
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(broken)?;
        match event {
            Event::Start(tag) => tree.open(element(&tag)?)?,
            Event::Empty(tag) => {
                tree.open(element(&tag)?)?;
                tree.close();
            }
            Event::End(_) => tree.close(),
            Event::Text(chars) if chars.contains("]]>") => return Err(broken("\"]]>\" in text")),
            Event::Text(chars) => tree.text(&chars.xml10_content())?,
            Event::CData(chars) => tree.cdata(&chars.xml10_content())?,
            Event::GeneralRef(name) => tree.cdata(&resolve(&name)?)?,
            Event::Decl(_) if at > 0 => return Err(broken("the XML declaration must come first")),
            Event::PI(pi) if pi.target().eq_ignore_ascii_case("xml") => {
                return Err(broken("the XML declaration must come first"));
            }
            Event::Decl(decl) => {
                decl.version().map_err(broken)?;
            }
            Event::DocType(_) => return Err(broken("a document type declaration is not allowed")),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

/// The elements that are open, the root first.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), TwimlError> {
        if self.root.is_some() {
            return Err(broken("there is more than one root element"));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(broken(format!(
                "elements are nested more than {MAX_DEPTH} deep"
            )));
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) {
        let Some(element) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), TwimlError> {
        if self.open.is_empty() && text.chars().all(|c| " \t\r\n".contains(c)) {
            Ok(())
        } else {
            self.cdata(text)
        }
    }

    fn cdata(&mut self, text: &str) -> Result<(), TwimlError> {
        self.open
            .last_mut()
            .ok_or_else(|| broken("there is text outside the root element"))?
            .push_text(text);
        Ok(())
    }

    fn finish(self) -> Result<Element, TwimlError> {
        match (self.open.last(), self.root) {
            (Some(open), _) => Err(broken(format!("<{}> is not closed", open.name))),
            (None, Some(root)) => Ok(root),
            (None, None) => Err(broken("there is no root element")),
        }
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, TwimlError> {
    let name = tag.name().as_ref().to_owned();
    if !is_name(&name) {
        return Err(broken(format!("\"{name}\" is not a name")));
    }
    let mut attrs = Vec::new();
    for attr in tag.attributes() {
        let attr = attr.map_err(broken)?;
        let name = attr.key.as_ref().to_owned();
        if !is_name(&name) {
            return Err(broken(format!("\"{name}\" is not a name")));
        }
        if attr.value.contains('<') {
            return Err(broken(format!("\"<\" in the attribute {name}")));
        }
        let value = attr
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(broken)?;
        if value.chars().any(|c| !is_xml_char(c)) {
            return Err(broken(format!(
                "a character that XML does not allow in the attribute {name}"
            )));
        }
        attrs.push((name, value.into_owned()));
    }
    Ok(Element {
        name,
        attrs,
        children: Vec::new(),
    })
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, TwimlError> {
    if let Some(c) = reference.resolve_char_ref().map_err(broken)? {
        return if is_xml_char(c) {
            Ok(c.to_string())
        } else {
            Err(broken("a reference to a character that XML does not allow"))
        };
    }
    quick_xml::escape::resolve_predefined_entity(reference)
        .map(str::to_owned)
        .ok_or_else(|| broken(format!("the entity &{}; is not defined", &**reference)))
}

/// XML 1.0, production 2.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// XML 1.0, production 5, a little more liberal beyond ASCII.
fn is_name(name: &str) -> bool {
    let start = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':' || !c.is_ascii();
    name.chars().next().is_some_and(start)
        && name
            .chars()
            .all(|c| start(c) || c.is_ascii_digit() || c == '-' || c == '.')
}

fn broken(what: impl std::fmt::Display) -> TwimlError {
    TwimlError {
        code: 12100,
        message: what.to_string(),
    }
}
