//! The Transcripts resource and its sentences.

use std::sync::Arc;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::list;
use super::services::{self, PAGE_MAX};
use crate::intelligence;
use crate::model::{Sentence, Transcript, new_sid};
use crate::rest::error::RestError;
use crate::rest::params::Params;
use crate::sim::Sim;

/// The largest page size of sentences.
const SENTENCES_MAX: usize = 5_000;
/// The longest customer key.
const KEY_MAX: usize = 64;

/// Creates a transcript, also if the recording already has one. It is made in the background.
pub(super) fn create(sim: &Arc<Sim>, form: &Params) -> Result<Value, RestError> {
    let service = form.get("ServiceSid").unwrap_or_default();
    let channel = form.get("Channel").unwrap_or_default();
    let channel: Value = serde_json::from_str(channel)
        .map_err(|_| RestError::bad(20001, "Channel must be a JSON object"))?;
    let source = channel["media_properties"]["source_sid"].as_str();
    let source = source.filter(|sid| sid.starts_with("RE")).ok_or_else(|| {
        RestError::bad(
            20001,
            "Channel must have media_properties.source_sid, which is the SID of a recording",
        )
    })?;
    let key = form.get("CustomerKey");
    if key.is_some_and(|key| key.len() > KEY_MAX) {
        return Err(RestError::bad(20001, "CustomerKey is too long"));
    }
    let now = Utc::now();
    let mut tables = sim.store.lock();
    let found = tables.service(service);
    let service = found.ok_or_else(|| services::missing(service))?;
    let transcript = Transcript {
        sid: new_sid("GT"),
        service_sid: service.sid.clone(),
        source_sid: source.to_owned(),
        customer_key: key.map(str::to_owned),
        language: service.language.clone(),
        media_start_time: form.get("MediaStartTime").map(str::to_owned),
        status: "queued".into(),
        created: now,
        updated: now,
        seconds: None,
        sentences: Vec::new(),
        channel,
    };
    tables.put_transcript(transcript.clone());
    drop(tables);
    intelligence::start(sim, transcript.sid.clone());
    Ok(document(sim, &transcript))
}

/// Lists the transcripts, newest first.
pub(super) fn list(sim: &Sim, query: &Params) -> Result<Value, RestError> {
    let tables = sim.store.lock();
    let matching = tables.transcripts().filter(|own| {
        [
            ("ServiceSid", own.service_sid.as_str()),
            ("SourceSid", &own.source_sid),
            ("Status", &own.status),
            ("LanguageCode", &own.language),
        ]
        .iter()
        .all(|(name, value)| query.get(name).is_none_or(|wanted| wanted == *value))
    });
    let (path, key) = ("/v2/Transcripts", "transcripts");
    list::page(sim, path, key, (query, PAGE_MAX), matching, |own| {
        document(sim, own)
    })
}

/// Returns a transcript.
pub(super) fn fetch(sim: &Sim, sid: &str) -> Result<Value, RestError> {
    let tables = sim.store.lock();
    let transcript = tables.transcript(sid).ok_or_else(|| missing(sid))?;
    Ok(document(sim, transcript))
}

/// Deletes a transcript.
pub(super) fn delete(sim: &Sim, sid: &str) -> Result<(), RestError> {
    if !sim.store.lock().delete_transcript(sid) {
        return Err(missing(sid));
    }
    let detail = json!({ "transcript_sid": sid, "status": "deleted" });
    sim.log.write("transcript", None, detail);
    Ok(())
}

/// Returns the sentences of a transcript: none until it is complete.
pub(super) fn sentences(sim: &Sim, sid: &str, query: &Params) -> Result<Value, RestError> {
    let tables = sim.store.lock();
    let transcript = tables.transcript(sid).ok_or_else(|| missing(sid))?;
    let with_words = query.flag("WordTimestamps")?;
    let path = format!("/v2/Transcripts/{sid}/Sentences");
    let all = transcript.sentences.iter().enumerate();
    let sizes = (query, SENTENCES_MAX);
    list::page(sim, &path, "sentences", sizes, all, |(index, own)| {
        sentence(index, own, with_words)
    })
}

fn sentence(index: usize, sentence: &Sentence, with_words: bool) -> Value {
    let word = |word| json!({ "word": word, "start_time": null, "end_time": null });
    let words: Vec<_> = sentence.text.split_whitespace().map(word).collect();
    json!({
        "confidence": 0.92,
        "end_time": sentence.end,
        "media_channel": sentence.channel,
        "sentence_index": index,
        "sid": sentence.sid,
        "start_time": sentence.start,
        "transcript": sentence.text,
        "words": with_words.then_some(words),
    })
}

fn missing(sid: &str) -> RestError {
    RestError::not_found(&format!("/v2/Transcripts/{sid}"))
}

fn document(sim: &Sim, transcript: &Transcript) -> Value {
    let url = format!("{}/v2/Transcripts/{}", sim.origin, transcript.sid);
    json!({
        "account_sid": sim.config.account_sid,
        "channel": transcript.channel,
        "customer_key": transcript.customer_key,
        "data_logging": false,
        "date_created": transcript.created.to_rfc3339_opts(SecondsFormat::Secs, true),
        "date_updated": transcript.updated.to_rfc3339_opts(SecondsFormat::Secs, true),
        "duration": transcript.seconds,
        "encryption_credential_sid": null,
        "language_code": transcript.language,
        "links": {
            "media": format!("{url}/Media"),
            "operator_results": format!("{url}/OperatorResults"),
            "sentences": format!("{url}/Sentences"),
        },
        "media_start_time": transcript.media_start_time,
        "redaction": false,
        "service_sid": transcript.service_sid,
        "sid": transcript.sid,
        "status": transcript.status,
        "url": url,
    })
}
