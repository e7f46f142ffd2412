//! Transcripts of recordings: asks Twilio for each once, and stores its sentences.
//!
//! Any run may die anywhere, and runs may overlap. `asked_at` is stored before the request, which has no idempotency key. If its
//! response was lost, a later run looks for the transcript at Twilio before it asks again.

use std::{sync::Arc, time::Duration};

use bson::DateTime;

use crate::{
    config::{ConfigError, Settings, TranscriptionConfig},
    dao::{Dao, DaoError},
    domain::{
        Call, HeardSentence, Recording, RecordingStatus, Sentence, Steps, Transcript,
        TranscriptSid, TranscriptStatus, Words, speakers,
    },
    twilio::{TwilioClient, TwilioError},
};

/// The time after a request whose response was lost in which Twilio's list may lack the transcript.
const UNLISTED: Duration = Duration::from_mins(10);
/// The time after which a transcript that Twilio does not finish counts as failed.
const LONGEST: Duration = Duration::from_hours(24);

/// Makes the transcripts of calls.
#[derive(Clone)]
pub struct Transcriber {
    dao: Dao,
    twilio: Arc<TwilioClient>,
    config: Arc<TranscriptionConfig>,
}

/// How far the transcripts of a call are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All have ended.
    Settled,
    /// Twilio, or another run, is still at work.
    Waiting,
}

/// Why a transcript was not brought further. The next run tries again.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DaoError),
    /// Twilio failed.
    #[error(transparent)]
    Twilio(#[from] TwilioError),
}

impl Transcriber {
    /// Builds the service. Connects to nothing. `None` without `TRANSCRIPTION_SERVICES`.
    ///
    /// # Errors
    ///
    /// If a variable is malformed.
    pub fn from_settings(
        settings: &Settings,
        dao: &Dao,
        twilio: impl FnOnce() -> Result<Arc<TwilioClient>, Box<dyn std::error::Error + Send + Sync>>,
    ) -> Result<Option<Self>, Box<dyn std::error::Error + Send + Sync>> {
        let config: Result<_, ConfigError> = settings.transcription();
        let Some(config) = config? else {
            return Ok(None);
        };
        Ok(Some(Self {
            dao: dao.clone(),
            twilio: twilio()?,
            config: config.into(),
        }))
    }

    /// Brings the transcripts of a call as far as possible: asks Twilio for those that are missing, and stores those that are
    /// complete.
    ///
    /// # Errors
    ///
    /// See [`TranscriptError`].
    pub async fn advance(&self, call: &Call) -> Result<Progress, TranscriptError> {
        if !call.transcribe {
            return Ok(Progress::Settled);
        }
        let listed = self.dao.list_call_recordings(call.call_id).await?;
        let recordings = listed.unwrap_or_default();
        let mut progress = Progress::Settled;
        let mut settled = Vec::new();
        for recording in &recordings {
            let ended = match recording.status {
                RecordingStatus::Completed => self.advance_one(call, recording).await?,
                RecordingStatus::Processing => false,
                _ => true,
            };
            if ended {
                settled.push(recording.twilio_sid.clone());
            } else {
                progress = Progress::Waiting;
            }
        }
        if progress == Progress::Settled {
            self.dao.settle_transcripts(call.call_id, &settled).await?;
        }
        Ok(progress)
    }

    /// Returns true if the transcript has ended.
    async fn advance_one(
        &self,
        call: &Call,
        recording: &Recording,
    ) -> Result<bool, TranscriptError> {
        let service = self.config.service_for(call);
        let language = service.as_ref().map(|(language, _)| language.as_str());
        let wanted = self.dao.want_transcript(recording, call.call_id, language);
        let transcript = wanted.await?;
        if transcript.status != TranscriptStatus::Pending {
            return Ok(true);
        }
        let id = transcript.recording_id();
        let sid = match &transcript.twilio_sid {
            Some(sid) => Some(sid.clone()),
            None => match self.find_lost(&transcript, recording).await? {
                Found::Sid(sid) => Some(sid),
                Found::NotYet => return Ok(false),
                Found::Nothing => None,
            },
        };
        if let Some(sid) = sid {
            return self.fetch(call, &transcript, &sid).await;
        }
        let Some((_, service)) = service else {
            tracing::warn!("no transcription service for the call's language");
            self.dao.fail_transcript(id, "no_service").await?;
            return Ok(true);
        };
        let Some(asked_at) = self.dao.begin_transcript(&transcript).await? else {
            return Ok(false);
        };
        let sid = &recording.twilio_sid;
        let asked = self.twilio.create_transcript(&service, sid, call.call_id);
        match asked.await {
            Ok(made) => {
                tracing::info!(transcript_sid = %made.sid, "transcript requested");
                let kept = self.keep_or_delete(&transcript, &made.sid).await?;
                // The person may have been erased meanwhile.
                if kept && self.dao.get_recording(id).await?.is_none() {
                    self.twilio.delete_transcript(&made.sid).await?;
                    self.dao.delete_transcript(recording).await?;
                }
                Ok(false)
            }
            Err(TwilioError::Refused(refusal)) if refusal.http_status == Some(429) => {
                self.dao.withdraw_transcript(id, asked_at).await?;
                Err(TwilioError::Refused(refusal).into())
            }
            // Wrong credentials are no fault of the recording.
            Err(TwilioError::Refused(refusal))
                if matches!(refusal.http_status, Some(401 | 403)) =>
            {
                self.dao.withdraw_transcript(id, asked_at).await?;
                Err(TwilioError::Refused(refusal).into())
            }
            Err(TwilioError::Refused(refusal)) => {
                tracing::warn!(%refusal, "transcript refused");
                self.dao.fail_transcript(id, "refused").await?;
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at Twilio for a transcript that was asked for, if its SID is not known.
    async fn find_lost(
        &self,
        transcript: &Transcript,
        recording: &Recording,
    ) -> Result<Found, TranscriptError> {
        let Some(asked_at) = transcript.asked_at else {
            return Ok(Found::Nothing);
        };
        let listed = self.twilio.list_transcripts(&recording.twilio_sid).await?;
        // The oldest, so that every run finds the same one.
        if let Some(found) = listed.last() {
            tracing::info!(transcript_sid = %found.sid, "lost transcript found");
            let kept = self.keep_or_delete(transcript, &found.sid).await?;
            let sid = || Found::Sid(found.sid.clone());
            return Ok(if kept { sid() } else { Found::NotYet });
        }
        if is_younger(asked_at, UNLISTED) {
            return Ok(Found::NotYet);
        }
        Ok(Found::Nothing)
    }

    /// Stores Twilio's id of a transcript. If the recording was deleted meanwhile, or has another transcript, deletes this one at
    /// Twilio and returns false.
    async fn keep_or_delete(
        &self,
        transcript: &Transcript,
        sid: &TranscriptSid,
    ) -> Result<bool, TranscriptError> {
        let id = transcript.recording_id();
        if self.dao.record_transcript_sid(id, sid).await? {
            return Ok(true);
        }
        let stored = self.dao.get_transcript(id).await?;
        if stored.is_none_or(|stored| stored.twilio_sid.as_ref() != Some(sid)) {
            tracing::warn!(transcript_sid = %sid, "unwanted transcript deleted");
            self.twilio.delete_transcript(sid).await?;
        }
        Ok(false)
    }

    /// Stores the sentences of a transcript, once it is complete. Returns true if it has ended.
    async fn fetch(
        &self,
        call: &Call,
        transcript: &Transcript,
        sid: &TranscriptSid,
    ) -> Result<bool, TranscriptError> {
        let id = transcript.recording_id();
        let details = match self.twilio.get_transcript_details(sid).await {
            Ok(details) => details,
            Err(TwilioError::Refused(refusal)) if refusal.http_status == Some(404) => {
                self.dao.fail_transcript(id, "not_found").await?;
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        if details.is_completed() {
            let heard = self.twilio.list_sentences(sid).await?;
            let sentences = with_speakers(call, heard.sentences);
            let count = sentences.len();
            self.dao
                .complete_transcript(id, &sentences, heard.truncated)
                .await?;
            tracing::info!(transcript_sid = %sid, sentences = count, truncated = heard.truncated, "transcript stored");
            return Ok(true);
        }
        let reason = if details.has_failed() {
            details.status.as_str()
        } else if is_younger(transcript.created_at, LONGEST) {
            return Ok(false);
        } else {
            "timeout"
        };
        tracing::warn!(transcript_sid = %sid, reason, "transcript failed");
        self.dao.fail_transcript(id, reason).await?;
        Ok(true)
    }
}

/// What became of a transcript that was asked for.
enum Found {
    /// Twilio has it.
    Sid(TranscriptSid),
    /// It may still appear, or another run is at work.
    NotYet,
    /// Twilio was not asked, or certainly has none.
    Nothing,
}

fn is_younger(time: DateTime, age: Duration) -> bool {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let passed = DateTime::now().timestamp_millis() - time.timestamp_millis();
    passed < age
}

/// Deletes a recording and its transcript, first at Twilio.
///
/// # Errors
///
/// See [`TranscriptError`]. Parts may be deleted then: repeat it.
pub async fn delete_recording(
    dao: &Dao,
    twilio: &TwilioClient,
    recording: &Recording,
) -> Result<(), TranscriptError> {
    let id = recording.recording_id();
    let before = dao.get_transcript(id).await?;
    let known = before.as_ref().and_then(|it| it.twilio_sid.clone());
    if let Some(sid) = &known {
        twilio.delete_transcript(sid).await?;
    } else if before.is_some_and(|it| it.asked_at.is_some()) {
        for found in twilio.list_transcripts(&recording.twilio_sid).await? {
            twilio.delete_transcript(&found.sid).await?;
        }
    }
    twilio.delete_recording(&recording.twilio_sid).await?;
    dao.delete_transcript(recording).await?;
    dao.delete_recording(recording).await?;
    // A run may have stored the SID meanwhile. A later one deletes its transcript itself.
    let after = dao.get_transcript(id).await?;
    match after.and_then(|it| it.twilio_sid) {
        Some(sid) if known.as_ref() != Some(&sid) => Ok(twilio.delete_transcript(&sid).await?),
        _ => Ok(()),
    }
}

fn spoken(words: &Words) -> String {
    match words {
        Words::Text(text) => text.as_str().to_owned(),
        Words::Ssml(ssml) => ssml.plain_text(),
        Words::Spell(spelled) => spelled.to_speech(),
    }
}

fn with_speakers(call: &Call, heard: Vec<HeardSentence>) -> Vec<Sentence> {
    let script = call.script.iter().map(|script| script.as_str().to_owned());
    let steps = call.steps.iter().flat_map(Steps::iter);
    let parts = steps.flat_map(|step| step.parts().map(|(_, part)| spoken(&part.words)));
    let own: Vec<String> = script.chain(parts).collect();
    // The other leg of a transfer talks too.
    let others_on_line = !call.transfers.is_empty();
    let speakers = speakers(own.iter().map(String::as_str), &heard, others_on_line);
    let sentence = |(speaker, heard): (_, HeardSentence)| Sentence {
        speaker,
        text: heard.text,
        start_ms: heard.start_ms,
        end_ms: heard.end_ms,
        confidence: heard.confidence,
    };
    speakers.into_iter().zip(heard).map(sentence).collect()
}
