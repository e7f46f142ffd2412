//! Transcripts of recordings: the Intelligence API, the spoken sentences, and the webhook.

use std::time::Instant;

use http::StatusCode;
use serde_json::{Value, json};
use twilio_sim::intelligence::parse_service;
use twilio_sim::webhook::signature::sign;

use crate::recordings::recorded;
use crate::support::{App, DEADLINE, DataFile, LISTENER, Process, Sim};

const SERVICE: &str = "GAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TALK: &str = "<Response><Say>Hello. This is a test.</Say><Pause length=\"20\"/></Response>";
const TALKER: &str = "+12125550129";
const FAILS: &str = "+12125550130";
const DUAL: [(&str, &str); 1] = [("RecordingChannels", "dual")];

async fn sim(webhook: Option<&str>, as_form: bool) -> Sim {
    let url = webhook.map(|url| format!(",{url}")).unwrap_or_default();
    let service = parse_service(&format!("{SERVICE},en-US{url}")).unwrap();
    Sim::with(|config| {
        config.intelligence.services = vec![service];
        config.intelligence.form_webhooks = as_form;
    })
    .await
}

impl Sim {
    async fn v2(&self, path: &str) -> (StatusCode, Value) {
        let url = format!("{}/v2{path}", self.origin);
        self.send(self.client.get(url)).await
    }

    async fn transcribe(&self, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = format!("{}/v2/Transcripts", self.origin);
        self.send(self.client.post(url).form(form)).await
    }

    async fn transcript_of(&self, recording: &str) -> String {
        let channel = json!({ "media_properties": { "source_sid": recording } }).to_string();
        let form = [
            ("ServiceSid", SERVICE),
            ("Channel", channel.as_str()),
            ("CustomerKey", "key-1"),
        ];
        let (status, transcript) = self.transcribe(&form).await;
        assert_eq!(
            (status, &transcript["status"]),
            (StatusCode::CREATED, &json!("queued"))
        );
        transcript["sid"].as_str().unwrap().to_owned()
    }

    async fn ended(&self, sid: &str) -> Value {
        let begun = Instant::now();
        loop {
            let (_, transcript) = self.v2(&format!("/Transcripts/{sid}")).await;
            if transcript["status"] == "completed" || transcript["status"] == "failed" {
                return transcript;
            }
            assert!(begun.elapsed() < DEADLINE, "{transcript}");
            tokio::task::yield_now().await;
        }
    }

    async fn sentences(&self, sid: &str) -> Vec<(u64, String)> {
        let (_, list) = self.v2(&format!("/Transcripts/{sid}/Sentences")).await;
        let all = list["sentences"].as_array().unwrap();
        all.iter()
            .map(|one| {
                let text = one["transcript"].as_str().unwrap();
                (one["media_channel"].as_u64().unwrap(), text.to_owned())
            })
            .collect()
    }
}

#[tokio::test]
async fn transcript_has_the_words_of_both_sides() {
    let (sim, app) = (sim(None, false).await, App::with_twiml(TALK).await);
    let (_, recording) = recorded(&sim, &app, TALKER, &DUAL).await;
    let sid = sim.transcript_of(&recording).await;
    let transcript = sim.ended(&sid).await;
    assert_eq!(transcript["status"], "completed");
    assert_eq!(transcript["language_code"], "en-US");
    assert_eq!(transcript["customer_key"], "key-1");
    let said = |channel, text: &str| (channel, text.to_owned());
    assert_eq!(
        sim.sentences(&sid).await,
        [
            said(2, "Hello."),
            said(2, "This is a test."),
            said(1, "Hello?"),
            said(1, "Yes, that works for me."),
            said(1, "Thank you."),
        ]
    );
}

#[tokio::test]
async fn mono_recording_has_one_channel() {
    let (sim, app) = (sim(None, false).await, App::with_twiml(TALK).await);
    let (_, recording) = recorded(&sim, &app, TALKER, &[]).await;
    let sid = sim.transcript_of(&recording).await;
    sim.ended(&sid).await;
    let sentences = sim.sentences(&sid).await;
    assert!(
        sentences.iter().all(|(channel, _)| *channel == 1),
        "{sentences:?}"
    );
}

#[tokio::test]
async fn unknown_recording_and_failing_number_have_failed_transcripts() {
    let (sim, app) = (sim(None, false).await, App::with_twiml(TALK).await);
    let (_, recording) = recorded(&sim, &app, FAILS, &DUAL).await;
    for source in [&recording, "RE00000000000000000000000000000000"] {
        let sid = sim.transcript_of(source).await;
        assert_eq!(sim.ended(&sid).await["status"], "failed");
        assert!(sim.sentences(&sid).await.is_empty());
    }
}

#[tokio::test]
async fn malformed_transcripts_are_refused() {
    let sim = sim(None, false).await;
    let channel = json!({ "media_properties": { "source_sid": "RE1" } }).to_string();
    let long = "k".repeat(65);
    for (form, expected) in [
        (vec![("ServiceSid", SERVICE)], 400),
        (vec![("ServiceSid", SERVICE), ("Channel", "{}")], 400),
        (vec![("ServiceSid", "GA1"), ("Channel", &channel)], 404),
        (
            vec![
                ("ServiceSid", SERVICE),
                ("Channel", &channel),
                ("CustomerKey", &long),
            ],
            400,
        ),
    ] {
        let (status, error) = sim.transcribe(&form).await;
        assert_eq!(status.as_u16(), expected, "{form:?}: {error}");
    }
}

#[tokio::test]
async fn webhook_is_signed_as_json_or_as_a_form() {
    for as_form in [false, true] {
        let app = App::with_twiml(TALK).await;
        let sim = sim(Some(&app.url("/transcript?x=1")), as_form).await;
        let (_, recording) = recorded(&sim, &app, LISTENER, &DUAL).await;
        let sid = sim.transcript_of(&recording).await;
        let hit = app.wait("/transcript", 1).await.remove(0);
        let url = format!("{}?{}", app.url("/transcript"), hit.query);
        assert_eq!(hit.query.contains("bodySHA256="), !as_form, "{}", hit.query);
        let signed = if as_form { hit.form.as_slice() } else { &[] };
        assert_eq!(
            hit.header("x-twilio-signature"),
            sign(&sim.token, &url, signed)
        );
        let params: Value = if as_form {
            json!(hit.params())
        } else {
            let body = &hit.form[0].0;
            serde_json::from_str(body).unwrap()
        };
        assert_eq!(
            params["event_type"],
            "voice_intelligence_transcript_available"
        );
        assert_eq!(params["transcript_sid"], sid.as_str());
        assert_eq!(params["customer_key"], "key-1");
        assert!(params.get("status").is_none());
    }
}

#[tokio::test]
async fn transcripts_are_found_by_their_recording_until_they_are_deleted() {
    let (sim, app) = (sim(None, false).await, App::with_twiml(TALK).await);
    let (_, recording) = recorded(&sim, &app, LISTENER, &DUAL).await;
    let (first, second) = (
        sim.transcript_of(&recording).await,
        sim.transcript_of(&recording).await,
    );
    let list = format!("/Transcripts?SourceSid={recording}&PageSize=1");
    let (_, page) = sim.v2(&list).await;
    assert_eq!(
        page["transcripts"][0]["sid"],
        second.as_str(),
        "newest first"
    );
    let next = page["meta"]["next_page_url"].as_str().unwrap();
    let (_, page) = sim.send(sim.client.get(next)).await;
    assert_eq!(page["transcripts"][0]["sid"], first.as_str());
    assert_eq!(page["meta"]["next_page_url"], Value::Null);
    let url = format!("{}/v2/Transcripts/{first}", sim.origin);
    for expected in [204, 404] {
        let (status, _) = sim.send(sim.client.delete(&url)).await;
        assert_eq!(status.as_u16(), expected);
    }
    let (_, page) = sim.v2(&list).await;
    assert_eq!(page["meta"]["next_page_url"], Value::Null);
}

#[tokio::test]
async fn service_keeps_its_language() {
    let sim = sim(None, false).await;
    let post = |path: String, form: Vec<(&'static str, &'static str)>| {
        let url = format!("{}/v2/Services{path}", sim.origin);
        sim.send(sim.client.post(url).form(&form))
    };
    let new = vec![("UniqueName", "calls-de"), ("LanguageCode", "de-DE")];
    let (status, service) = post(String::new(), new.clone()).await;
    assert_eq!(
        (status.as_u16(), &service["language_code"]),
        (201, &json!("de-DE"))
    );
    assert_eq!(post(String::new(), new).await.0.as_u16(), 400);
    let sid = service["sid"].as_str().unwrap();
    let change = vec![
        ("WebhookUrl", "https://a.example/t"),
        ("LanguageCode", "en-US"),
    ];
    let (_, service) = post(format!("/{sid}"), change).await;
    assert_eq!(service["language_code"], "de-DE");
    assert_eq!(service["webhook_url"], "https://a.example/t");
    let (_, list) = sim.v2("/Services").await;
    assert_eq!(list["services"].as_array().unwrap().len(), 2);
    assert_eq!(sim.v2("/Services/GA1").await.0.as_u16(), 404);
}

#[tokio::test]
async fn transcript_survives_a_restart() {
    let data = DataFile::new();
    let process = Process::start(&data).await;
    let url = format!("{}/v2/Services", process.sim.origin);
    let request = process
        .sim
        .client
        .post(url)
        .form(&[("UniqueName", "calls")]);
    let (_, service) = process.sim.send(request).await;
    let channel = r#"{"media_properties": {"source_sid": "RE1"}}"#;
    let form = [
        ("ServiceSid", service["sid"].as_str().unwrap()),
        ("Channel", channel),
    ];
    let (_, transcript) = process.sim.transcribe(&form).await;
    let sid = transcript["sid"].as_str().unwrap();
    process.end().await;
    let sim = data.sim().await;
    assert_eq!(sim.ended(sid).await["status"], "failed");
}
