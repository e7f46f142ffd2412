//! Tests the limit of the price of a call's words.

use serde_json::{Value, json};
use testkit::Answer;

use crate::support::{Api, having_queue, in_minutes, text};

const NEURAL: &str = "Polly.Joanna-Neural";

async fn limited(dollars: &str) -> Api {
    Api::with(|stage| stage.set("MAX_SPEECH_PRICE", dollars)).await
}

async fn placed(api: &Api, fields: Value) -> Answer {
    let mut body = api.body();
    body.as_object_mut().unwrap().remove("script");
    let fields = fields.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    api.post(&body).await
}

fn words(characters: usize) -> String {
    "a".repeat(characters)
}

#[tokio::test]
async fn words_above_the_limit_are_refused_with_figures() {
    let api = limited("0.0032").await;
    for (characters, voice, status) in [
        (100, NEURAL, 201),
        (101, NEURAL, 422),
        (400, "Polly.Joanna", 201),
        (401, "Polly.Joanna", 422),
        (3_000, "woman", 201),
    ] {
        let call = json!({ "script": words(characters), "voice": voice });
        let answer = placed(&api, call).await;
        assert_eq!(answer.status, status, "{voice} {}", answer.text());
    }
    let answer = placed(&api, json!({ "script": words(200), "voice": NEURAL })).await;
    answer.assert_problem(422, "speech_price_exceeded");
    assert_eq!(answer.fields(), ["script"]);
    let detail = text(&answer.json()["detail"]);
    for figure in ["$0.0064", "200 characters", "$0.0032"] {
        assert!(detail.contains(figure), "{detail}");
    }
}

#[tokio::test]
async fn every_play_of_every_part_counts() {
    // 1,000 characters of a neural voice.
    let api = limited("0.032").await;
    let ask = |text: String, option: usize, other: usize| {
        json!({ "id": "a", "ask": text, "options": {
            "1": { "say": words(option) }, "2": { "say": words(other) },
        } })
    };
    for (steps, fits) in [
        (json!([{ "say": words(1_000) }]), true),
        (json!([{ "say": words(500) }, { "say": words(501) }]), false),
        (
            json!([{ "say": { "text": words(333), "repeat": 3 } }]),
            true,
        ),
        (
            json!([{ "say": { "text": words(334), "repeat": 3 } }]),
            false,
        ),
        (json!([ask(words(150), 250, 200)]), true),
        (json!([ask(words(150), 251, 200)]), false),
        (json!([{ "say": words(50) }, ask(words(150), 1, 1)]), false),
        (json!([{ "say": words(49) }, ask(words(150), 5, 4)]), true),
        (
            json!([ask(words(150), 50, 50), { "say": words(200) }]),
            true,
        ),
        (
            json!([ask(words(150), 50, 51), { "say": words(200) }]),
            false,
        ),
    ] {
        let answer = placed(&api, json!({ "steps": steps, "voice": NEURAL })).await;
        let expected = if fits { 201 } else { 422 };
        assert_eq!(answer.status, expected, "{steps}: {}", answer.text());
    }
    let message = |characters: usize| {
        json!({
            "script": words(500), "voice": NEURAL,
            "voicemail": { "action": "leave_message", "message": words(characters) },
        })
    };
    assert_eq!(placed(&api, message(500)).await.status, 201);
    let refused = placed(&api, message(501)).await;
    refused.assert_problem(422, "speech_price_exceeded");
}

#[tokio::test]
async fn each_part_has_the_price_of_its_own_voice() {
    let api = limited("0.0032").await;
    let say = |part: Value| json!({ "steps": [{ "say": [part, words(3_000)] }] });
    let part = |count| json!({ "text": words(count), "language": "es-MX" });
    assert_eq!(placed(&api, say(part(400))).await.status, 201);
    let refused = placed(&api, say(part(401))).await;
    refused.assert_problem(422, "speech_price_exceeded");
    assert_eq!(refused.fields(), ["steps"]);
}

#[tokio::test]
async fn voice_of_unknown_price_is_refused_only_under_a_limit() {
    let voice = "ElevenLabs.UgBBYS2sOqTuMpoF3BR0";
    for (limit, status) in [("", 201), ("1000", 422)] {
        let stage = |stage: testkit::Stage| {
            let stage = stage.set("ALLOWED_VOICES", voice);
            stage.set("MAX_SPEECH_PRICE", limit)
        };
        let api = Api::with(stage).await;
        let answer = placed(&api, json!({ "script": "Hello.", "voice": voice })).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

#[tokio::test]
async fn change_of_a_waiting_call_obeys_the_limit() {
    let stage = |stage: testkit::Stage| having_queue(stage).set("MAX_SPEECH_PRICE", "0.0032");
    let api = Api::with(stage).await;
    let call = json!({ "script": words(100), "voice": NEURAL });
    let id = api.schedule(in_minutes(60), &call).await;
    let answer = api.patch(&id, &json!({ "script": words(101) })).await;
    answer.assert_problem(422, "speech_price_exceeded");
    assert_eq!(
        api.patch(&id, &json!({ "script": "Hello." })).await.status,
        200
    );
}
