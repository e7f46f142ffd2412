//! Tests calls with steps, from the request to the result.

use serde_json::{Value, json};
use testkit::Twilio;
use twilio_sim::clock::Speed;

use crate::{
    life::Played,
    support::{Api, eventually, in_minutes, text},
};

const TO: &str = "+12125550123";

fn confirm() -> Value {
    json!([
        { "say": "This is your dentist." },
        {
            "id": "confirm",
            "ask": "Press 1 to confirm your appointment, or 2 to cancel it.",
            "options": {
                "1": { "outcome": "confirmed", "say": "Thank you." },
                "2": { "outcome": "canceled" },
            },
            "tries": 2,
        },
    ])
}

/// Plays a call with these steps to a person who presses these keys at each Gather. Returns the call, and what Twilio knows of it.
async fn played(steps: &Value, presses: &[&str]) -> (Value, Value) {
    let callees = json!({ TO: { "presses": presses } });
    played_to(steps, &callees).await
}

async fn played_to(steps: &Value, callees: &Value) -> (Value, Value) {
    let speed = Speed::parse("40").unwrap();
    let played = Played::with(Twilio::start_with(speed, callees).await).await;
    let api = &played.api;
    let body = json!({ "user_id": api.user, "to_number": TO, "steps": steps });
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["script"], Value::Null);
    let id = text(&answer.json()["call_id"]);
    let call = eventually("the call is completed", async || {
        let call = api.call(&id).await;
        (call["status"] == "completed").then_some(call)
    })
    .await;
    let at_twilio = api.twilio.calls().await[0].clone();
    (call, at_twilio)
}

/// The step, the try, the digits and the option of each answer.
fn answers(call: &Value) -> Vec<(String, u64, String, Option<String>)> {
    let answers = call["answers"].as_array().unwrap().iter();
    answers
        .map(|answer| {
            (
                text(&answer["step"]),
                answer["try"].as_u64().unwrap(),
                text(&answer["digits"]),
                answer["option"].as_str().map(str::to_owned),
            )
        })
        .collect()
}

fn answer(
    step: &str,
    nth: u64,
    digits: &str,
    option: Option<&str>,
) -> (String, u64, String, Option<String>) {
    (
        step.to_owned(),
        nth,
        digits.to_owned(),
        option.map(str::to_owned),
    )
}

#[tokio::test]
async fn pressed_key_confirms_an_appointment() {
    let (call, at_twilio) = played(&confirm(), &["WWW1"]).await;
    assert_eq!(answers(&call), [answer("confirm", 1, "1", Some("1"))]);
    assert_eq!(call["result"], "confirmed");
    assert_eq!(call["delivery"], "started");
    assert_eq!(
        at_twilio["spoken"],
        json!(["This is your dentist.", "Thank you."])
    );
}

#[tokio::test]
async fn wrong_key_gets_another_try() {
    let (call, at_twilio) = played(&confirm(), &["W9", "W2"]).await;
    assert_eq!(
        answers(&call),
        [
            answer("confirm", 1, "9", None),
            answer("confirm", 2, "2", Some("2"))
        ]
    );
    assert_eq!(call["result"], "canceled");
    let interrupted = at_twilio["interrupted"].as_array().unwrap().len();
    assert_eq!(
        interrupted, 2,
        "the first sentence was spoken twice: {at_twilio}"
    );
}

#[tokio::test]
async fn star_repeats_and_is_no_answer() {
    let (call, _) = played(&confirm(), &["W*", "W*", "W1"]).await;
    assert_eq!(answers(&call), [answer("confirm", 1, "1", Some("1"))]);
    assert_eq!(call["result"], "confirmed");
}

#[tokio::test]
async fn silent_person_has_heard_everything() {
    let (call, at_twilio) = played(&confirm(), &[]).await;
    assert_eq!(answers(&call), []);
    assert_eq!(call["result"], "no_input");
    assert_eq!(call["delivery"], "full");
    let question = "Press 1 to confirm your appointment, or 2 to cancel it.";
    assert_eq!(
        at_twilio["spoken"],
        json!(["This is your dentist.", question, question])
    );
}

#[tokio::test]
async fn steps_that_only_say_are_delivered_in_full() {
    let said = json!([{ "say": ["One.", "Two."] }, { "say": { "spell": "4711", "repeat": 2 } }]);
    let (call, at_twilio) = played(&said, &[]).await;
    assert_eq!(call["result"], "completed");
    assert_eq!(call["delivery"], "full");
    let spelled = "4, 7, 1, 1";
    assert_eq!(
        at_twilio["spoken"],
        json!(["One.", "Two.", spelled, spelled])
    );
}

#[tokio::test]
async fn person_who_hangs_up_has_heard_a_part() {
    let callees = json!({ TO: { "hangs_up_after_seconds": 2 } });
    let (call, _) = played_to(&confirm(), &callees).await;
    assert_eq!(call["result"], "hung_up");
    assert_eq!(call["delivery"], "started");
}

#[tokio::test]
async fn survey_keeps_every_answer() {
    let survey = json!([
        { "id": "rating", "ask": "Your rating?", "options": { "1": {}, "5": { "goto": "code", "say": "Great!" } } },
        { "id": "why", "ask": "Why?", "options": { "1": {} } },
        { "id": "code", "ask": "Your code, and then the hash key?", "max_digits": 6 },
        { "id": "again", "ask": "May we call again?", "options": { "1": { "outcome": "yes" }, "2": { "outcome": "no" } },
          "tries": 1, "no_input": { "outcome": "maybe" } },
        { "say": "Goodbye." },
    ]);
    let (call, at_twilio) = played(&survey, &["5", "W47#", ""]).await;
    assert_eq!(
        answers(&call),
        [
            answer("rating", 1, "5", Some("5")),
            answer("code", 1, "47", None)
        ]
    );
    assert_eq!(call["result"], "maybe");
    assert_eq!(call["delivery"], "started");
    let spoken = at_twilio["spoken"].to_string();
    assert!(
        spoken.contains("Goodbye.") && !spoken.contains("Why?"),
        "{spoken}"
    );
}

#[tokio::test]
async fn bare_hash_at_an_ask_for_digits_is_silence_and_no_delivery() {
    let pin = json!([{ "id": "pin", "ask": "Your PIN?", "max_digits": 4, "tries": 1 }]);
    let (call, _) = played(&pin, &["#"]).await;
    assert_eq!(answers(&call), []);
    assert_eq!(call["result"], "no_input");
    assert_eq!(call["delivery"], "started");
}

#[tokio::test]
async fn unanswered_call_is_not_reached() {
    let played = Played::start(Speed::parse("100").unwrap()).await;
    let api = &played.api;
    let body = json!({ "user_id": api.user, "to_number": "+12125550101", "steps": confirm() });
    let id = text(&api.post(&body).await.json()["call_id"]);
    let call = eventually("busy", async || {
        let call = api.call(&id).await;
        (call["status"] == "busy").then_some(call)
    })
    .await;
    assert_eq!(call["result"], "not_reached");
    assert_eq!(call["delivery"], Value::Null);
}

#[tokio::test]
async fn repeated_and_late_requests_change_nothing() {
    let callees = json!({ TO: { "presses": ["WW1"] } });
    let twilio = Twilio::start_with(Speed::parse("40").unwrap(), &callees).await;
    let played = Played::with(twilio).await;
    let api = &played.api;
    let every = json!({ "callbacks": [{ "kind": "voice", "action": "duplicate" }] });
    api.twilio.faults(&every).await;
    let body = json!({ "user_id": api.user, "to_number": TO, "steps": confirm() });
    let id = text(&api.post(&body).await.json()["call_id"]);
    let call = eventually("the call is completed", async || {
        let call = api.call(&id).await;
        (call["status"] == "completed").then_some(call)
    })
    .await;
    assert_eq!(answers(&call), [answer("confirm", 1, "1", Some("1"))]);
    assert_eq!(call["result"], "confirmed");
}

#[tokio::test]
async fn call_has_a_script_or_steps() {
    let api = Api::new().await;
    let body = |changes: Value| {
        let mut body = json!({ "user_id": api.user, "to_number": TO });
        body.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        body
    };
    for (changes, fields) in [
        (json!({}), &["script"][..]),
        (json!({ "voice": "a b" }), &["script", "voice"]),
        (
            json!({ "script": "Hello.", "steps": confirm() }),
            &["steps"],
        ),
        (
            json!({ "script": null, "steps": confirm() }),
            &["script", "steps"],
        ),
        (
            json!({ "steps": [{ "id": "a", "ask": "B?", "options": { "1": { "goto": "a" } }, "tries": 9 }] }),
            &["steps[0].options.1.goto", "steps[0].tries"],
        ),
    ] {
        let answer = api.post(&body(changes)).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), fields);
    }
    api.assert_untouched().await;
}

#[tokio::test]
async fn voice_of_a_part_must_be_allowed() {
    let api = Api::with(|stage| stage.set("ALLOWED_VOICES", "basic")).await;
    for (part, code, field) in [
        (
            json!({ "text": "Hi.", "voice": "Polly.Joanna-Neural" }),
            "voice_not_allowed",
            "steps[1].say.voice",
        ),
        (
            json!({ "text": "Hi.", "language": "tlh" }),
            "language_not_supported",
            "steps[1].say.language",
        ),
    ] {
        let steps = json!([{ "say": "Hello." }, { "say": part }]);
        let answer = api
            .post(&json!({ "user_id": api.user, "to_number": TO, "steps": steps }))
            .await;
        answer.assert_problem(422, code);
        assert_eq!(answer.fields(), [field]);
    }
    api.assert_untouched().await;
}

#[tokio::test]
async fn ssml_needs_a_voice_that_supports_it() {
    let api = Api::with_queue().await;
    let steps = json!([
        { "say": ["Hello.", { "ssml": "<p>Hi.</p>" }] },
        { "say": { "ssml": "<emphasis level='strong'>Hi.</emphasis>", "voice": "Polly.Joanna-Neural" } },
        { "say": { "ssml": "<emphasis level='strong'>Hi.</emphasis>", "voice": "Polly.Joanna" } },
    ]);
    let body = json!({ "user_id": api.user, "to_number": TO, "steps": steps });
    let answer = api.post(&body).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(
        answer.fields(),
        ["steps[0].say[1].ssml", "steps[1].say.ssml"]
    );
    let text = answer.text();
    for told in [
        "<p> (line 1, column 1) with the voice woman, which speaks no SSML",
        "<emphasis> (line 1",
    ] {
        assert!(text.contains(told), "{text}");
    }
    api.assert_untouched().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let change = json!({ "steps": steps, "voice": "Polly.Joanna" });
    let changed = api.patch(&id, &change).await;
    assert_eq!(changed.fields(), ["steps[1].say.ssml"]);
    let change = json!({ "steps": [steps[2], { "say": { "ssml": "<p>Hi.</p>" } }], "voice": "Polly.Joanna" });
    assert_eq!(api.patch(&id, &change).await.status, 200);
    let without_voice = api.patch(&id, &json!({ "voice": null })).await;
    assert_eq!(without_voice.fields(), ["steps[1].say.ssml"]);
}

#[tokio::test]
async fn ssml_is_spoken() {
    let say = json!({ "ssml": "Your code is <say-as interpret-as=\"digits\">47</say-as>.<break time=\"1s\"/> &amp; bye.", "voice": "Polly.Joanna" });
    let (call, at_twilio) = played(&json!([{ "say": say }]), &[]).await;
    assert_eq!(call["delivery"], "full");
    assert_eq!(call["steps"][0]["say"][0]["ssml"], say["ssml"]);
    assert_eq!(at_twilio["spoken"], json!(["Your code is 47. & bye."]));
}

#[tokio::test]
async fn audio_must_be_on_an_allowed_host_and_last_as_long_as_the_call() {
    let api = Api::with(|stage| stage.set("AUDIO_HOSTS", "a.example.com")).await;
    let say = |url: &str| json!({ "say": ["Hi.", { "text": "Hello.", "audio_url": url }] });
    let body = |steps: Value| json!({ "user_id": api.user, "to_number": TO, "steps": steps });
    let refused = body(json!([
        say("https://b.example.com/a.mp3"),
        say("https://a.example.com/a.mp3"),
        say("https://a.example.com/a.mp3?Expires=1700000000"),
        say("https://a.example.com/a.mp3?Expires=soon"),
    ]));
    let answer = api.post(&refused).await;
    answer.assert_problem(422, "validation_failed");
    let fields = [0, 2, 3].map(|at| format!("steps[{at}].say[1].audio_url"));
    assert_eq!(answer.fields(), fields);
    for url in [
        "http://a.example.com/a.mp3",
        "https://u:p@a.example.com/a.mp3",
        "https://10.0.0.1/a.mp3",
    ] {
        let answer = api.post(&body(json!([say(url)]))).await;
        assert_eq!(answer.fields(), ["steps[0].say[1].audio_url"], "{url}");
    }
    api.assert_untouched().await;
    let without = Api::new().await;
    let steps = json!([say("https://a.example.com/a.mp3")]);
    let answer = without
        .post(&json!({ "user_id": without.user, "to_number": TO, "steps": steps }))
        .await;
    assert!(
        answer.text().contains("AUDIO_HOSTS lists no host"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn script_and_steps_of_a_waiting_call_replace_each_other() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let patch = async |body: Value| {
        let answer = api.patch(&id, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        api.call(&id).await
    };
    let changed = patch(json!({ "steps": confirm() })).await;
    assert_eq!(changed["script"], Value::Null);
    assert_eq!(changed["steps"][1]["tries"], 2);
    assert_eq!(changed["steps"][1]["timeout_seconds"], 5);
    assert_eq!(
        changed["steps"][0]["say"],
        json!([{ "text": "This is your dentist." }])
    );
    let unchanged = patch(json!({ "priority": "urgent" })).await;
    assert_eq!(unchanged["steps"], changed["steps"]);
    let back = patch(json!({ "script": "Hello." })).await;
    assert_eq!(
        (&back["script"], &back["steps"]),
        (&json!("Hello."), &Value::Null)
    );
    let past = "2020-01-01T00:00:00Z";
    let both = json!({ "script": "Hello.", "steps": confirm(), "expires_at": past });
    let both = api.patch(&id, &both).await;
    both.assert_problem(422, "validation_failed");
    assert_eq!(both.fields(), ["expires_at", "steps"]);
    let wrong = api.patch(&id, &json!({ "steps": [{}] })).await;
    assert_eq!(wrong.fields(), ["steps[0]"]);
}

/// The shape of a call for versions without steps, as far as they need it.
#[derive(serde::Deserialize)]
struct EarlierCall {
    script: String,
}

#[tokio::test]
async fn earlier_version_reads_the_words_of_a_call_with_steps() {
    let api = Api::with_queue().await;
    let earlier = async |id: &str| {
        let stored = api.stage.stored(id).await;
        mongodb::bson::deserialize_from_document::<EarlierCall>(stored)
            .unwrap()
            .script
    };
    let body = json!({ "script": "Hello." });
    let id = api.schedule(in_minutes(60), &body).await;
    for (change, script) in [
        (json!({ "steps": confirm() }), "This is your dentist."),
        (json!({ "priority": "urgent" }), "This is your dentist."),
        (json!({ "steps": [{ "say": "Bye." }] }), "Bye."),
        (json!({ "script": "Hi." }), "Hi."),
    ] {
        let answer = api.patch(&id, &change).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(earlier(&id).await, script);
        let has_steps = !answer.json()["steps"].is_null();
        assert_eq!(answer.json()["script"].is_null(), has_steps);
    }
    let body = json!({ "user_id": api.user, "to_number": TO, "steps": confirm() });
    let placed = api.post(&body).await.json();
    assert_eq!(placed["script"], Value::Null);
    let id = text(&placed["call_id"]);
    assert_eq!(earlier(&id).await, "This is your dentist.");
    assert_eq!(api.call(&id).await["script"], Value::Null);
}

#[tokio::test]
async fn repeated_request_in_another_spelling_is_the_same_request() {
    let api = Api::new().await;
    let mut body = api.body();
    body.as_object_mut().unwrap().remove("script");
    body["steps"] = json!([{ "say": "Hello." }, { "id": "a", "ask": "A?", "max_digits": 1 }]);
    let first = api.post_with_key("one", &body).await;
    assert_eq!(first.status, 201, "{}", first.text());
    body["steps"] = json!([{ "say": [{ "text": "Hello.", "repeat": 1 }] }, { "id": "a", "ask": ["A?"], "max_digits": 1, "tries": 3, "no_input": {} }]);
    let again = api.post_with_key("one", &body).await;
    assert_eq!(again.json()["call_id"], first.json()["call_id"]);
    body["steps"] = json!([{ "say": "Hello!" }]);
    let other = api.post_with_key("one", &body).await;
    other.assert_problem(422, "idempotency_key_reused");
}
