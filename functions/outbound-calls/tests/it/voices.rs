//! Tests which voices and languages a call may use.

use serde_json::{Value, json};
use testkit::Answer;

use crate::support::{Api, text};

async fn placed(api: &Api, changes: Value) -> Answer {
    let mut body = api.body();
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    api.post(&body).await
}

async fn configured(variables: &[(&str, &str)]) -> Api {
    Api::with(|stage| {
        let set = |stage: testkit::Stage, (name, value): &(&str, &str)| stage.set(name, value);
        variables.iter().fold(stage, set)
    })
    .await
}

#[tokio::test]
async fn basic_standard_and_neural_voices_are_allowed_by_default() {
    let api = Api::new().await;
    for voice in [
        "man",
        "Polly.Joanna",
        "Polly.Joanna-Neural",
        "Google.en-US-Neural2-F",
    ] {
        let answer = placed(&api, json!({ "voice": voice })).await;
        assert_eq!(answer.status, 201, "{voice}: {}", answer.text());
        assert_eq!(answer.json()["voice"], voice);
    }
}

#[tokio::test]
async fn expensive_voice_is_refused_before_anything_is_stored_or_dialled() {
    let api = Api::new().await;
    for voice in [
        "Polly.Joanna-Generative",
        "polly.joanna-GENERATIVE",
        "Google.en-US-Chirp3-HD-Aoede",
        "Google.en-US-Studio-O",
        "ElevenLabs.UgBBYS2sOqTuMpoF3BR0",
        "nobody",
    ] {
        let answer = placed(&api, json!({ "voice": voice, "language": "en-US" })).await;
        answer.assert_problem(422, "voice_not_allowed");
        assert_eq!(answer.fields(), ["voice"]);
        let detail = text(&answer.json()["detail"]);
        assert!(detail.contains("basic, standard, neural"), "{detail}");
    }
    api.assert_untouched().await;
    api.assert_counted(0).await;
    let stats = api.get("/stats").await.json();
    assert_eq!(stats["refused"], json!({ "voice_not_allowed": 6 }));
}

#[tokio::test]
async fn refused_voice_does_not_use_the_idempotency_key() {
    let api = Api::new().await;
    let mut body = api.body();
    body["voice"] = json!("Polly.Joanna-Generative");
    for _ in 0..2 {
        let answer = api.post_with_key("k", &body).await;
        answer.assert_problem(422, "voice_not_allowed");
    }
    assert_eq!(api.post_with_key("k", &api.body()).await.status, 201);
}

#[tokio::test]
async fn classes_and_single_voices_can_be_allowed() {
    let api = configured(&[("ALLOWED_VOICES", "basic, generative, Polly.Mia")]).await;
    for (voice, status) in [
        ("woman", 201),
        ("Polly.Joanna-Generative", 201),
        ("polly.mia", 201),
        ("Polly.Joanna", 422),
        ("Polly.Mia-Neural", 422),
    ] {
        let answer = placed(&api, json!({ "voice": voice })).await;
        assert_eq!(answer.status, status, "{voice}: {}", answer.text());
    }
}

#[tokio::test]
async fn configured_voice_is_allowed_in_any_class() {
    let api = configured(&[("VOICE", "Polly.Joanna-Generative")]).await;
    for (changes, status) in [
        (json!({}), 201),
        (json!({ "voice": "Polly.Joanna-Generative" }), 201),
        (json!({ "language": "en-US" }), 201),
        (json!({ "voice": "Polly.Ruth-Generative" }), 422),
    ] {
        let answer = placed(&api, changes.clone()).await;
        assert_eq!(answer.status, status, "{changes}: {}", answer.text());
    }
}

#[tokio::test]
async fn configured_default_voice_is_allowed_in_any_class_and_decides_on_ssml() {
    let voices = r#"{"es-MX": "Polly.Mia-Generative", "de": "Polly.Vicki-Neural"}"#;
    let api = configured(&[("DEFAULT_VOICES", voices), ("ALLOWED_VOICES", "basic")]).await;
    let say = |part: Value| json!({ "script": null, "steps": [{ "say": [part] }] });
    let part = |ssml: &str, tag: &str| say(json!({ "ssml": ssml, "language": tag }));
    for (changes, status) in [
        (json!({ "language": "es-MX" }), 201),
        (json!({ "voice": "Polly.Mia-Generative" }), 201),
        (json!({ "voice": "Polly.Mia" }), 422),
        (json!({ "language": "ja-JP" }), 422),
        (part("Hallo.<break time=\"1s\"/>", "de-DE"), 201),
        (part("<emphasis>Hallo.</emphasis>", "de-DE"), 422),
        (part("Hello.<break time=\"1s\"/>", "en-US"), 422),
    ] {
        let mut body = api.body();
        let fields = changes.as_object().unwrap();
        body.as_object_mut().unwrap().extend(fields.clone());
        body.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let answer = api.post(&body).await;
        assert_eq!(answer.status, status, "{changes}: {}", answer.text());
    }
}

#[tokio::test]
async fn language_needs_an_allowed_voice() {
    let api = configured(&[("ALLOWED_VOICES", "basic")]).await;
    let answer = placed(&api, json!({ "language": "de-DE" })).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["voice"], Value::Null, "none was named");
    let answer = placed(&api, json!({ "language": "ja-JP" })).await;
    answer.assert_problem(422, "voice_not_allowed");
    assert_eq!(answer.fields(), ["language"]);
    assert!(answer.text().contains("Polly.Mizuki"), "{}", answer.text());
}

#[tokio::test]
async fn unsupported_language_needs_a_voice() {
    let api = Api::new().await;
    for language in ["tlh", "xx-XX", "English"] {
        let answer = placed(&api, json!({ "language": language })).await;
        answer.assert_problem(422, "language_not_supported");
        assert_eq!(answer.fields(), ["language"]);
    }
    api.assert_untouched().await;
    let stats = api.get("/stats").await.json();
    assert_eq!(stats["refused"], json!({ "language_not_supported": 3 }));
    for changes in [
        json!({ "language": "ja-JP" }),
        json!({ "language": "pt" }),
        json!({ "language": "xx-XX", "voice": "Polly.Joanna" }),
    ] {
        let answer = placed(&api, changes.clone()).await;
        assert_eq!(answer.status, 201, "{changes}: {}", answer.text());
    }
    let own = configured(&[("LANGUAGE", "tlh")]).await;
    let answer = placed(&own, json!({ "language": "tlh" })).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}
