//! Tests where SSML is split, and what a voice speaks that does not support it.

use proptest::prelude::*;

use super::{say_ssml, split};
use crate::{
    domain::{SaySize, Ssml, SsmlNode, Voice},
    twilio::response,
};

fn ssml(text: &str) -> Ssml {
    text.parse()
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn says(text: &str, voice: &str) -> Vec<String> {
    let voice: Voice = voice.parse().unwrap();
    let document = response(say_ssml(&ssml(text), &voice, "en-US"));
    let says = document.split("<Say ").skip(1);
    says.map(|say| {
        let (_, text) = say.split_once('>').unwrap();
        text.split_once("</Say>").unwrap().0.to_owned()
    })
    .collect()
}

#[test]
fn elements_are_written_as_elements() {
    let text = r#"A &amp; B<break time="1s"/> <sub alias='a "b" &lt;'>C</sub>"#;
    assert_eq!(
        says(text, "Polly.Joanna"),
        [r#"A &amp; B<break time="1s"></break> <sub alias="a &quot;b&quot; &lt;">C</sub>"#]
    );
}

#[test]
fn voice_without_an_element_speaks_its_words() {
    let text =
        r#"<p>One <emphasis level="strong">two</emphasis><break/></p> <sub alias="three">3</sub>"#;
    assert_eq!(says(text, "woman"), ["One two three"]);
    assert_eq!(
        says(text, "Polly.Joanna-Neural"),
        [r#"<p>One two<break></break></p> <sub alias="three">3</sub>"#]
    );
}

#[test]
fn long_ssml_is_split_between_elements_and_sentences() {
    let sentence = "Вам пришло новое сообщение. ";
    let text = format!(
        "<s>{}</s>{}<break/>{}",
        sentence.repeat(10),
        sentence.repeat(5),
        sentence.repeat(40)
    );
    let says = says(&text, "Polly.Tatyana");
    assert_eq!(says.len(), 3, "{says:?}");
    assert!(says[0].ends_with("<break></break>"), "{says:?}");
    for say in &says[1..] {
        assert!(
            say.starts_with("Вам") && say.ends_with("сообщение."),
            "{say}"
        );
    }
}

fn words(nodes: &[SsmlNode]) -> String {
    let texts = nodes.iter().map(|node| match node {
        SsmlNode::Text(text) => text.split_whitespace().collect(),
        SsmlNode::Element(element) => words(&element.content),
    });
    texts.collect()
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => r"([a-zа-я ,.!?]|[一二。]|&amp;){0,400}",
        2 => r"[a-z一 .]{1,400}".prop_map(|text| format!("<p>{text}</p>")),
        1 => Just("<break strength=\"weak\"/>".to_owned()),
    ]
}

proptest! {
    #[test]
    fn parts_fit_and_have_all_words_in_order(parts in prop::collection::vec(part(), 1..40)) {
        let mut text = String::new();
        for part in parts {
            if text.chars().count() + part.chars().count() <= 3_000 {
                text.push_str(&part);
            }
        }
        let Ok(ssml) = text.parse::<Ssml>() else { return Ok(()) };
        let nodes = ssml.nodes();
        let says = split(nodes.clone());
        for say in &says {
            prop_assert!(say.iter().map(SsmlNode::size).sum::<SaySize>().fits());
            prop_assert!(say.iter().any(SsmlNode::has_words));
        }
        let spoken: String = says.iter().map(|say| words(say)).collect();
        prop_assert_eq!(spoken, words(&nodes));
    }
}
