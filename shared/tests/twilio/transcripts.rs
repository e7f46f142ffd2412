//! Tests the requests to Twilio's Intelligence API.

use outdial::{
    domain::{CallId, Transcript, TranscriptSid, TranscriptionServices},
    twilio::TwilioError,
};
use serde_json::{Value, json};

use crate::server::{Reply, Server, client, impatient};
use crate::support::{RECORDING, recording_sid};

const TRANSCRIPT: &str = "GT0123456789abcdef0123456789abcdef";
const SERVICE: &str = "GA0123456789abcdef0123456789abcdef";

fn transcript_sid() -> TranscriptSid {
    TRANSCRIPT.parse().unwrap()
}

fn services() -> TranscriptionServices {
    format!(r#"{{"en-US": "{SERVICE}"}}"#).parse().unwrap()
}

fn transcript(status: &str) -> String {
    json!({ "sid": TRANSCRIPT, "status": status, "redaction": false }).to_string()
}

#[tokio::test]
async fn transcript_is_requested_once_with_the_call_as_its_key() {
    let services = services();
    let service = services.of(&"en-US".parse().unwrap()).unwrap();
    let id = CallId::generate();
    let server = Server::start([Reply::http(201, transcript("queued"))]).await;
    let client = server.client();
    let made = client
        .create_transcript(service, &recording_sid(), id)
        .await
        .unwrap();
    assert_eq!(made.sid, transcript_sid());
    assert!(!made.is_completed() && !made.has_failed());
    let request = server.request();
    assert_eq!(request.line, "POST /v2/Transcripts HTTP/1.1");
    let form: Vec<_> = form_urlencoded::parse(request.body.as_bytes())
        .into_owned()
        .collect();
    let channel = json!({ "media_properties": { "source_sid": RECORDING } });
    let expected = [
        ("ServiceSid", SERVICE.to_owned()),
        ("Channel", channel.to_string()),
        ("CustomerKey", id.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    assert_eq!(form, expected);

    for reply in [Reply::HalfClose, Reply::http(500, ""), Reply::Stall] {
        let server = Server::start([reply]).await;
        let client = crate::server::client(server.address, impatient());
        let lost = client
            .create_transcript(service, &recording_sid(), id)
            .await;
        assert!(matches!(lost, Err(TwilioError::Unavailable(_))), "{lost:?}");
        assert_eq!(
            server.requests().len(),
            1,
            "a repeat could make another one"
        );
    }
}

#[tokio::test]
async fn transcripts_of_a_recording_are_listed() {
    let page = json!({
        "transcripts": [{ "sid": TRANSCRIPT, "status": "in-progress" }],
        "meta": { "next_page_url": null, "key": "transcripts" },
    });
    let server = Server::start([Reply::http(200, page.to_string())]).await;
    let listed = server.client().list_transcripts(&recording_sid()).await;
    let listed = listed.unwrap();
    assert_eq!((listed.len(), &listed[0].sid), (1, &transcript_sid()));
    assert_eq!(
        server.request().line,
        format!("GET /v2/Transcripts?SourceSid={RECORDING}&PageSize=50 HTTP/1.1")
    );
}

fn page(sentences: usize, text: &str, next: Option<&str>) -> Reply {
    let sentence = json!({ "media_channel": 1, "transcript": text, "start_time": 1.5 });
    let sentences: Vec<Value> = vec![sentence; sentences];
    let next = next.map(|query| {
        format!("https://intelligence.twilio.com/v2/Transcripts/{TRANSCRIPT}/Sentences?{query}")
    });
    let page = json!({ "sentences": sentences, "meta": { "next_page_url": next } });
    Reply::http(200, page.to_string())
}

#[tokio::test]
async fn sentences_are_read_page_by_page_from_the_same_host() {
    let pages = [
        page(2, "Yes.", Some("Page=1&PageToken=x")),
        page(1, "No.", None),
    ];
    let server = Server::start(pages).await;
    let heard = server.client().list_sentences(&transcript_sid()).await;
    let heard = heard.unwrap();
    assert_eq!((heard.sentences.len(), heard.truncated), (3, false));
    assert_eq!(heard.sentences[2].text, "No.");
    assert_eq!(heard.sentences[0].start_ms, Some(1_500));
    let lines: Vec<_> = server.requests().into_iter().map(|it| it.line).collect();
    assert_eq!(
        lines,
        [
            format!("GET /v2/Transcripts/{TRANSCRIPT}/Sentences?PageSize=1000 HTTP/1.1"),
            format!("GET /v2/Transcripts/{TRANSCRIPT}/Sentences?Page=1&PageToken=x HTTP/1.1"),
        ]
    );
}

#[tokio::test]
async fn sentences_beyond_the_limits_are_left_out() {
    let endless = Server::start([page(1_000, "Yes.", Some("Page=1"))]).await;
    let heard = endless.client().list_sentences(&transcript_sid()).await;
    let heard = heard.unwrap();
    assert!(heard.truncated);
    assert_eq!(heard.sentences.len(), Transcript::SENTENCES_MAX);
    assert_eq!(endless.requests().len(), 11);

    let long = "y".repeat(100_000);
    let server = Server::start([page(20, &long, None)]).await;
    let heard = server.client().list_sentences(&transcript_sid()).await;
    let heard = heard.unwrap();
    assert!(heard.truncated);
    let bytes: usize = heard.sentences.iter().map(|it| it.text.len()).sum();
    assert!(bytes <= Transcript::TEXT_MAX_BYTES, "{bytes}");

    let empty = Server::start([page(0, "", Some("Page=1"))]).await;
    let heard = empty.client().list_sentences(&transcript_sid()).await;
    assert!(heard.unwrap().sentences.is_empty());
    assert_eq!(empty.requests().len(), 1, "an empty page ends the list");
}

#[tokio::test]
async fn deleting_a_missing_transcript_succeeds() {
    for reply in [
        Reply::http(204, ""),
        Reply::refusal(404, 20404, "not found"),
    ] {
        let server = Server::start([reply]).await;
        let client = client(server.address, impatient());
        client.delete_transcript(&transcript_sid()).await.unwrap();
        assert_eq!(
            server.request().line,
            format!("DELETE /v2/Transcripts/{TRANSCRIPT} HTTP/1.1")
        );
    }
}
