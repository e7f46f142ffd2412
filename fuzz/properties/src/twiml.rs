//! Property `twiml`: generated TwiML is well-formed and says what was put into it.

use std::borrow::Cow;

use outdial::{
    domain::{Language, Script, Voice, is_xml_char},
    twilio::{Element, generate_twiml_response, response, say_and_hang_up},
};
use roxmltree::{Document, Node};

/// An arbitrary element.
#[derive(Debug, Default)]
struct Tree<'a> {
    name: u8,
    value: Option<Cow<'a, str>>,
    content: Vec<Content<'a>>,
}

#[derive(Debug)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Element(Tree<'a>),
}

/// Separates the parts of the input. UTF-8 never has this byte.
const SEPARATOR: u8 = 0xff;
/// The deepest nesting that recursive functions read without overflowing the stack.
const DEPTH_MAX: usize = 64;

/// Writes any texts and elements as TwiML. The document is well-formed, and an XML parser reads back the same texts. A
/// valid script, voice and language stay unchanged. In other texts, blanks replace the characters that XML 1.0 forbids.
///
/// # Panics
///
/// If the property is violated.
pub fn twiml(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == SEPARATOR);
    let mut next = || parts.next().map(String::from_utf8_lossy);
    let (text, notice) = (next().unwrap_or_default(), next());
    let (voice, language) = (next().unwrap_or_default(), next().unwrap_or_default());
    let document = say_and_hang_up(&text, &voice, &language);
    check_says(&document, &[&text], &voice, &language);

    if let (Ok(script), Ok(voice), Ok(language)) = (
        text.parse::<Script>(),
        voice.parse::<Voice>(),
        language.parse::<Language>(),
    ) {
        let (voice, language) = (voice.as_str(), language.as_str());
        let document = generate_twiml_response(&script, voice, language, notice.as_deref());
        let texts: Vec<_> = notice.as_deref().into_iter().chain([&*text]).collect();
        check_says(&document, &texts, voice, language);
        assert_eq!(allowed(&text), text, "a script is spoken unchanged");
    }
    let tree = Tree::read(parts);
    let document = response([tree.element()]);
    let document = parsed(&document);
    tree.compare(document.root_element().first_child());
}

fn check_says(document: &str, texts: &[&str], voice: &str, language: &str) {
    let document = parsed(document);
    let verbs: Vec<_> = document.root_element().children().collect();
    let Some((hangup, says)) = verbs.split_last() else {
        panic!("a response without verbs");
    };
    assert!(hangup.has_tag_name("Hangup") && !hangup.has_children());
    if says.len() == texts.len() {
        for (say, text) in says.iter().zip(texts) {
            assert_eq!(content(*say), allowed(text));
        }
    } else {
        let spoken: String = says.iter().map(|say| content(*say)).collect();
        let texts: String = texts.iter().map(|text| allowed(text)).collect();
        assert_eq!(
            without_blanks(&spoken),
            without_blanks(&texts),
            "a long text is split into several <Say> verbs"
        );
    }
    for say in says {
        assert!(say.has_tag_name("Say"));
        assert_eq!(say.attribute("voice"), Some(&*allowed(voice)));
        assert_eq!(say.attribute("language"), Some(&*allowed(language)));
        assert_eq!(say.attributes().len(), 2);
    }
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

fn parsed(document: &str) -> Document<'_> {
    let parsed = Document::parse(document);
    let parsed = parsed.unwrap_or_else(|error| panic!("not well-formed: {error}: {document:?}"));
    assert!(parsed.root_element().has_tag_name("Response"));
    assert_eq!(parsed.root().children().count(), 1);
    parsed
}

/// Returns the text of an element that contains nothing but text.
fn content(element: Node) -> String {
    let texts = element.children().map(|child| {
        assert!(child.is_text(), "{child:?} instead of text");
        child.text().unwrap_or_default()
    });
    texts.collect()
}

fn allowed(text: &str) -> String {
    text.replace(|c| !is_xml_char(c), " ")
}

impl<'a> Tree<'a> {
    /// Builds a tree from parts: `<` opens a child, `>` closes it, `=` sets its value, and any other part is text.
    fn read(parts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut tree = Self::default();
        let mut outer = Vec::new();
        for part in parts {
            match part.split_first() {
                Some((b'<', name)) if outer.len() < DEPTH_MAX => {
                    let name = name.first().copied().unwrap_or_default();
                    let child = Self {
                        name,
                        ..Self::default()
                    };
                    outer.push(std::mem::replace(&mut tree, child));
                }
                Some((b'>', _)) if !outer.is_empty() => tree = tree.close(&mut outer),
                Some((b'=', value)) => tree.value = Some(String::from_utf8_lossy(value)),
                _ => {
                    let text = String::from_utf8_lossy(part);
                    tree.content.push(Content::Text(text));
                }
            }
        }
        while !outer.is_empty() {
            tree = tree.close(&mut outer);
        }
        tree
    }

    fn close(self, outer: &mut Vec<Self>) -> Self {
        match outer.pop() {
            Some(mut parent) => {
                parent.content.push(Content::Element(self));
                parent
            }
            None => self,
        }
    }

    fn name(&self) -> &'static str {
        ["Say", "Play", "Gather"][usize::from(self.name % 3)]
    }

    fn element(&self) -> Element<'_> {
        let mut element = Element::new(self.name());
        if let Some(value) = &self.value {
            element = element.attribute("value", &**value);
        }
        self.content
            .iter()
            .fold(element, |element, content| match content {
                Content::Text(text) => element.text(text.as_ref()),
                Content::Element(tree) => element.child(tree.element()),
            })
    }

    fn compare(&self, read: Option<Node>) {
        let Some(read) = read else {
            panic!("{self:?} is missing");
        };
        assert!(read.has_tag_name(self.name()));
        let value = self.value.as_deref().map(allowed);
        assert_eq!(read.attribute("value"), value.as_deref());
        let mut children = read.children().peekable();
        let mut content = self.content.iter().peekable();
        while let Some(next) = content.next() {
            match next {
                Content::Element(tree) => tree.compare(children.next()),
                Content::Text(text) => {
                    let mut text = allowed(text);
                    while let Some(Content::Text(more)) = content.peek() {
                        text.push_str(&allowed(more));
                        content.next();
                    }
                    let mut back = String::new();
                    while let Some(child) = children.next_if(Node::is_text) {
                        back.push_str(child.text().unwrap_or_default());
                    }
                    assert_eq!(back, text);
                }
            }
        }
        assert!(children.next().is_none(), "{self:?} has extra children");
    }
}
