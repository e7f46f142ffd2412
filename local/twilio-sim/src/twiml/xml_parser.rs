//! Parsing well-formed XML into a tree.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::error::TwimlError;
use super::xml::{Element, Node};

/// The maximum nesting of elements.
pub const MAX_DEPTH: usize = 32;

/// Parses a document and returns its root.
///
/// # Errors
///
/// 12100 if it is not well-formed, has a document type or is nested too deeply.
pub(super) fn parse(text: &str) -> Result<Element, TwimlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(illegal) = text.chars().find(|c| !is_xml_char(*c)) {
        return Err(TwimlError::malformed(format!(
            "character U+{:04X} is not allowed in XML",
            u32::from(illegal)
        )));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut tree = Tree::default();
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(TwimlError::malformed)?;
        match event {
            Event::Start(tag) => tree.open(element(&tag)?)?,
            Event::Empty(tag) => {
                tree.open(element(&tag)?)?;
                tree.close();
            }
            Event::End(_) => tree.close(),
            Event::Text(chars) if chars.contains("]]>") => {
                return Err(TwimlError::malformed("\"]]>\" is not allowed in text"));
            }
            Event::Text(chars) => tree.text(&chars.xml10_content())?,
            Event::CData(chars) => tree.cdata(&chars.xml10_content())?,
            Event::GeneralRef(name) => tree.cdata(&resolve(&name)?)?,
            Event::Decl(_) if at > 0 => {
                return Err(TwimlError::malformed("the XML declaration must come first"));
            }
            Event::PI(pi) if pi.target().eq_ignore_ascii_case("xml") => {
                return Err(TwimlError::malformed("the XML declaration must come first"));
            }
            Event::Decl(decl) => {
                decl.version().map_err(TwimlError::malformed)?;
            }
            Event::DocType(_) => {
                return Err(TwimlError::malformed(
                    "a document type declaration is not allowed",
                ));
            }
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

/// The tree so far. `open` has the open elements, the root first.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), TwimlError> {
        if self.root.is_some() {
            return Err(TwimlError::malformed("there is more than one root element"));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(TwimlError::malformed(format!(
                "elements are nested more than {MAX_DEPTH} levels deep"
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
            .ok_or_else(|| TwimlError::malformed("there is text outside the root element"))?
            .push_text(text);
        Ok(())
    }

    fn finish(self) -> Result<Element, TwimlError> {
        match (self.open.last(), self.root) {
            (Some(open), _) => Err(TwimlError::malformed(format!(
                "<{}> is not closed",
                open.name
            ))),
            (None, Some(root)) => Ok(root),
            (None, None) => Err(TwimlError::malformed("there is no root element")),
        }
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, TwimlError> {
    let name = tag.name().as_ref().to_owned();
    if !is_name(&name) {
        return Err(TwimlError::malformed(format!(
            "\"{name}\" is not a valid XML name"
        )));
    }
    let mut attrs = Vec::new();
    for attr in tag.attributes() {
        let attr = attr.map_err(TwimlError::malformed)?;
        let name = attr.key.as_ref().to_owned();
        if !is_name(&name) {
            return Err(TwimlError::malformed(format!(
                "\"{name}\" is not a valid XML name"
            )));
        }
        if attr.value.contains('<') {
            return Err(TwimlError::malformed(format!(
                "\"<\" is not allowed in attribute {name}"
            )));
        }
        let value = attr
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(TwimlError::malformed)?;
        if value.chars().any(|c| !is_xml_char(c)) {
            return Err(TwimlError::malformed(format!(
                "attribute {name} has a character that is not allowed in XML"
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
    if let Some(c) = reference
        .resolve_char_ref()
        .map_err(TwimlError::malformed)?
    {
        return if is_xml_char(c) {
            Ok(c.to_string())
        } else {
            Err(TwimlError::malformed(
                "a character reference names a character that is not allowed in XML",
            ))
        };
    }
    quick_xml::escape::resolve_predefined_entity(reference)
        .map(str::to_owned)
        .ok_or_else(|| TwimlError::malformed(format!("entity &{}; is not defined", &**reference)))
}

/// Returns true if XML 1.0 allows the character (production 2).
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Returns true for a valid name in XML 1.0 (production 5), except that it accepts any non-ASCII character.
fn is_name(name: &str) -> bool {
    let start = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':' || !c.is_ascii();
    name.chars().next().is_some_and(start)
        && name
            .chars()
            .all(|c| start(c) || c.is_ascii_digit() || c == '-' || c == '.')
}
