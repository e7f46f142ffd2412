//! Tests what a call says, and in which voice and language.

use testkit::Stage;

use crate::support::{APOLOGY, request_voice, say, twiml, twiml_of};

#[tokio::test]
async fn call_speaks_its_script_and_hangs_up() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            let script = "Tom & \"Jerry\" <b>say</b> 'hi' ]]> é 😀\n$5";
            call.script = Some(script.parse().unwrap());
        })
        .await;
    assert_eq!(
        twiml_of(&stage, &call).await,
        say("Tom &amp; \"Jerry\" &lt;b&gt;say&lt;/b&gt; 'hi' ]]&gt; é 😀\n$5")
    );
}

#[tokio::test]
async fn voice_and_language_are_the_calls_or_the_configured_ones() {
    let stage = Stage::new()
        .await
        .set("VOICE", "man")
        .set("LANGUAGE", "de-DE");
    let call = stage.call(|_| ()).await;
    let spoken = twiml_of(&stage, &call).await;
    assert!(
        spoken.starts_with(r#"<Say language="de-DE" voice="man">"#),
        "{spoken}"
    );
    let call = stage
        .call(|call| {
            call.voice = Some("Polly.Amy".parse().unwrap());
            call.language = Some("en-GB".parse().unwrap());
        })
        .await;
    let spoken = twiml_of(&stage, &call).await;
    assert!(
        spoken.starts_with(r#"<Say language="en-GB" voice="Polly.Amy">"#),
        "{spoken}"
    );
}

#[tokio::test]
async fn language_without_a_voice_gets_its_default_voice() {
    let stage = Stage::new().await;
    for (language, attributes) in [
        ("ja-JP", r#"language="ja-JP" voice="Polly.Mizuki""#),
        ("ja", r#"language="ja-JP" voice="Polly.Mizuki""#),
        (
            "uk-UA",
            r#"language="uk-UA" voice="Google.uk-UA-Standard-A""#,
        ),
        ("de-DE", r#"language="de-DE" voice="woman""#),
        // Only an earlier version can have stored a language that no known voice speaks.
        ("tlh", r#"language="tlh" voice="woman""#),
    ] {
        let call = stage
            .call(|call| call.language = Some(language.parse().unwrap()))
            .await;
        let spoken = twiml_of(&stage, &call).await;
        assert!(
            spoken.starts_with(&format!("<Say {attributes}>")),
            "{spoken}"
        );
    }
    let neural = stage.clone().set("VOICE", "Polly.Takumi-Neural");
    let call = stage
        .call(|call| call.language = Some("ja-JP".parse().unwrap()))
        .await;
    let spoken = twiml_of(&neural, &call).await;
    let attributes = r#"<Say language="ja-JP" voice="Polly.Takumi-Neural">"#;
    assert!(spoken.starts_with(attributes), "{spoken}");
}

#[tokio::test]
async fn configured_default_voice_speaks_its_language() {
    let voices = r#"{"es-MX": "Polly.Mia-Neural", "en": "Polly.Joanna-Neural"}"#;
    let stage = Stage::new().await.set("DEFAULT_VOICES", voices);
    for (language, attributes) in [
        (None, r#"language="en-US" voice="Polly.Joanna-Neural""#),
        (
            Some("es-MX"),
            r#"language="es-MX" voice="Polly.Mia-Neural""#,
        ),
        (Some("es-ES"), r#"language="es-ES" voice="woman""#),
    ] {
        let call = stage
            .call(|call| call.language = language.map(|tag| tag.parse().unwrap()))
            .await;
        let spoken = twiml_of(&stage, &call).await;
        assert!(
            spoken.starts_with(&format!("<Say {attributes}>")),
            "{spoken}"
        );
    }
}

#[tokio::test]
async fn voice_without_a_language_speaks_its_own() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| call.voice = Some("Polly.Mizuki".parse().unwrap()))
        .await;
    let spoken = twiml_of(&stage, &call).await;
    let attributes = r#"<Say language="ja-JP" voice="Polly.Mizuki">"#;
    assert!(spoken.starts_with(attributes), "{spoken}");
}

#[tokio::test]
async fn long_script_is_spoken_sentence_by_sentence() {
    let stage = Stage::new().await;
    let sentence = "您的訂單已經準備好了。";
    let script = sentence.repeat(200);
    let call = stage
        .call(|call| {
            call.script = Some(script.parse().unwrap());
            call.language = Some("zh-CN".parse().unwrap());
        })
        .await;
    let twiml = twiml_of(&stage, &call).await;
    let says: Vec<_> = twiml
        .strip_suffix("<Hangup></Hangup>")
        .unwrap()
        .split("</Say>")
        .filter_map(|say| say.strip_prefix(r#"<Say language="zh-CN" voice="Polly.Zhiyu">"#))
        .collect();
    assert!(says.len() > 4, "{}", says.len());
    let fits = |say: &&str| say.ends_with('。') && say.chars().count() * 9 <= 4_400;
    assert!(says.iter().all(fits));
    assert_eq!(says.concat(), script);
}

#[tokio::test]
async fn long_notice_and_long_apology_are_spoken_in_parts() {
    let long = "Это важно. ".repeat(200);
    let stage = Stage::new()
        .await
        .set("RECORDING_NOTICE", &long)
        .set("APOLOGY", &long);
    let call = stage.call(|call| call.recording_enabled = true).await;
    let of_call = twiml_of(&stage, &call).await;
    let says = |twiml: &str| twiml.matches("<Say ").count();
    assert_eq!(says(&of_call), 4, "three of the notice, one of the script");
    let nobodys = request_voice(&stage, "/twilio/voice", "").await;
    assert_eq!(says(&twiml(&nobodys)), 3);
}

#[tokio::test]
async fn only_a_recorded_call_speaks_the_notice() {
    let stage = Stage::new()
        .await
        .set("RECORDING_NOTICE", "We record this & more.");
    let recorded = stage.call(|call| call.recording_enabled = true).await;
    let notice = r#"<Say language="en-US" voice="woman">We record this &amp; more.</Say>"#;
    assert_eq!(
        twiml_of(&stage, &recorded).await,
        format!("{notice}{}", say("Hello."))
    );
    let other = stage.call(|_| ()).await;
    assert_eq!(twiml_of(&stage, &other).await, say("Hello."));
    let recorded_without = stage.clone().set("RECORDING_NOTICE", "");
    assert_eq!(twiml_of(&recorded_without, &recorded).await, say("Hello."));
}

#[tokio::test]
async fn notice_is_spoken_in_the_language_of_the_call() {
    let notices = r#"{"es": {"recording": "Grabado.", "apology": "Perdón."}}"#;
    let stage = Stage::new()
        .await
        .set("RECORDING_NOTICE", "Recorded.")
        .set("NOTICES", notices);
    for (tag, notice) in [("es-MX", "Grabado."), ("en-GB", "Recorded.")] {
        let call = stage
            .call(|call| {
                call.recording_enabled = true;
                call.language = Some(tag.parse().unwrap());
            })
            .await;
        let spoken = twiml_of(&stage, &call).await;
        assert!(spoken.contains(&format!(">{notice}</Say>")), "{spoken}");
    }
}

#[tokio::test]
async fn apology_is_spoken_in_the_language_of_the_url() {
    let notices = r#"{"es": {"apology": "Perdón."}}"#;
    let stage = Stage::new().await.set("NOTICES", notices);
    for (lang, expected) in [
        (
            "es-MX",
            r#"<Say language="es-MX" voice="Polly.Mia">Perdón.</Say><Hangup></Hangup>"#.to_owned(),
        ),
        ("de-DE", say(APOLOGY)),
        ("%22", say(APOLOGY)),
    ] {
        let path = format!("/twilio/voice?lang={lang}");
        let spoken = twiml(&request_voice(&stage, &path, "").await);
        assert_eq!(spoken, expected, "{lang}");
    }
}

#[tokio::test]
async fn call_whose_words_are_erased_is_answered_with_the_apology() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            call.sensitive = true;
            call.words_erased_at = Some(mongodb::bson::DateTime::now());
        })
        .await;
    assert_eq!(twiml_of(&stage, &call).await, say(APOLOGY));
}
