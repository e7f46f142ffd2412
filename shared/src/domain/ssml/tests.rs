//! Tests what SSML may contain, and which voices support it.

use super::{Ssml, SsmlNode};
use crate::domain::Voice;

fn ssml(text: &str) -> Ssml {
    text.parse()
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[track_caller]
fn refusal(text: &str) -> String {
    match text.parse::<Ssml>() {
        Ok(_) => panic!("{text:?} is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn elements_and_attributes_of_the_list_are_read() {
    for text in [
        "Hello.",
        "Fish &amp; chips &lt;3 &gt; &quot;&apos; &#x41;&#66; 😀",
        r#"<p><s>One</s> <s>two <emphasis level="strong">now</emphasis></s></p>"#,
        r#"Wait <break/><break strength="x-strong"/><break time="1.5s" strength="none"></break>"#,
        r#"<prosody rate="slow" pitch="+5%" volume="-6dB"><p>Slowly.</p></prosody>"#,
        r#"<lang xml:lang="es-MX"><p><s>Hola.</s></p></lang>"#,
        r#"<phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme>"#,
        r#"<say-as interpret-as="date" format="mdy">12/1</say-as>"#,
        "<sub alias='World Wide Web Consortium'>W3C</sub>",
        r#"<w role="amazon:VBD">read</w>"#,
        "a\r\n\tb < /p>".trim_end_matches("< /p>"),
    ] {
        ssml(text);
    }
    let nodes = ssml("A<break time='1s'/>&amp;&#66;<s>C</s>").nodes();
    let [
        SsmlNode::Text(first),
        SsmlNode::Element(pause),
        SsmlNode::Text(text),
        SsmlNode::Element(last),
    ] = &nodes[..]
    else {
        panic!("{nodes:?}")
    };
    assert_eq!((first.as_str(), text.as_str()), ("A", "&B"));
    assert_eq!((pause.name, last.name), ("break", "s"));
    assert_eq!(pause.attributes, [("time", "1s".to_owned())]);
}

#[track_caller]
fn assert_refused(cases: &[(&str, &str, &str)]) {
    for (text, place, told) in cases {
        let said = refusal(text);
        let beginning = format!("is not valid SSML ({place}): ");
        assert!(
            said.starts_with(&beginning) && said.contains(told),
            "{text}: {said}"
        );
    }
}

#[test]
fn other_elements_and_other_nesting_are_refused_with_their_place() {
    assert_refused(&[
        (
            "Hi <Break/>",
            "line 1, column 4",
            "<Break> is not allowed; the elements are break, emphasis",
        ),
        (
            "<speak>Hi</speak>",
            "line 1, column 1",
            "leave the wrapper out",
        ),
        (
            "a\n é<amazon:effect name='x'>b</amazon:effect>",
            "line 2, column 3",
            "<amazon:effect>",
        ),
        ("a<audio src='x'/>", "line 1, column 2", "<audio>"),
        ("a<mark name='x'/>", "line 1, column 2", "<mark>"),
        ("a<\u{202e}x/>", "line 1, column 2", "an unknown element"),
        (
            "<s>a<p>b</p></s>",
            "line 1, column 5",
            "<p> is not allowed in <s>",
        ),
        (
            "<s><lang xml:lang='es'><p>b</p></lang></s>",
            "line 1, column 24",
            "<p> is not allowed in <s>",
        ),
        (
            "<sub alias='b'><s>a</s></sub>",
            "line 1, column 16",
            "<s> is not allowed in <sub>",
        ),
        (
            "a<break>b</break>",
            "line 1, column 9",
            "<break> has no text",
        ),
        ("a<p/>", "line 1, column 2", "<p> is empty"),
        ("a<p></p>", "line 1, column 5", "<p> is empty"),
        ("<break/> <break/>", "line 1, column 1", "no words"),
        ("<p> </p>", "line 1, column 1", "no words"),
    ]);
}

#[test]
fn other_markup_is_refused_with_its_place() {
    assert_refused(&[
        ("a<p>b", "line 1, column 2", "<p> is not closed"),
        ("a<p>b</s>", "line 1, column 6", "not well-formed"),
        ("a</p>", "line 1, column 2", "not well-formed"),
        ("a<p", "line 1, column 2", "not well-formed"),
        ("a & b", "line 1, column 3", "not well-formed"),
        (
            "a &nbsp; b",
            "line 1, column 3",
            "the entities are &amp;, &lt;",
        ),
        ("a &x; b", "line 1, column 3", "the entities are"),
        ("a &#0; b", "line 1, column 3", "character reference"),
        ("a &#xFFFE; b", "line 1, column 3", "character reference"),
        ("a &#x110000; b", "line 1, column 3", "character reference"),
        ("a<!-- b -->", "line 1, column 2", "a comment"),
        (
            "a<?php b ?>",
            "line 1, column 2",
            "a processing instruction",
        ),
        (
            "<?xml version='1.0'?>a",
            "line 1, column 1",
            "an XML declaration",
        ),
        (
            "<!DOCTYPE a [<!ENTITY b 'c'>]>a",
            "line 1, column 1",
            "a document type",
        ),
        ("a<![CDATA[b]]>", "line 1, column 2", "a CDATA section"),
        ("a]]>b", "line 1, column 1", "]]>"),
    ]);
}

#[test]
fn other_attributes_and_values_are_refused_with_their_place() {
    assert_refused(&[
        (
            "a<break tme='1s'/>",
            "line 1, column 2",
            "<break> has no attribute tme",
        ),
        (
            "a<break xmlns='x'/>",
            "line 1, column 2",
            "<break> has no attribute xmlns",
        ),
        (
            "a<break time='1s' time='2s'/>",
            "line 1, column 2",
            "<break>: ",
        ),
        ("a<break time=1s/>", "line 1, column 2", "<break>: "),
        (
            "a<break time='11s'/>",
            "line 1, column 2",
            "time of <break> must be a time of at most 10 s",
        ),
        (
            "a<break time='&bad;'/>",
            "line 1, column 2",
            "time of <break> must be",
        ),
        (
            "<sub alias='a<b'>b</sub>",
            "line 1, column 1",
            "alias of <sub> must be",
        ),
        (
            "<emphasis>a</emphasis>",
            "line 1, column 1",
            "<emphasis> needs the attribute level",
        ),
        (
            "<prosody>a</prosody>",
            "line 1, column 1",
            "<prosody> needs one of the attributes volume, rate, pitch",
        ),
        (
            "<w role='amazon:XX'>a</w>",
            "line 1, column 1",
            "role of <w> must be one of amazon:VB",
        ),
    ]);
}

#[test]
fn bounds_hold() {
    let nested = |depth: usize| {
        format!(
            "{}a{}",
            "<prosody rate='slow'>".repeat(depth),
            "</prosody>".repeat(depth)
        )
    };
    ssml(&nested(8));
    assert!(refusal(&nested(9)).contains("more than 8 levels deep"));
    assert!(refusal(&"<s>".repeat(1_000)).contains("<s> is not allowed in <s>"));
    assert!(refusal(&"<p>".repeat(10_000)).contains("1 to 3000 characters"));
    assert!(
        refusal(&format!("<sub alias='{}'>a</sub>", "b".repeat(201))).contains("alias of <sub>")
    );
    for bad in ["", " \n", "a\u{0}", "a\u{b}<break/>", "<break/>\u{FFFE}"] {
        assert!(!refusal(bad).contains("SSML"), "{bad:?}");
    }
    let long = refusal(&format!("a<p>{}</p>", "日".repeat(500)));
    assert!(
        long.contains("line 1, column 505): <p> is too long for one <Say>"),
        "{long}"
    );
    ssml(&"日".repeat(1_000));
}

#[test]
fn voices_support_the_elements_of_their_class() {
    let all = [
        ("break", "a<break/>"),
        ("emphasis", "<emphasis level='strong'>a</emphasis>"),
        ("lang", "<lang xml:lang='es'>a</lang>"),
        ("p", "<p>a</p>"),
        ("phoneme", "<phoneme alphabet='ipa' ph='a'>a</phoneme>"),
        ("prosody", "<prosody rate='slow'>a</prosody>"),
        ("pitch", "<p><prosody pitch='low'>a</prosody></p>"),
        ("s", "<s>a</s>"),
        ("say-as", "<say-as interpret-as='digits'>1</say-as>"),
        ("sub", "<sub alias='b'>a</sub>"),
        ("w", "<w role='amazon:VB'>a</w>"),
    ];
    let every: Vec<_> = all.iter().map(|(name, _)| *name).collect();
    for (voice, refused) in [
        ("Polly.Joanna", &[][..]),
        ("polly.joanna-neural", &["emphasis", "pitch"]),
        ("Polly.Joanna-Generative", &["emphasis", "pitch"]),
        ("Google.en-US-Standard-A", &["w"]),
        ("Google.en-US-Wavenet-A", &["w"]),
        ("Google.en-US-Chirp3-HD-Aoede", &["w"]),
        ("woman", &every[..]),
        ("alice", &every),
        ("ElevenLabs.abc", &every),
        ("Google.en-US-Studio-O", &every),
        ("Polly.Joanna-Long", &every),
    ] {
        let name: Voice = voice.parse().unwrap();
        let fails = |text: &str| ssml(text).check_for(&name).is_err();
        let failing: Vec<_> = all
            .iter()
            .filter(|(_, text)| fails(text))
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(failing, refused, "{voice}");
        assert!(ssml("Plain &amp; simple.").check_for(&name).is_ok());
    }
    let error = ssml("A\n<p>b <emphasis level='strong'>c</emphasis></p>")
        .check_for(&"Polly.Joanna-Neural".parse().unwrap());
    assert_eq!(
        error.unwrap_err().to_string(),
        "must not have <emphasis> (line 2, column 6) with the voice Polly.Joanna-Neural, which does not support it"
    );
}

#[test]
fn plain_text_is_the_words_alone() {
    let text = "<p>Fish &amp; <emphasis level='strong'>chips</emphasis></p><break/>, <sub alias='three'>3</sub>";
    assert_eq!(ssml(text).plain_text(), "Fish & chips, three");
}

#[test]
fn ssml_is_never_printed() {
    assert_eq!(
        format!("{:?}", ssml("<s>secret</s>")),
        "Ssml(13 characters)"
    );
}
