//! Transcripts in Twilio's Intelligence API: asking for one, its status and its sentences, deleting it.

use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::{
    TwilioClient, TwilioError,
    attempt::{Failure, RetryPolicy, UNREADABLE, parse},
};
use crate::domain::{CallId, HeardSentence, RecordingSid, ServiceSid, Transcript, TranscriptSid};

/// The page size for transcripts of one recording, of which there are few.
const PAGE_SIZE: &str = "50";
/// The page size for sentences, of 400 bytes each. Twilio's maximum is 5,000.
const SENTENCES_IN_A_PAGE: &str = "1000";

/// A transcript at Twilio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptDetails {
    /// Twilio's id.
    pub sid: TranscriptSid,
    /// Twilio's status: queued, in-progress, completed, failed, ….
    pub status: String,
}

impl TranscriptDetails {
    /// Returns true if its sentences can be read.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.status == "completed"
    }

    /// Returns true if Twilio has given up. An unknown status may still change.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "canceled" | "error")
    }
}

/// The sentences of a transcript, in Twilio's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeardSentences {
    /// The first ones, within the limits of [`Transcript`].
    pub sentences: Vec<HeardSentence>,
    /// True if there are more.
    pub truncated: bool,
}

impl TwilioClient {
    /// Asks for a transcript of a recording, once: the request has no idempotency key, so a repeat makes another transcript. After
    /// [`TwilioError::Unavailable`], the transcript may exist.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`].
    pub async fn create_transcript(
        &self,
        service: &ServiceSid,
        recording: &RecordingSid,
        call: CallId,
    ) -> Result<TranscriptDetails, TwilioError> {
        let policy = RetryPolicy {
            attempts: 1,
            ..self.read_policy()
        };
        let channel = json!({ "media_properties": { "source_sid": recording.as_str() } });
        let form = [
            ("ServiceSid", service.as_str().to_owned()),
            ("Channel", channel.to_string()),
            ("CustomerKey", call.to_string()),
        ];
        let url = self.rest.intelligence(&["Transcripts"]);
        let body = self.rest.send(policy, Method::POST, &url, &form).await?;
        details(parse(&body)?)
    }

    /// Lists the transcripts of a recording, newest first.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`].
    pub async fn list_transcripts(
        &self,
        recording: &RecordingSid,
    ) -> Result<Vec<TranscriptDetails>, TwilioError> {
        let mut url = self.rest.intelligence(&["Transcripts"]);
        url.query_pairs_mut()
            .append_pair("SourceSid", recording.as_str())
            .append_pair("PageSize", PAGE_SIZE);
        let page: Page<TranscriptResource> = self.read(&url).await?;
        page.items.into_iter().map(details).collect()
    }

    /// Returns the transcript with this SID.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`]; a refusal with status 404 if there is none.
    pub async fn get_transcript_details(
        &self,
        sid: &TranscriptSid,
    ) -> Result<TranscriptDetails, TwilioError> {
        let url = self.rest.intelligence(&["Transcripts", sid.as_str()]);
        details(self.read(&url).await?)
    }

    /// Returns the sentences of a completed transcript.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`].
    pub async fn list_sentences(&self, sid: &TranscriptSid) -> Result<HeardSentences, TwilioError> {
        let mut url = self
            .rest
            .intelligence(&["Transcripts", sid.as_str(), "Sentences"]);
        url.query_pairs_mut()
            .append_pair("PageSize", SENTENCES_IN_A_PAGE);
        let mut heard = HeardSentences::default();
        let mut bytes = 0;
        loop {
            let page: Page<SentenceResource> = self.read(&url).await?;
            let is_empty = page.items.is_empty();
            for sentence in page.items {
                let sentence = HeardSentence::from(sentence);
                bytes += sentence.text.len();
                if heard.sentences.len() >= Transcript::SENTENCES_MAX
                    || bytes > Transcript::TEXT_MAX_BYTES
                {
                    heard.truncated = true;
                    return Ok(heard);
                }
                heard.sentences.push(sentence);
            }
            match page.meta.next_page_url {
                // An empty page ends a list that would go on for ever.
                Some(next) if !is_empty => url = self.rest.follow_intelligence(&next)?,
                _ => return Ok(heard),
            }
        }
    }

    /// Deletes a transcript. Succeeds if Twilio has no such transcript.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`].
    pub async fn delete_transcript(&self, sid: &TranscriptSid) -> Result<(), TwilioError> {
        let url = self.rest.intelligence(&["Transcripts", sid.as_str()]);
        self.delete(&url).await
    }

    async fn read<T: DeserializeOwned>(&self, url: &Url) -> Result<T, TwilioError> {
        let body = self
            .rest
            .send(self.read_policy(), Method::GET, url, &[])
            .await?;
        Ok(parse(&body)?)
    }
}

/// A transcript in the API's JSON.
#[derive(Deserialize)]
struct TranscriptResource {
    sid: Option<String>,
    status: Option<String>,
}

fn details(resource: TranscriptResource) -> Result<TranscriptDetails, TwilioError> {
    let sid = resource.sid.and_then(|sid| sid.parse().ok());
    match (sid, resource.status) {
        (Some(sid), Some(status)) => Ok(TranscriptDetails { sid, status }),
        _ => Err(Failure::Unusable(UNREADABLE).into()),
    }
}

/// A page of a list. Twilio names the items by their type.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(alias = "transcripts", alias = "sentences")]
    items: Vec<T>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    next_page_url: Option<String>,
}

/// A sentence in the API's JSON. Numbers may be strings or null.
#[derive(Deserialize)]
struct SentenceResource {
    #[serde(default)]
    media_channel: Value,
    #[serde(default)]
    transcript: Option<String>,
    #[serde(default)]
    start_time: Value,
    #[serde(default)]
    end_time: Value,
    #[serde(default)]
    confidence: Value,
}

impl From<SentenceResource> for HeardSentence {
    fn from(sentence: SentenceResource) -> Self {
        let text = sentence.transcript.unwrap_or_default();
        let text = text.replace(char::is_control, " ");
        let channel = number(&sentence.media_channel).and_then(rounded);
        Self {
            channel: channel.unwrap_or_default(),
            text,
            start_ms: number(&sentence.start_time).and_then(millis),
            end_ms: number(&sentence.end_time).and_then(millis),
            confidence: number(&sentence.confidence).filter(|share| (0.0..=1.0).contains(share)),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    }
}

fn millis(seconds: f64) -> Option<i64> {
    rounded(seconds * 1_000.0)
}

/// Rounds a number from 0 to a billion.
fn rounded(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "the range fits")]
    (0.0..=1e9)
        .contains(&number)
        .then_some(number.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(sentence: Value) -> HeardSentence {
        serde_json::from_value::<SentenceResource>(sentence)
            .unwrap()
            .into()
    }

    #[test]
    fn numbers_of_a_sentence_may_be_strings_or_missing() {
        let numbers = heard(json!({
            "media_channel": 2, "transcript": "Yes.", "start_time": 1.2345, "end_time": 2, "confidence": 0.9,
        }));
        let strings = heard(json!({
            "media_channel": "2", "transcript": "Yes.", "start_time": "1.2345", "end_time": "2.0", "confidence": "0.9",
        }));
        assert_eq!(numbers, strings);
        assert_eq!(
            (numbers.channel, numbers.start_ms, numbers.end_ms),
            (2, Some(1235), Some(2000))
        );
        assert_eq!(numbers.confidence, Some(0.9));
        let missing = heard(
            json!({ "transcript": null, "start_time": null, "end_time": "soon", "confidence": 17 }),
        );
        assert_eq!((missing.channel, missing.text.as_str()), (0, ""));
        assert_eq!(
            (missing.start_ms, missing.end_ms, missing.confidence),
            (None, None, None)
        );
    }

    #[test]
    fn control_characters_are_blanks() {
        assert_eq!(heard(json!({ "transcript": "a\u{7}\nb" })).text, "a  b");
    }
}
