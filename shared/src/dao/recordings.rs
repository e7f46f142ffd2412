use mongodb::bson::{Bson, Document, RawDocumentBuf, bson, doc, oid::ObjectId};
use serde::Deserialize;

use super::{
    Applied, CALLS, Dao, DaoError, DuplicateKey, ERASED_AT, RECORDINGS,
    calls::by_id,
    expr::if_else,
    recording_pipeline::{self, RecordingTarget},
    status,
    stored::{self, find_one},
    with_deadline,
};
use crate::domain::{
    Call, CallId, Recording, RecordingId, RecordingSid, RecordingStatus, RecordingUpdate,
};

/// The most recordings of one call that are listed; Twilio makes one, unless somebody records it by hand too.
const LIST_MAX: i64 = 100;

#[derive(Deserialize)]
struct Found {
    recordings: Vec<RawDocumentBuf>,
}

impl Dao {
    /// Stores what Twilio tells of a call's recording, and gives the call the URL of its first completed one.
    ///
    /// Callbacks come in any order and more than once: a status gives way to a higher one alone
    /// ([`RecordingStatus::rank`]), other updates only fill in what is absent, and a deleted recording stays deleted. What
    /// tells nothing new is [`Applied::Duplicate`].
    ///
    /// # Errors
    ///
    /// When the database is away; the recording may have been stored then, and the call not, or the other way round: repeat
    /// it.
    pub async fn create_recording(
        &self,
        call: &Call,
        update: &RecordingUpdate,
    ) -> Result<Applied, DaoError> {
        let call = RecordingTarget {
            object_id: call.id,
            id: call.call_id,
            is_certain: true,
        };
        let stored = with_deadline(self.store_recording(call, update)).await?;
        Ok(stored.unwrap_or(Applied::OtherCall))
    }

    /// Changes the recording and its call, both at once. None where no call with that `_id` goes by the `CallSid`: then a
    /// recording may have been stored that is not the call's.
    pub(super) async fn store_recording(
        &self,
        call: RecordingTarget,
        update: &RecordingUpdate,
    ) -> Result<Option<Applied>, DaoError> {
        let (has_changed, told) = tokio::try_join!(
            self.upsert_recording(call, update),
            self.tell_call(call.object_id, update),
        )?;
        Ok(told.map(|call_has_changed| {
            if has_changed || call_has_changed {
                Applied::Changed
            } else {
                Applied::Duplicate
            }
        }))
    }

    /// Returns whether the recording has changed, or is new.
    async fn upsert_recording(
        &self,
        call: RecordingTarget,
        update: &RecordingUpdate,
    ) -> Result<bool, DaoError> {
        let this = doc! { "twilio_sid": update.recording_sid.as_str() };
        let change = vec![recording_pipeline::of_recording(call, update)];
        self.with_timeout(|| async {
            let recordings = self.recordings().await?;
            let upserted = recordings
                .update_one(this.clone(), change.clone())
                .upsert(true)
                .await
                .map_err(DaoError::from);
            let result = match upserted {
                // Another callback has made it at the same moment.
                Err(DaoError::Duplicate(_)) => {
                    recordings.update_one(this.clone(), change.clone()).await?
                }
                result => result?,
            };
            Ok(result.upserted_id.is_some() || result.modified_count > 0)
        })
        .await
    }

    /// Stores the `CallSid` where there is none, and what the callback means for the call; returns whether that has changed
    /// it, and none where it does not go by the `CallSid`.
    ///
    /// The second statement changes nothing: that both have found the call tells that it has the name.
    async fn tell_call(
        &self,
        call: ObjectId,
        update: &RecordingUpdate,
    ) -> Result<Option<bool>, DaoError> {
        let sid = &update.call_sid;
        let (recording, url) = (&update.recording_sid, update.recording_url.as_deref());
        let mut stages = vec![status::learn(sid)];
        stages.extend(match (update.status, url) {
            (RecordingStatus::Completed, Some(url)) => Some(recording_pipeline::show(
                recording_pipeline::is_named(sid),
                recording,
                url,
            )),
            (RecordingStatus::Deleted, url) => Some(recording_pipeline::hide(
                recording_pipeline::is_named(sid),
                recording,
                url,
            )),
            _ => None,
        });
        let this = doc! { "_id": call, ERASED_AT: Bson::Null };
        let name = doc! { "twilio_sid": sid.as_str() };
        let mut named = this.clone();
        named.extend(name.clone());
        let statements = vec![
            doc! { "q": this, "u": stages },
            doc! { "q": named, "u": { "$set": name } },
        ];
        let updated = self.update_in_order(CALLS, statements).await?;
        match updated.without_duplicate() {
            Err(DaoError::Duplicate(DuplicateKey::CallSid)) => Ok(None),
            Err(error) => Err(error),
            Ok(updated) => Ok((updated.matched == 2).then_some(updated.modified > 0)),
        }
    }

    /// Takes back what was stored of a recording of another call.
    pub(super) async fn remove_recording(
        &self,
        call: ObjectId,
        sid: &RecordingSid,
    ) -> Result<(), DaoError> {
        let stray = doc! { "twilio_sid": sid.as_str(), "call_id": call.to_hex() };
        self.with_timeout(|| async {
            self.recordings().await?.delete_one(stray.clone()).await?;
            Ok(())
        })
        .await
    }

    /// Marks a recording as deleted, and lets its call show the next one, if it has showed this one.
    ///
    /// The recording stays as a tombstone, and the call notes its name, each in one operation: so whatever callback comes
    /// before, after or in between, neither brings it back, and another recording's is not lost. Calls to which an earlier
    /// version has given a URL have no note of their other recordings; these are looked for.
    ///
    /// # Errors
    ///
    /// When the database is away; a part may be done then: repeat it.
    pub async fn delete_recording(&self, recording: &Recording) -> Result<(), DaoError> {
        let (id, sid) = (recording.recording_id(), &recording.twilio_sid);
        let url = recording.recording_url.as_deref();
        with_deadline(async {
            let deleted = self.update_recording(id, RecordingStatus::Deleted);
            let Ok(call) = ObjectId::parse_str(&recording.call_id) else {
                return deleted.await.map(drop);
            };
            let hidden = self.change_call(call, recording_pipeline::hide(true.into(), sid, url));
            tokio::try_join!(deleted, hidden)?;
            if let Some(next) = self.get_recording_by_call_id(call).await?
                && let Some(url) = &next.recording_url
            {
                self.change_call(
                    call,
                    recording_pipeline::show(true.into(), &next.twilio_sid, url),
                )
                .await?;
            }
            Ok(())
        })
        .await
    }

    async fn change_call(&self, call: ObjectId, stage: Document) -> Result<(), DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            calls
                .update_one(doc! { "_id": call }, vec![stage.clone()])
                .await?;
            Ok(())
        })
        .await
    }

    /// The recording of that name, unless it was deleted.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_recording(&self, id: RecordingId) -> Result<Option<Recording>, DaoError> {
        let this = doc! { "_id": id.object_id() };
        self.with_timeout(|| async {
            let recording = find_one(&self.recordings().await?, this.clone()).await?;
            Ok(recording.filter(is_not_deleted))
        })
        .await
    }

    /// A call's first completed recording; `call` is the call's `_id`.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_recording_by_call_id(
        &self,
        call: ObjectId,
    ) -> Result<Option<Recording>, DaoError> {
        self.with_timeout(|| async {
            let mut found = self
                .recordings()
                .await?
                .find(doc! { "call_id": call.to_hex() })
                .sort(oldest_first())
                .limit(LIST_MAX)
                .await?;
            while found.advance().await? {
                let recording = stored::read::<Recording>(RECORDINGS, found.current());
                if let Ok(recording) = recording
                    && recording.status == RecordingStatus::Completed
                {
                    return Ok(Some(recording));
                }
            }
            Ok(None)
        })
        .await
    }

    /// A call's recordings without the deleted ones, oldest first, at most 100; none where there is no such call.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn list_call_recordings(
        &self,
        id: CallId,
    ) -> Result<Option<Vec<Recording>>, DaoError> {
        let stages = [
            doc! { "$match": by_id(id) },
            doc! { "$project": { "_id": 0, "name": { "$toString": "$_id" } } },
            doc! { "$lookup": {
                "from": RECORDINGS,
                "localField": "name",
                "foreignField": "call_id",
                "pipeline": [{ "$sort": oldest_first() }, { "$limit": LIST_MAX }],
                "as": "recordings",
            } },
        ];
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let mut found = calls.aggregate(stages.clone()).with_type::<Found>().await?;
            if !found.advance().await? {
                return Ok(None);
            }
            let found = found.deserialize_current()?.recordings;
            let read = found
                .iter()
                .flat_map(|document| stored::read(RECORDINGS, document));
            Ok(Some(read.filter(is_not_deleted).collect()))
        })
        .await
    }

    /// Sets a recording's status, and returns it as it is then; none where there is none, or a deleted one.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn update_recording(
        &self,
        id: RecordingId,
        status: RecordingStatus,
    ) -> Result<Option<Recording>, DaoError> {
        let changes = bson!({ "$not": [{ "$in": [
            "$status",
            [RecordingStatus::Deleted.as_str(), status.as_str()],
        ] }] });
        let change = vec![doc! { "$set": {
            "status": if_else(changes.clone(), status.as_str(), "$status"),
            "updated_at": if_else(changes, "$$NOW", "$updated_at"),
        } }];
        self.with_timeout(|| async {
            let recordings = self.recordings().await?;
            let this = doc! { "_id": id.object_id() };
            let updated = recordings.update_one(this.clone(), change.clone()).await?;
            let recording = find_one(&recordings, this).await?;
            Ok(recording.filter(|found| updated.modified_count > 0 || is_not_deleted(found)))
        })
        .await
    }
}

/// As the index has a call's recordings.
fn oldest_first() -> Document {
    doc! { "call_id": 1, "created_at": 1, "_id": 1 }
}

fn is_not_deleted(recording: &Recording) -> bool {
    recording.status != RecordingStatus::Deleted
}
