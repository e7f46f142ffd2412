//! Parses SSML into a tree. It allows known elements and attributes only, and no other markup.

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    SsmlElement, SsmlNode,
    elements::{self, Content, Kind},
};
use crate::domain::{InvalidValue, is_xml_char, text_place::place};

/// The deepest nesting of elements.
const MAX_DEPTH: usize = 8;
/// The longest name that an error message repeats, in bytes.
const MAX_SHOWN_NAME: usize = 32;

/// Parses SSML.
///
/// # Errors
///
/// The first fault, with its place.
pub(super) fn parse(source: &str) -> Result<Vec<SsmlNode>, InvalidValue> {
    let mut reader = Reader::from_str(source);
    let mut tree = Tree::default();
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(source.len());
        let event = reader
            .read_event()
            .map_err(|_| refused(source, at, "it is not well-formed XML"))?;
        let added = match event {
            Event::Eof => break,
            Event::Start(tag) => tree.open(&tag, at),
            Event::Empty(tag) => tree.open(&tag, at).and_then(|()| tree.close()),
            Event::End(_) => tree.close(),
            Event::Text(text) if text.contains("]]>") => Err("]]> is not allowed".to_owned()),
            Event::Text(text) => tree.text(&text.xml10_content()),
            Event::GeneralRef(name) => reference(&name).and_then(|text| tree.text(&text)),
            Event::CData(_) => Err("a CDATA section is not allowed".to_owned()),
            Event::Comment(_) => Err("a comment is not allowed".to_owned()),
            Event::Decl(_) => Err("an XML declaration is not allowed".to_owned()),
            Event::PI(_) => Err("a processing instruction is not allowed".to_owned()),
            Event::DocType(_) => Err("a document type is not allowed".to_owned()),
        };
        added.map_err(|message| refused(source, at, &message))?;
    }
    tree.finish(source)
}

fn refused(source: &str, at: usize, message: &str) -> InvalidValue {
    InvalidValue::new(format!(
        "is not valid SSML ({}): {message}",
        place(source, at)
    ))
}

/// The tree so far. `open` has the open elements, the outermost first.
#[derive(Default)]
struct Tree {
    open: Vec<(&'static Kind, SsmlElement)>,
    top: Vec<SsmlNode>,
}

impl Tree {
    fn open(&mut self, tag: &BytesStart<'_>, at: usize) -> Result<(), String> {
        let name = tag.name();
        let name = name.as_ref();
        let Some(kind) = elements::kind(name) else {
            return Err(unknown(name));
        };
        if self.open.len() == MAX_DEPTH {
            return Err(format!(
                "elements are nested more than {MAX_DEPTH} levels deep"
            ));
        }
        if let Some((outer, _)) = self.open.iter().find(|(outer, _)| !outer.may_contain(kind)) {
            return Err(format!("<{name}> is not allowed in <{}>", outer.name));
        }
        let attributes = attributes(tag, kind)?;
        let element = SsmlElement {
            name: kind.name,
            attributes,
            content: Vec::new(),
            at,
        };
        self.open.push((kind, element));
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some((kind, element)) = self.open.pop() else {
            return Ok(());
        };
        let is_empty = element.content.is_empty();
        if is_empty && kind.content != Content::Nothing {
            return Err(format!("<{}> is empty", kind.name));
        }
        let node = SsmlNode::Element(element);
        if self.open.is_empty() && !node.size().fits() {
            return Err(format!(
                "<{}> is too long for one <Say>: divide it into several elements",
                kind.name
            ));
        }
        self.content().push(node);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        if let Some((kind, _)) = self.open.last()
            && kind.content == Content::Nothing
        {
            return Err(format!("<{}> has no text", kind.name));
        }
        match self.content().last_mut() {
            _ if text.is_empty() => {}
            Some(SsmlNode::Text(before)) => before.push_str(text),
            _ => self.content().push(SsmlNode::Text(text.to_owned())),
        }
        Ok(())
    }

    fn content(&mut self) -> &mut Vec<SsmlNode> {
        match self.open.last_mut() {
            Some((_, element)) => &mut element.content,
            None => &mut self.top,
        }
    }

    fn finish(self, source: &str) -> Result<Vec<SsmlNode>, InvalidValue> {
        if let Some((kind, element)) = self.open.last() {
            let message = format!("<{}> is not closed", kind.name);
            return Err(refused(source, element.at, &message));
        }
        if !self.top.iter().any(SsmlNode::has_words) {
            return Err(refused(source, 0, "it has no words"));
        }
        Ok(self.top)
    }
}

fn attributes(tag: &BytesStart<'_>, kind: &Kind) -> Result<Vec<(&'static str, String)>, String> {
    let element = kind.name;
    let mut read = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| format!("<{element}>: {error}"))?;
        let name = attribute.key.as_ref();
        let mut known = kind.attributes.iter();
        let Some(known) = known.find(|known| known.name == name) else {
            return Err(match shown(name) {
                Some(name) => format!("<{element}> has no attribute {name}"),
                None => format!("<{element}> has an unknown attribute"),
            });
        };
        let wrong = || format!("{name} of <{element}> must be {}", known.values.described());
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|_| wrong())?;
        if attribute.value.contains('<') || !known.values.contain(&value) {
            return Err(wrong());
        }
        read.push((known.name, value.into_owned()));
    }
    let has = |name| read.iter().any(|&(other, _)| other == name);
    let mut required = kind.attributes.iter().filter(|known| known.is_required);
    if let Some(missing) = required.find(|known| !has(known.name)) {
        return Err(format!("<{element}> needs the attribute {}", missing.name));
    }
    if kind.needs_one && read.is_empty() {
        let names: Vec<_> = kind.attributes.iter().map(|known| known.name).collect();
        return Err(format!(
            "<{element}> needs one of the attributes {}",
            names.join(", ")
        ));
    }
    Ok(read)
}

/// The text of `&…;`: one of XML's five entities, or a character.
fn reference(name: &BytesRef<'_>) -> Result<String, String> {
    const ALLOWED: &str =
        "the entities are &amp;amp;, &amp;lt;, &amp;gt;, &amp;quot; and &amp;apos;";
    match name.resolve_char_ref() {
        Ok(Some(c)) if is_xml_char(c) => Ok(c.to_string()),
        Ok(None) => resolve_predefined_entity(name)
            .map(str::to_owned)
            .ok_or_else(|| ALLOWED.replace("&amp;", "&")),
        Ok(Some(_)) | Err(_) => Err("a character reference names no valid character".to_owned()),
    }
}

fn unknown(name: &str) -> String {
    match shown(name) {
        Some("speak") => "<speak> is not allowed: leave the wrapper out".to_owned(),
        Some(name) => format!(
            "<{name}> is not allowed; the elements are {}",
            elements::names()
        ),
        None => format!("an unknown element; the elements are {}", elements::names()),
    }
}

/// The name if a message may repeat it.
fn shown(name: &str) -> Option<&str> {
    let is_shown = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.');
    Some(name).filter(|name| name.len() <= MAX_SHOWN_NAME && name.bytes().all(is_shown))
}
