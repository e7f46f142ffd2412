use std::{borrow::Cow, io};

use quick_xml::{
    Writer,
    escape::partial_escape,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event, attributes::Attribute},
    name::QName,
};

use super::speech_parts::speech_parts;
use crate::domain::{Script, is_xml_char};

/// What a call is told to do: the notice, if there is one, and the script are spoken; then it hangs up.
///
/// A text that is too long for one `<Say>` becomes several.
#[must_use]
pub fn generate_twiml_response(
    script: &Script,
    voice: &str,
    language: &str,
    notice: Option<&str>,
) -> String {
    let spoken = notice.into_iter().chain([script.as_str()]);
    response(
        spoken
            .flat_map(|text| say(text, voice, language))
            .chain([Element::new("Hangup")]),
    )
}

/// Speaks a text, and hangs up: a goodbye, an apology.
#[must_use]
pub fn say_and_hang_up(text: &str, voice: &str, language: &str) -> String {
    response(say(text, voice, language).chain([Element::new("Hangup")]))
}

/// Waits a second, then asks that URL for instructions.
#[must_use]
pub fn wait_and_redirect(url: &str) -> String {
    response([
        Element::new("Pause").attribute("length", "1"),
        Element::new("Redirect")
            .attribute("method", "POST")
            .text(url),
    ])
}

/// Hangs up without a word.
#[must_use]
pub fn hangup() -> String {
    response([Element::new("Hangup")])
}

/// Asks for nothing: what a status or recording callback is answered with.
#[must_use]
pub fn empty() -> String {
    response([])
}

/// A `TwiML` document of these verbs, with attributes in order of their names, as canonical XML has them.
#[must_use]
pub fn response<'a>(verbs: impl IntoIterator<Item = Element<'a>>) -> String {
    document(
        &verbs
            .into_iter()
            .fold(Element::new("Response"), Element::child),
    )
}

fn document(root: &Element<'_>) -> String {
    let mut writer = Writer::new(Vec::new());
    writer
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| root.write(&mut writer))
        .expect("a Vec takes every write");
    String::from_utf8(writer.into_inner()).expect("what was written was text")
}

/// A verb or noun of `TwiML`. Text and values are escaped as they are written; characters that XML 1.0 forbids become
/// spaces, for a document that Twilio cannot read is worse than a word that it cannot speak.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    content: Vec<Node<'a>>,
}

#[derive(Debug, Clone)]
enum Node<'a> {
    Text(&'a str),
    Element(Element<'a>),
}

impl<'a> Element<'a> {
    /// An empty element; the name must be one of XML.
    #[must_use]
    pub fn new(name: &'a str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            content: Vec::new(),
        }
    }

    /// With the attribute, too; its name must be one of XML, and given once.
    #[must_use]
    pub fn attribute(mut self, name: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        self.attributes.push((name, value.into()));
        self.attributes.sort_unstable_by_key(|&(name, _)| name);
        self
    }

    /// With the text after what it holds already.
    #[must_use]
    pub fn text(mut self, text: &'a str) -> Self {
        self.content.push(Node::Text(text));
        self
    }

    /// With the element after what it holds already.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.content.push(Node::Element(child));
        self
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            let value = escape_value(value);
            start.push_attribute(Attribute {
                key: QName(name),
                value: value.into(),
            });
        }
        writer.write_event(Event::Start(start))?;
        for node in &self.content {
            match node {
                Node::Text(text) => {
                    let text = BytesText::from_escaped(escape_text(text));
                    writer.write_event(Event::Text(text))?;
                }
                Node::Element(element) => element.write(writer)?,
            }
        }
        writer.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

fn say<'a>(text: &'a str, voice: &'a str, language: &'a str) -> impl Iterator<Item = Element<'a>> {
    speech_parts(text).map(move |part| {
        Element::new("Say")
            .attribute("language", language)
            .attribute("voice", voice)
            .text(part)
    })
}

/// A reader would take a bare `\r` for the end of a line, and lose it.
fn escape_text(text: &str) -> String {
    partial_escape(allowed(text)).replace('\r', "&#xD;")
}

/// A reader would take bare white space in a value for a blank.
fn escape_value(value: &str) -> String {
    allowed(value)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
        .replace('\t', "&#x9;")
        .replace('\n', "&#xA;")
        .replace('\r', "&#xD;")
}

fn allowed(text: &str) -> String {
    text.replace(|c| !is_xml_char(c), " ")
}
