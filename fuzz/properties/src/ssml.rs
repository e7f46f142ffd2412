//! Property `ssml`: any text is SSML of the allow-list, or is refused.

use outdial::{
    domain::{Ssml, Voice, is_xml_char},
    twilio::{response, say_ssml},
};
use roxmltree::{Document, Node};

/// The elements that a `<Say>` may have.
const ELEMENTS: [&str; 10] = [
    "break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w",
];
/// A voice of each class, and the elements that it does not speak.
const VOICES: [(&str, &[&str]); 4] = [
    ("woman", &ELEMENTS),
    ("Polly.Joanna", &[]),
    ("Polly.Joanna-Neural", &["emphasis"]),
    ("Google.en-US-Wavenet-A", &["w"]),
];

/// Parses any text as SSML. What is accepted is spoken, by each voice, as a well-formed document with no other elements than those
/// of the list that the voice speaks, and with all of its words in order. A standard Polly voice speaks it as another XML parser
/// reads it. What is refused gets a short message without control characters.
///
/// # Panics
///
/// If the property is violated.
pub fn ssml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<Ssml>() {
        Ok(ssml) => {
            assert!(text.chars().count() <= 3_000);
            for (voice, missing) in VOICES {
                spoken(&ssml, voice, missing);
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() <= 500, "{message:?}");
            assert!(!message.contains(char::is_control), "{message:?}");
        }
    }
}

fn spoken(ssml: &Ssml, voice: &str, missing: &[&str]) {
    let name: Voice = voice
        .parse()
        .unwrap_or_else(|error| panic!("{voice}: {error}"));
    let is_supported = ssml.check_for(&name).is_ok();
    let document = response(say_ssml(ssml, &name, "en-US"));
    assert!(document.chars().all(is_xml_char));
    let document = Document::parse(&document)
        .unwrap_or_else(|error| panic!("not well-formed: {error}: {document:?}"));
    let says: Vec<_> = document.root_element().children().collect();
    assert!(!says.is_empty());
    for say in &says {
        assert!(say.has_tag_name("Say"));
        assert!(!words(*say).is_empty() || has_alias(*say));
        for element in say.descendants().skip(1).filter(Node::is_element) {
            let name = element.tag_name().name();
            assert!(
                ELEMENTS.contains(&name) && !missing.contains(&name),
                "{name}"
            );
        }
    }
    if is_supported {
        let source = format!("<source>{}</source>", ssml.as_str());
        let source = Document::parse(&source)
            .unwrap_or_else(|error| panic!("another parser refuses it: {error}: {source:?}"));
        let said: String = says.iter().map(|say| words(*say)).collect();
        assert_eq!(said, words(source.root_element()));
        let elements = |root: Node| root.descendants().filter(Node::is_element).count() - 1;
        let said: usize = says.iter().map(|say| elements(*say)).sum();
        assert!(said <= elements(source.root_element()));
    }
}

fn words(element: Node) -> String {
    let texts = element.descendants().filter(Node::is_text);
    let texts = texts.map(|node| node.text().unwrap_or_default());
    texts.flat_map(str::split_whitespace).collect()
}

fn has_alias(element: Node) -> bool {
    element
        .descendants()
        .any(|node| node.has_attribute("alias"))
}
