//! Transcripts of recordings: a document for each, from the wish to the sentences. Each change is one conditional update.

use mongodb::{
    Collection,
    bson::{Bson, DateTime, Document, doc, serialize_to_bson},
};

use super::{Dao, DaoError, ERASED_AT, TRANSCRIPTS, stored::find_one, updates::by_id};
use crate::domain::{
    CallId, Recording, RecordingId, RecordingSid, Sentence, Transcript, TranscriptSid,
    TranscriptStatus,
};

impl Dao {
    async fn transcripts(&self) -> Result<Collection<Transcript>, DaoError> {
        Ok(self.database().await?.collection(TRANSCRIPTS))
    }

    /// Returns the transcript of this recording, also a deleted one.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_transcript(&self, id: RecordingId) -> Result<Option<Transcript>, DaoError> {
        let this = doc! { "_id": id.object_id() };
        self.with_timeout(|| async { find_one(&self.transcripts().await?, this.clone()).await })
            .await
    }

    /// Returns the `call_id` that the transcript with this SID belongs to.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_transcribed_call(
        &self,
        sid: &TranscriptSid,
    ) -> Result<Option<CallId>, DaoError> {
        let this = doc! { "twilio_sid": sid.as_str() };
        self.with_timeout(|| async {
            let found = find_one(&self.transcripts().await?, this.clone()).await?;
            Ok(found.and_then(|transcript| transcript.call_uuid))
        })
        .await
    }

    /// Stores that a transcript of this recording is wanted, unless it has one already. Returns the transcript.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn want_transcript(
        &self,
        recording: &Recording,
        call: CallId,
        language: Option<&str>,
    ) -> Result<Transcript, DaoError> {
        let now = DateTime::now();
        let mut wanted = doc! {
            "call_id": &recording.call_id,
            "call_uuid": call.to_string(),
            "recording_sid": recording.twilio_sid.as_str(),
            "status": TranscriptStatus::Pending.as_str(),
            "created_at": now,
            "updated_at": now,
        };
        wanted.extend(language.map(|language| ("language".to_owned(), language.into())));
        let this = doc! { "_id": recording.id };
        let change = doc! { "$setOnInsert": wanted };
        self.with_timeout(|| async {
            let transcripts = self.transcripts().await?;
            let upserted = transcripts
                .update_one(this.clone(), change.clone())
                .upsert(true)
                .await
                .map_err(DaoError::from);
            match upserted {
                // A concurrent run has inserted it.
                Ok(_) | Err(DaoError::Duplicate(_)) => {}
                Err(error) => return Err(error),
            }
            let found = find_one(&transcripts, this.clone()).await?;
            found.ok_or_else(DaoError::unconfirmed)
        })
        .await
    }

    /// Stores that Twilio is about to be asked for a transcript. Returns the time that is stored, or `None` if another run came
    /// first: only one run asks at a time.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The time may be stored then.
    pub async fn begin_transcript(&self, read: &Transcript) -> Result<Option<DateTime>, DaoError> {
        let now = DateTime::now();
        // Later than the stored time, so that two runs in one millisecond differ.
        let now = read.asked_at.map_or(now, |before| now.max(next(before)));
        let mut unasked = unmade(read.recording_id());
        unasked.insert("asked_at", read.asked_at.map_or(Bson::Null, Bson::from));
        let asked = doc! { "$set": { "asked_at": now, "updated_at": now } };
        Ok(self.change_transcript(unasked, asked).await?.then_some(now))
    }

    /// Takes back [`Dao::begin_transcript`], because Twilio certainly makes no transcript.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn withdraw_transcript(
        &self,
        id: RecordingId,
        asked_at: DateTime,
    ) -> Result<(), DaoError> {
        let mut asked = unmade(id);
        asked.insert("asked_at", asked_at);
        let unasked = doc! { "$unset": { "asked_at": "" } };
        self.change_transcript(asked, unasked).await.map(drop)
    }

    /// Stores Twilio's id of a transcript. Returns false if the transcript has another one, is no longer wanted, or is gone.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn record_transcript_sid(
        &self,
        id: RecordingId,
        sid: &TranscriptSid,
    ) -> Result<bool, DaoError> {
        let mut same = pending(id);
        same.insert(
            "twilio_sid",
            doc! { "$in": [Bson::Null, Bson::from(sid.as_str())] },
        );
        let change = doc! { "$set": { "twilio_sid": sid.as_str() } };
        self.change_transcript(same, change).await
    }

    /// Stores the sentences of a transcript. Changes nothing if it has ended, or was deleted.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn complete_transcript(
        &self,
        id: RecordingId,
        sentences: &[Sentence],
        truncated: bool,
    ) -> Result<(), DaoError> {
        let sentences = serialize_to_bson(sentences).map_err(mongodb::error::Error::from)?;
        let mut change = doc! {
            "status": TranscriptStatus::Completed.as_str(),
            "sentences": sentences,
            "updated_at": DateTime::now(),
        };
        if truncated {
            change.insert("truncated", true);
        }
        let change = doc! { "$set": change };
        self.change_transcript(pending(id), change).await.map(drop)
    }

    /// Stores that there is no transcript. Changes nothing if it has ended, or was deleted.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn fail_transcript(&self, id: RecordingId, reason: &str) -> Result<(), DaoError> {
        let change = doc! { "$set": {
            "status": TranscriptStatus::Failed.as_str(),
            "reason": reason,
            "updated_at": DateTime::now(),
        } };
        self.change_transcript(pending(id), change).await.map(drop)
    }

    /// Deletes the words of a transcript. What stays says that no transcript of this recording is wanted any more.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn delete_transcript(&self, recording: &Recording) -> Result<(), DaoError> {
        let now = DateTime::now();
        let change = doc! {
            "$set": {
                "call_id": &recording.call_id,
                "status": TranscriptStatus::Deleted.as_str(),
                "updated_at": now,
            },
            "$unset": { "sentences": "", "language": "", "reason": "", "truncated": "" },
            "$setOnInsert": { "created_at": now },
        };
        self.with_timeout(|| async {
            let transcripts = self.transcripts().await?;
            let this = doc! { "_id": recording.id };
            let upserted = transcripts
                .update_one(this.clone(), change.clone())
                .upsert(true)
                .await
                .map_err(DaoError::from);
            if let Err(DaoError::Duplicate(_)) = upserted {
                transcripts.update_one(this, change.clone()).await?;
                return Ok(());
            }
            upserted.map(drop)
        })
        .await
    }

    /// Marks the call as settled, so that `reconcile` looks for no more transcripts. Changes nothing if the call has completed
    /// recordings other than these.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn settle_transcripts(
        &self,
        id: CallId,
        recordings: &[RecordingSid],
    ) -> Result<(), DaoError> {
        let known: Vec<_> = recordings.iter().map(RecordingSid::as_str).collect();
        let mut call = by_id(id);
        let others = doc! { "$elemMatch": { "sid": { "$nin": known } } };
        call.insert("completed_recordings", doc! { "$not": others });
        call.insert(ERASED_AT, Bson::Null);
        let settled = doc! { "$set": { "transcript_settled": true } };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            calls.update_one(call.clone(), settled.clone()).await?;
            Ok(())
        })
        .await
    }

    /// Returns whether a transcript passed the filter.
    async fn change_transcript(
        &self,
        filter: Document,
        change: Document,
    ) -> Result<bool, DaoError> {
        self.with_timeout(|| async {
            let transcripts = self.transcripts().await?;
            let updated = transcripts
                .update_one(filter.clone(), change.clone())
                .await?;
            Ok(updated.matched_count > 0)
        })
        .await
    }
}

/// The filter for a transcript that has not ended.
fn pending(id: RecordingId) -> Document {
    doc! { "_id": id.object_id(), "status": TranscriptStatus::Pending.as_str() }
}

/// The filter for a transcript of which Twilio's id is not known.
fn unmade(id: RecordingId) -> Document {
    let mut unmade = pending(id);
    unmade.insert("twilio_sid", Bson::Null);
    unmade
}

fn next(time: DateTime) -> DateTime {
    DateTime::from_millis(time.timestamp_millis().saturating_add(1))
}
