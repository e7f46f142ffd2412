//! The verbs that speak SSML.

use super::{speech_parts::speech_parts, twiml::Element};
use crate::domain::{SaySize, Ssml, SsmlNode, Voice};

/// Returns the verbs that speak SSML. If it is too long for one `<Say>`, it is split between its outermost elements, and its text at
/// the ends of sentences.
///
/// Of an element that the voice does not support, only the words are spoken: the voice may have been another when the call was
/// placed.
#[must_use]
pub fn say_ssml(ssml: &Ssml, voice: &Voice, language: &str) -> Vec<Element<'static>> {
    let says = split(supported(ssml.nodes(), voice));
    let verb = |nodes: Vec<SsmlNode>| {
        let say = Element::new("Say")
            .attribute("language", language.to_owned())
            .attribute("voice", voice.as_str().to_owned());
        nodes.into_iter().fold(say, with_node)
    };
    says.into_iter().map(verb).collect()
}

fn with_node(outer: Element<'static>, node: SsmlNode) -> Element<'static> {
    match node {
        SsmlNode::Text(text) => outer.text(text),
        SsmlNode::Element(element) => {
            let mut inner = Element::new(element.name);
            for (name, value) in element.attributes {
                inner = inner.attribute(name, value);
            }
            outer.child(element.content.into_iter().fold(inner, with_node))
        }
    }
}

/// Replaces elements that the voice does not support by their words.
fn supported(nodes: Vec<SsmlNode>, voice: &Voice) -> Vec<SsmlNode> {
    let supported_node = |node| match node {
        SsmlNode::Element(mut element) if element.is_supported_by(voice) => {
            element.content = supported(element.content, voice);
            vec![SsmlNode::Element(element)]
        }
        SsmlNode::Element(element) => match element.alias() {
            Some(alias) => vec![SsmlNode::Text(alias.to_owned())],
            None => supported(element.content, voice),
        },
        text @ SsmlNode::Text(_) => vec![text],
    };
    nodes.into_iter().flat_map(supported_node).collect()
}

/// Splits nodes into those of each `<Say>`. Each node but a text fits one.
fn split(nodes: Vec<SsmlNode>) -> Vec<Vec<SsmlNode>> {
    let mut says = Says::default();
    for node in nodes {
        if says.takes(&node) {
            says.current.push(node);
            continue;
        }
        says.end_current();
        match node {
            SsmlNode::Text(text) => {
                for part in speech_parts(&text) {
                    says.end_current();
                    says.current.push(SsmlNode::Text(part.to_owned()));
                }
            }
            element @ SsmlNode::Element(_) => says.current.push(element),
        }
    }
    says.end_current();
    says.ended
}

#[derive(Default)]
struct Says {
    ended: Vec<Vec<SsmlNode>>,
    current: Vec<SsmlNode>,
}

impl Says {
    fn takes(&self, node: &SsmlNode) -> bool {
        let nodes = self.current.iter().chain([node]);
        nodes.map(SsmlNode::size).sum::<SaySize>().fits()
    }

    /// Ends the current `<Say>`, unless it says nothing.
    fn end_current(&mut self) {
        let nodes = std::mem::take(&mut self.current);
        if nodes.iter().any(SsmlNode::has_words) {
            self.ended.push(nodes);
        }
    }
}

#[cfg(test)]
mod tests;
