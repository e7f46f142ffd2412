//! Tests the generated TwiML against documents of the official builder, and with text that contains markup.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use outdial::{
    domain::{Script, is_xml_char},
    twilio::{Element, generate_twiml_response, hangup, response, say_and_hang_up},
};
use proptest::prelude::*;
use quick_xml::{Reader, events::Event};
use serde_json::Value;

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("fixtures/twiml_vectors.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap().clone();
    assert_eq!(vectors.len(), 32);
    vectors
}

fn element(input: &Value) -> Element<'_> {
    let mut element = Element::new(input["verb"].as_str().unwrap());
    if let Some(attributes) = input["attrs"].as_object() {
        for (name, value) in attributes {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            element = element.attribute(name, value);
        }
    }
    if let Some(text) = input["text"].as_str() {
        element = element.text(text);
    }
    for child in input["children"].as_array().into_iter().flatten() {
        element = match child {
            Value::String(text) => element.text(text),
            child => element.child(self::element(child)),
        };
    }
    element
}

fn written(vector: &Value) -> String {
    response(vector["input"].as_array().unwrap().iter().map(element))
}

/// Returns the texts of a document, as an XML parser reads them.
fn texts(document: &str) -> Result<Vec<String>, quick_xml::Error> {
    let mut reader = Reader::from_str(document);
    let mut texts = Vec::new();
    loop {
        match reader.read_event()? {
            Event::Start(start) if start.name().0 == "Say" => texts.push(String::new()),
            Event::Text(text) => texts.last_mut().unwrap().push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let name = format!("&{};", &*reference);
                let text = quick_xml::escape::unescape(&name)?.into_owned();
                texts.last_mut().unwrap().push_str(&text);
            }
            Event::Eof => return Ok(texts),
            _ => {}
        }
    }
}

#[test]
fn every_well_formed_vector_is_written_as_its_canonical_form() {
    let mut compared = 0;
    for vector in vectors() {
        if let Some(canonical) = vector["expected_c14n"].as_str() {
            assert_eq!(
                written(&vector),
                format!("{DECLARATION}{canonical}"),
                "{}",
                vector["id"]
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 30);
}

#[test]
fn forbidden_characters_become_spaces() {
    let of = |id: &str| {
        let vector = vectors().into_iter().find(|vector| vector["id"] == id);
        texts(&written(&vector.unwrap())).unwrap()
    };
    assert_eq!(of("control-c0"), ["a b c d"]);
    assert_eq!(of("noncharacter"), ["a b c"]);
}

#[test]
fn script_is_spoken_after_the_notice_and_then_the_call_ends() {
    let script: Script = "Fish & \"chips\" > 3".parse().unwrap();
    assert_eq!(
        generate_twiml_response(&script, "woman", "en-US", Some("Recorded.")),
        format!(
            "{DECLARATION}<Response><Say language=\"en-US\" voice=\"woman\">Recorded.</Say>\
             <Say language=\"en-US\" voice=\"woman\">Fish &amp; \"chips\" &gt; 3</Say>\
             <Hangup></Hangup></Response>"
        )
    );
    assert_eq!(
        generate_twiml_response(&script, "woman", "en-US", None),
        say_and_hang_up(script.as_str(), "woman", "en-US")
    );
}

#[test]
fn hangup_ends_the_call_without_speech() {
    assert_eq!(
        hangup(),
        format!("{DECLARATION}<Response><Hangup></Hangup></Response>")
    );
}

proptest! {
    #[test]
    fn any_text_survives_an_xml_parser(text in any::<String>()) {
        let expected = text.replace(|c| !is_xml_char(c), " ");
        let document = say_and_hang_up(&text, "woman", "en-US");
        let spoken = texts(&document).unwrap();
        prop_assert_eq!(spoken, [expected]);
        prop_assert!(document.chars().all(is_xml_char));
        prop_assert!(!document.contains('\r'));
    }

    #[test]
    fn any_value_stays_inside_its_attribute(voice in any::<String>()) {
        let document = say_and_hang_up("Hello", &voice, "en-US");
        let mut reader = Reader::from_str(&document);
        let value = loop {
            match reader.read_event().unwrap() {
                Event::Start(start) if start.name().0 == "Say" => {
                    let attribute = start.try_get_attribute("voice").unwrap().unwrap();
                    break quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
                }
                Event::Eof => panic!("no Say in {document}"),
                _ => {}
            }
        };
        prop_assert_eq!(value, voice.replace(|c| !is_xml_char(c), " "));
        prop_assert_eq!(texts(&document).unwrap(), ["Hello"]);
    }
}
