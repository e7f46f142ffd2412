//! Reading TwiML documents.

use proptest::prelude::*;
use serde_json::{Value, json};
use twilio_sim::twiml::{MAX_DEPTH, Verb, read, verbs_of};

#[test]
fn well_formed_document_of_the_official_builder_has_its_verbs() {
    let mut checked = 0;
    for vector in vectors()
        .iter()
        .filter(|vector| vector["well_formed"] == true)
    {
        let read = verbs_of(vector["expected_xml"].as_str().unwrap()).unwrap();
        let built: Value = vector["input"]
            .as_array()
            .unwrap()
            .iter()
            .map(plain)
            .collect();
        assert_eq!(read, built, "{}", vector["id"]);
        checked += 1;
    }
    assert!(checked >= 30, "only {checked} documents were checked");
}

#[test]
fn malformed_document_of_the_official_builder_is_refused() {
    let malformed: Vec<Value> = vectors()
        .into_iter()
        .filter(|vector| vector["well_formed"] == false)
        .collect();
    assert!(!malformed.is_empty());
    for vector in malformed {
        let error = verbs_of(vector["expected_xml"].as_str().unwrap()).unwrap_err();
        assert_eq!(error.code, 12100, "{}", vector["id"]);
    }
}

#[test]
fn malformed_response_is_12100() {
    for text in [
        "",
        "hello",
        "<Response>",
        "<Response><Say>Hi</Response>",
        "<Response/><Response/>",
        "<Response>&nbsp;</Response>",
        "<Response><Say>&</Say></Response>",
        "<Response><Say a='1' a='2'/></Response>",
        "<Response><Say a=\"<\"/></Response>",
        "<Response><Say>]]></Say></Response>",
        "<Response><Say>&#0;</Say></Response>",
        "<Response><Say>&#x7;</Say></Response>",
        "<Response><Say>\u{7}</Say></Response>",
        "<Response><1/></Response>",
        "<Response/>tail",
        "<response/>",
        "<html><body/></html>",
        " <?xml version=\"1.0\"?><Response/>",
        "<!DOCTYPE r [<!ENTITY a \"b\">]><Response>&a;</Response>",
        "<Response><!-- a -- b --></Response>",
    ] {
        assert_eq!(read(text).map(|_| ()).unwrap_err().code, 12100, "{text:?}");
    }
}

#[test]
fn invalid_twiml_is_12200() {
    for text in [
        "<Response>text</Response>",
        "<Response><say>Hi</say></Response>",
        "<Response><Frobnicate/></Response>",
        "<Response><Dial/></Response>",
        "<Response><Dial><Client>ada</Client></Dial></Response>",
        "<Response><Dial><Number>1</Number><Number>2</Number></Dial></Response>",
        "<Response><Gather><Dial>+12125551234</Dial></Gather></Response>",
        "<Response><Say><Pause/></Say></Response>",
        "<Response><Pause><Say/></Pause></Response>",
        "<Response><Gather><Redirect/></Gather></Response>",
    ] {
        assert_eq!(read(text).map(|_| ()).unwrap_err().code, 12200, "{text:?}");
    }
}

#[test]
fn unknown_attribute_and_invalid_value_are_warnings() {
    let document = read("<Response><Pause length=\"soon\" colour=\"red\"/></Response>").unwrap();
    assert_eq!(document.warnings.len(), 2, "{:?}", document.warnings);
    assert!(matches!(document.verbs[..], [Verb::Pause(length)] if length.as_secs() == 1));
}

#[test]
fn comments_cdata_references_and_byte_order_mark_are_parsed() {
    let text = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- c --><Response><?pi x?>\n\
                <Say>A<![CDATA[ <b> ]]>&amp;&#66;&#x43;<!-- c -->D</Say></Response>\n";
    assert_eq!(
        verbs_of(text).unwrap(),
        json!([{ "verb": "Say", "attrs": {}, "children": ["A <b> &BCD"] }])
    );
}

#[test]
fn say_over_the_character_limit_is_refused() {
    let say = |attrs: &str, length| {
        format!(
            "<Response><Say{attrs}>{}</Say></Response>",
            "é".repeat(length)
        )
    };
    assert!(read(&say("", 4_096)).is_ok());
    assert_eq!(read(&say("", 4_097)).unwrap_err().code, 13520);
    assert!(read(&say(" voice=\"Polly.Joanna\"", 3_000)).is_ok());
    assert_eq!(
        read(&say(" voice=\"Polly.Joanna\"", 3_001))
            .unwrap_err()
            .code,
        13520
    );
}

#[test]
fn say_over_the_url_encoded_limit_is_skipped_with_a_warning() {
    let say = |text: &str| {
        let document = format!("<Response><Say>{text}</Say><Hangup/></Response>");
        read(&document).unwrap()
    };
    for text in [
        "日".repeat(499),
        "ю".repeat(749),
        "a".repeat(4_096),
        "\u{1F600}".repeat(374),
    ] {
        let document = say(&text);
        assert!(matches!(document.verbs[..], [Verb::Say(_), Verb::Hangup]));
        assert!(document.warnings.is_empty());
    }
    for text in ["日".repeat(500), "ю".repeat(750), "\u{1F600}".repeat(375)] {
        let document = say(&text);
        assert!(matches!(document.verbs[..], [Verb::Hangup]));
        let warnings = document.warnings;
        assert!(warnings[0].contains("13521"), "{warnings:?}");
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| {
        format!(
            "<Response><Say>{}{}</Say></Response>",
            "<p>".repeat(depth),
            "</p>".repeat(depth)
        )
    };
    assert!(read(&nested(MAX_DEPTH - 2)).is_ok());
    assert_eq!(read(&nested(MAX_DEPTH - 1)).unwrap_err().code, 12100);
    assert_eq!(read(&nested(100_000)).unwrap_err().code, 12100);
}

#[test]
fn voice_speaks_the_ssml_of_its_class_only() {
    for (voice, element, is_spoken) in [
        ("woman", "<p>a</p>", false),
        (
            "Polly.Joanna",
            "<emphasis level='strong'>a</emphasis>",
            true,
        ),
        (
            "Polly.Joanna",
            "<amazon:effect name='whispered'>a</amazon:effect>",
            false,
        ),
        (
            "Polly.Joanna-Neural",
            "<p><emphasis level='strong'>a</emphasis></p>",
            false,
        ),
        (
            "polly.joanna-generative",
            "<prosody rate='slow'>a</prosody>",
            true,
        ),
        (
            "Polly.Joanna-Generative",
            "<prosody pitch='low'>a</prosody>",
            false,
        ),
        (
            "Google.en-US-Wavenet-A",
            "<emphasis level='strong'>a</emphasis>",
            true,
        ),
        ("Google.en-US-Wavenet-A", "<w role='amazon:VB'>a</w>", false),
    ] {
        let text = format!("<Response><Say voice='{voice}'>{element}</Say></Response>");
        let code = read(&text).err().map(|error| error.code);
        assert_eq!(code, (!is_spoken).then_some(13520), "{text}");
    }
    assert!(read("<Response><Say><p>a</p></Say></Response>").is_ok());
}

proptest! {
    #[test]
    fn reader_does_not_panic_on_any_text(text in ".{0,400}") {
        let _ = read(&text);
        let _ = verbs_of(&text);
    }

    #[test]
    fn reader_does_not_panic_on_mixed_markup(parts in proptest::collection::vec(markup(), 0..60)) {
        let _ = read(&format!("<Response>{}</Response>", parts.concat()));
        let _ = read(&parts.concat());
    }

    #[test]
    fn any_text_is_preserved(text in "[\\PC&&[^\r]]{0,200}") {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let children = if text.is_empty() { json!([]) } else { json!([text]) };
        let read = verbs_of(&format!("<Response><Say>{escaped}</Say></Response>")).unwrap();
        prop_assert_eq!(read, json!([{ "verb": "Say", "attrs": {}, "children": children }]));
    }
}

fn markup() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("<Say>".to_owned()),
        Just("</Say>".to_owned()),
        Just("<Gather input=\"dtmf speech\" timeout=\"".to_owned()),
        Just("\">".to_owned()),
        Just("</Gather>".to_owned()),
        Just("<Pause length=\"99999999999999999999\"/>".to_owned()),
        Just("<break time=\"1e308s\"/>".to_owned()),
        Just("<break time=\"NaN\"/>".to_owned()),
        Just("<![CDATA[".to_owned()),
        Just("]]>".to_owned()),
        Just("&#xD800;".to_owned()),
        Just("<?xml".to_owned()),
        Just("<!--".to_owned()),
        ".{0,8}",
    ]
}

fn vectors() -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../fixtures/twiml_vectors.json")).unwrap();
    all["vectors"].as_array().unwrap().clone()
}

/// Converts a vector's input to the format of [`verbs_of`]: attributes are strings, the text is the first child.
fn plain(verb: &Value) -> Value {
    if verb.is_string() {
        return verb.clone();
    }
    let attrs: serde_json::Map<String, Value> = verb["attrs"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            (
                name.clone(),
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
                    .into(),
            )
        })
        .collect();
    let text = verb["text"]
        .as_str()
        .filter(|text| !text.is_empty())
        .map(Value::from);
    let children = verb["children"].as_array().into_iter().flatten().map(plain);
    json!({ "verb": verb["verb"], "attrs": attrs, "children": text.into_iter().chain(children).collect::<Vec<_>>() })
}
