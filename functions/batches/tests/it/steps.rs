//! Tests batches whose calls have steps, a message for machines, and transcripts.

use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use testkit::{Answer, Request, TRANSCRIPTION_SERVICES};

use crate::support::{Api, number, text};

/// A body of `POST /batches` with a question and a message.
fn body(api: &Api) -> Value {
    json!({
        "name": "Appointments",
        "user_id": api.user,
        "steps": [
            { "say": ["Hello {{ first_name | title }}.", { "text": "¡Hola!", "language": "es-MX" }] },
            {
                "id": "confirm",
                "ask": { "ssml": "For {{ time }}, press <say-as interpret-as=\"digits\">1</say-as>.", "voice": "Polly.Joanna" },
                "options": { "1": { "outcome": "confirmed", "say": "Bye, {{ first_name }}." } },
            },
        ],
        "voicemail": { "action": "leave_message", "message": "Code {{ code | default(\"none\") | spell }}." },
    })
}

async fn refused(api: &Api, changes: Value) -> Answer {
    let mut body = body(api);
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    let answer = api.send(&Request::post("/batches", &body)).await;
    assert_eq!(answer.status, 422, "{changes}: {}", answer.text());
    answer
}

#[tokio::test]
async fn recipient_becomes_a_call_with_its_own_steps() {
    let api = Api::with(|stage| stage.set("TRANSCRIPTION_SERVICES", TRANSCRIPTION_SERVICES)).await;
    let mut body = body(&api);
    body["recording_enabled"] = json!(true);
    body["transcribe"] = json!(true);
    body["retry"] = json!({ "max_attempts": 2, "on": ["no_input", "voicemail"] });
    let id = api.batch_of(&body).await;
    let batch = api.read(&id).await;
    assert_eq!(batch["script"], Value::Null);
    assert_eq!(
        batch["steps"][0]["say"][0]["text"],
        "Hello {{ first_name | title }}."
    );
    assert_eq!(batch["voicemail"]["action"], "leave_message");
    assert_eq!(batch["transcribe"], true);
    let recipients = json!([
        { "to_number": number(0), "variables": { "first_name": "ada & co", "time": "nine & <ten>", "code": "42" } },
    ]);
    let answer = api.add(&id, &recipients).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = api.calls().await;
    let call: Value = serde_json::to_value(&calls[0]).unwrap();
    let steps = &call["steps"];
    assert_eq!(steps[0]["say"][0]["text"], "Hello Ada & Co.");
    assert_eq!(
        steps[1]["ask"][0]["ssml"],
        "For nine &amp; &lt;ten&gt;, press <say-as interpret-as=\"digits\">1</say-as>."
    );
    assert_eq!(steps[1]["options"]["1"]["say"][0]["text"], "Bye, ada & co.");
    assert_eq!(steps[1]["options"]["1"]["outcome"], "confirmed");
    assert_eq!(call["voicemail"]["message"][0]["text"], "Code 4, 2.");
    assert_eq!(
        call["script"], "Hello Ada & Co. ¡Hola!",
        "for earlier versions"
    );
    assert_eq!(
        (&call["transcribe"], &call["status"]),
        (&json!(true), &json!("scheduled"))
    );
}

#[tokio::test]
async fn csv_has_the_variables_of_steps() {
    let api = Api::new().await;
    let id = api.batch_of(&body(&api)).await;
    let csv = format!(
        "to_number,First name,time\n{},Ada,nine\n{},,\n",
        number(0),
        number(1)
    );
    let answer = api.add_csv(&id, &csv).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["recipients[1].variables"]);
    let missing = "must have first_name, time, which the words name (line 3)";
    assert!(answer.text().contains(missing), "{}", answer.text());
    let csv = format!("to_number,First name,time\n{},Ada,nine\n", number(0));
    assert_eq!(api.add_csv(&id, &csv).await.status, 200);
}

#[tokio::test]
async fn template_is_checked_as_the_words_of_a_call() {
    let notices = r#"{"en-US": {"identity": "Dr. Gray.", "opt_out": "Press 9 to opt out.", "callback": "Call {number}.", "recording": "Recorded."}}"#;
    let stage = |stage: testkit::Stage| {
        let stage = stage.set("OPT_OUT_KEY", "9").set("NOTICES", notices);
        stage.set("CALLBACK_NUMBER", "+12125550100")
    };
    let api = Api::with(stage).await;
    let say = |part: Value| json!({ "steps": [{ "say": [part, "Hello."] }] });
    let ask = |key: &str| json!({ "steps": [{ "id": "a", "ask": "A?", "options": { key: {} } }] });
    let transfer = |to: &str| json!({ "steps": [{ "id": "t", "transfer": { "to": to } }] });
    let german = json!({ "language": "de-DE" });
    for (changes, code, fields) in [
        (
            say(json!("{{ a")),
            "validation_failed",
            vec!["steps[0].say[0]"],
        ),
        (
            say(json!("{% a %}")),
            "validation_failed",
            vec!["steps[0].say[0]"],
        ),
        (
            say(json!({ "ssml": "{{ a | b }}" })),
            "validation_failed",
            vec!["steps[0].say[0].ssml"],
        ),
        (
            say(json!({ "spell": "{{ a }}" })),
            "validation_failed",
            vec!["steps[0].say[0].spell"],
        ),
        (
            json!({ "voicemail": { "action": "leave_message", "message": "{{ 1 }}" } }),
            "validation_failed",
            vec!["voicemail.message"],
        ),
        (
            json!({ "script": "Hello." }),
            "validation_failed",
            vec!["steps"],
        ),
        (
            json!({ "steps": null }),
            "validation_failed",
            vec!["script"],
        ),
        (
            json!({ "transcribe": true }),
            "validation_failed",
            vec!["transcribe"],
        ),
        (
            json!({ "machine_detection": "Enable" }),
            "validation_failed",
            vec!["voicemail"],
        ),
        (
            json!({ "transcribe": true, "recording_enabled": true }),
            "transcription_unavailable",
            vec!["transcribe"],
        ),
        (
            say(json!({ "text": "Hi.", "voice": "Polly.Amy-Generative" })),
            "voice_not_allowed",
            vec!["steps[0].say[0].voice"],
        ),
        (
            say(json!({ "ssml": "<p>A</p>" })),
            "validation_failed",
            vec!["steps[0].say[0].ssml"],
        ),
        (ask("9"), "validation_failed", vec!["steps[0].options.9"]),
        (german, "validation_failed", vec!["language"]),
        (
            say(json!({ "text": "Hi.", "audio_url": "https://a.example.com/a.wav" })),
            "validation_failed",
            vec!["steps[0].say[0].audio_url"],
        ),
        (
            transfer("+442079460000"),
            "country_not_allowed",
            vec!["steps[0].transfer.to"],
        ),
        (
            transfer(testkit::FROM_NUMBER),
            "own_number",
            vec!["steps[0].transfer.to"],
        ),
        (
            json!({ "voicemail": null, "retry": { "max_attempts": 2, "on": ["voicemail"] } }),
            "validation_failed",
            vec!["retry.on"],
        ),
    ] {
        let answer = refused(&api, changes.clone()).await;
        answer.assert_problem(422, code);
        assert_eq!(answer.fields(), fields, "{changes}: {}", answer.text());
    }
    assert_eq!(api.stage.count("batches").await, 0);
}

#[tokio::test]
async fn rendered_words_obey_the_rules_of_calls_by_path() {
    let api = Api::with(|stage| stage.set("MAX_SPEECH_PRICE", "0.02")).await;
    let id = api.batch_of(&body(&api)).await;
    let of = |nth, name: &str, time: &str| json!({ "to_number": number(nth), "variables": { "first_name": name, "time": time } });
    let recipients = json!([
        of(0, "Ada", "nine"),
        of(1, &"a".repeat(1_000), &"b".repeat(1_000)),
        of(2, "Ada", "\u{202e}nine"),
        { "to_number": "12", "variables": { "first_name": "Ada" } },
    ]);
    let answer = api.add(&id, &recipients).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(
        answer.fields(),
        [
            "recipients[1].steps",
            "recipients[3].to_number",
            "recipients[3].variables"
        ],
        "{}",
        answer.text()
    );
    assert_eq!(api.stage.count("calls").await, 0);
}

#[tokio::test]
async fn words_that_become_too_long_are_named_by_path() {
    let api = Api::new().await;
    let mut body = body(&api);
    body["voicemail"] = Value::Null;
    body["steps"] = json!([
        { "say": "{{ a }}{{ a }}{{ a }}{{ a }}" },
        { "say": { "ssml": "{{ a | upper }}{{ a }}{{ a }}{{ a }}", "voice": "Polly.Joanna" } },
        { "say": "Hello." },
    ]);
    let id = api.batch_of(&body).await;
    let recipient = json!({ "to_number": number(0), "variables": { "a": "&".repeat(1_000) } });
    let answer = api.add(&id, &json!([recipient])).await;
    answer.assert_problem(422, "validation_failed");
    let fields = [
        "recipients[0].steps[0].say",
        "recipients[0].steps[1].say.ssml",
    ];
    assert_eq!(answer.fields(), fields, "{}", answer.text());
    let blank = json!({ "to_number": number(0), "variables": { "a": " " } });
    let answer = api.add(&id, &json!([blank])).await;
    assert_eq!(answer.fields(), fields, "{}", answer.text());
}

#[tokio::test]
async fn transfers_obey_the_block_list_for_every_recipient() {
    let api = Api::new().await;
    let mut body = body(&api);
    body["steps"] = json!([{ "id": "t", "transfer": { "to": "+12125550199" } }]);
    body["voicemail"] = Value::Null;
    let id = api.batch_of(&body).await;
    let of = |to: &str| json!([{ "to_number": to }]);
    let answer = api.add(&id, &of("+12125550199")).await;
    assert_eq!(answer.fields(), ["recipients[0].steps[0].transfer.to"]);
    assert_eq!(api.add(&id, &of(&number(0))).await.status, 200);
    let call = &api.calls().await[0];
    let lines = call.get_array("transfer_lines").unwrap();
    assert!(format!("{lines:?}").contains("+12125550199"), "{lines:?}");
    let blocked = api
        .stage
        .database()
        .collection::<Document>("blocked_numbers");
    let entry = doc! { "number": "+12125550199", "created_at": DateTime::now() };
    blocked.insert_one(entry).await.unwrap();
    let answer = api.add(&id, &of(&number(1))).await;
    assert_eq!(
        answer.fields(),
        ["recipients[0].steps[0].transfer.to"],
        "{}",
        answer.text()
    );
    let answer = refused(&api, body).await;
    answer.assert_problem(422, "number_blocked");
}

#[tokio::test]
async fn repeated_request_with_steps_creates_one_batch() {
    let api = Api::new().await;
    let create = async |body: Value| {
        let request = Request::post("/batches", &body).header("idempotency-key", "k");
        request.send(&api.router).await
    };
    let first = create(body(&api)).await;
    let again = create(body(&api)).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(
        text(&first.json()["batch_id"]),
        text(&again.json()["batch_id"])
    );
    let mut other = body(&api);
    other["steps"][0]["say"] = json!("Good morning.");
    create(other)
        .await
        .assert_problem(422, "idempotency_key_reused");
}
