//! `TwiML` documents.

use std::{borrow::Cow, io};

use quick_xml::{
    Writer,
    escape::partial_escape,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event, attributes::Attribute},
    name::QName,
};

use super::speech_parts::speech_parts;
use crate::domain::{Script, is_xml_char};

/// Returns the document that speaks the notice, if any, and the script, and then hangs up.
///
/// A text that is too long for one `<Say>` is split into several.
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

/// Returns the document that speaks a text and hangs up.
#[must_use]
pub fn say_and_hang_up(text: &str, voice: &str, language: &str) -> String {
    response(
        say(text, voice, language)
            .into_iter()
            .chain([Element::new("Hangup")]),
    )
}

/// Returns the document that waits a second and then redirects to the URL.
#[must_use]
pub fn wait_and_redirect(url: &str) -> String {
    response(wait_and_redirecting(url))
}

fn wait_and_redirecting(url: &str) -> [Element<'_>; 2] {
    [
        Element::new("Pause").attribute("length", "1"),
        Element::new("Redirect")
            .attribute("method", "POST")
            .text(url),
    ]
}

/// Returns the document that speaks a text, waits a second and then redirects to the URL.
#[must_use]
pub fn say_and_redirect(text: &str, voice: &str, language: &str, url: &str) -> String {
    response(
        say(text, voice, language)
            .into_iter()
            .chain(wait_and_redirecting(url)),
    )
}

/// Returns the document that hangs up.
#[must_use]
pub fn hangup() -> String {
    response([Element::new("Hangup")])
}

/// Returns the document with these verbs. Attributes are sorted by name, as in canonical XML.
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
    String::from_utf8(writer.into_inner()).expect("the writer produces UTF-8")
}

/// A verb or noun of `TwiML`.
///
/// Text and values are escaped. Characters that XML 1.0 forbids become spaces, so that Twilio can read the document.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    content: Vec<Node<'a>>,
}

#[derive(Debug, Clone)]
enum Node<'a> {
    Text(Cow<'a, str>),
    Element(Element<'a>),
}

impl<'a> Element<'a> {
    /// Creates an empty element. The name must be a valid XML name.
    #[must_use]
    pub fn new(name: &'a str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            content: Vec::new(),
        }
    }

    /// Adds an attribute. Its name must be a valid XML name, and must not be repeated.
    #[must_use]
    pub fn attribute(mut self, name: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        self.attributes.push((name, value.into()));
        self.attributes.sort_unstable_by_key(|&(name, _)| name);
        self
    }

    /// Appends text.
    #[must_use]
    pub fn text(mut self, text: impl Into<Cow<'a, str>>) -> Self {
        self.content.push(Node::Text(text.into()));
        self
    }

    /// Appends an element.
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

/// Returns the verbs that speak a text. A text that is too long for one `<Say>` is split into several.
#[must_use]
pub fn say(text: &str, voice: &str, language: &str) -> Vec<Element<'static>> {
    let verb = |part: &str| {
        Element::new("Say")
            .attribute("language", language.to_owned())
            .attribute("voice", voice.to_owned())
            .text(part.to_owned())
    };
    speech_parts(text).map(verb).collect()
}

/// Escapes `\r` too, because an XML parser replaces it.
fn escape_text(text: &str) -> String {
    partial_escape(allowed(text)).replace('\r', "&#xD;")
}

/// Escapes white space too, because an XML parser replaces it by blanks.
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
