use arbitrary::{Arbitrary, Unstructured};
use outdial::{
    domain::{Language, Script, Voice, is_xml_char},
    twilio::{Element, generate_twiml_response, response, say_and_hang_up},
};
use roxmltree::{Document, Node};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    text: &'a str,
    voice: &'a str,
    language: &'a str,
    notice: Option<&'a str>,
    tree: Tree<'a>,
}

/// Any element that somebody could write.
#[derive(Debug, Arbitrary)]
struct Tree<'a> {
    name: Name,
    value: Option<&'a str>,
    content: Vec<Content<'a>>,
}

#[derive(Debug, Arbitrary)]
enum Content<'a> {
    Text(&'a str),
    Element(Tree<'a>),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Name {
    Say,
    Play,
    Gather,
}

impl Name {
    fn as_str(self) -> &'static str {
        match self {
            Self::Say => "Say",
            Self::Play => "Play",
            Self::Gather => "Gather",
        }
    }
}

/// As deep as a recursive reader goes without fear for its stack.
const DEPTH_MAX: usize = 64;

/// The TwiML writer: whatever it is given, the document is well-formed, and a reader gets back what was written; an API's
/// script, voice and language to the letter, any other text but for characters that XML 1.0 forbids.
///
/// # Panics
///
/// Where that does not hold.
pub fn twiml(bytes: &[u8]) {
    let Ok(input) = Unstructured::new(bytes).arbitrary::<Input>() else {
        return;
    };
    let document = say_and_hang_up(input.text, input.voice, input.language);
    said(&document, &[input.text], input.voice, input.language);

    if let (Ok(script), Ok(voice), Ok(language)) = (
        input.text.parse::<Script>(),
        input.voice.parse::<Voice>(),
        input.language.parse::<Language>(),
    ) {
        let (voice, language) = (voice.as_str(), language.as_str());
        let document = generate_twiml_response(&script, voice, language, input.notice);
        let texts: Vec<_> = input.notice.into_iter().chain([input.text]).collect();
        said(&document, &texts, voice, language);
        assert_eq!(
            allowed(input.text),
            input.text,
            "a script is spoken as it stands"
        );
    }
    if input.tree.depth() < DEPTH_MAX {
        let document = response([input.tree.element()]);
        let document = parsed(&document);
        input.tree.compare(document.root_element().first_child());
    }
}

fn said(document: &str, texts: &[&str], voice: &str, language: &str) {
    let document = parsed(document);
    let verbs: Vec<_> = document.root_element().children().collect();
    let Some((hangup, says)) = verbs.split_last() else {
        panic!("a response without verbs");
    };
    assert!(hangup.has_tag_name("Hangup") && !hangup.has_children());
    assert_eq!(says.len(), texts.len());
    for (say, text) in says.iter().zip(texts) {
        assert!(say.has_tag_name("Say"));
        assert_eq!(content(*say), allowed(text));
        assert_eq!(say.attribute("voice"), Some(&*allowed(voice)));
        assert_eq!(say.attribute("language"), Some(&*allowed(language)));
        assert_eq!(say.attributes().len(), 2);
    }
}

fn parsed(document: &str) -> Document<'_> {
    let parsed = Document::parse(document);
    let parsed = parsed.unwrap_or_else(|error| panic!("not well-formed: {error}: {document:?}"));
    assert!(parsed.root_element().has_tag_name("Response"));
    assert_eq!(parsed.root().children().count(), 1);
    parsed
}

/// An element's text, which must be all that it holds.
fn content(element: Node) -> String {
    let texts = element.children().map(|child| {
        assert!(child.is_text(), "a text has become {child:?}");
        child.text().unwrap_or_default()
    });
    texts.collect()
}

fn allowed(text: &str) -> String {
    text.replace(|c| !is_xml_char(c), " ")
}

impl Tree<'_> {
    fn depth(&self) -> usize {
        let inner = self.content.iter().filter_map(|content| match content {
            Content::Element(tree) => Some(tree.depth()),
            Content::Text(_) => None,
        });
        1 + inner.max().unwrap_or_default()
    }

    fn element(&self) -> Element<'_> {
        let mut element = Element::new(self.name.as_str());
        if let Some(value) = self.value {
            element = element.attribute("value", value);
        }
        self.content
            .iter()
            .fold(element, |element, content| match content {
                Content::Text(text) => element.text(text),
                Content::Element(tree) => element.child(tree.element()),
            })
    }

    fn compare(&self, read: Option<Node>) {
        let Some(read) = read else {
            panic!("{self:?} was lost");
        };
        assert!(read.has_tag_name(self.name.as_str()));
        let value = self.value.map(allowed);
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
        assert!(children.next().is_none(), "{self:?} has become more");
    }
}
