//! Reads and deletes recordings.

use mongodb::bson::{Document, RawDocumentBuf, bson, doc, oid::ObjectId};
use serde::Deserialize;

use super::{
    Dao, DaoError, RECORDINGS, recording_pipeline,
    stored::{self, find_one},
    updates::{by_id, if_else},
    with_deadline,
};
use crate::domain::{CallId, Recording, RecordingId, RecordingStatus};

/// The most recordings of one call that are listed. Twilio makes one; a person may start more by hand.
const LIST_MAX: i64 = 100;

#[derive(Deserialize)]
struct Found {
    recordings: Vec<RawDocumentBuf>,
}

impl Dao {
    /// Marks a recording as deleted. If its URL is the call's, the next completed recording's URL replaces it.
    ///
    /// The recording stays as a tombstone, and the call lists its `RecordingSid`, each in one operation. So no callback, whenever it
    /// arrives, brings the recording back, and no callback of another recording is lost. Calls whose URL an earlier version stored
    /// don't list their other recordings; these are read.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The deletion may be done in part: repeat it.
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

    /// Returns the recording with this id, unless it was deleted.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_recording(&self, id: RecordingId) -> Result<Option<Recording>, DaoError> {
        let this = doc! { "_id": id.object_id() };
        self.with_timeout(|| async {
            let recording = find_one(&self.recordings().await?, this.clone()).await?;
            Ok(recording.filter(is_not_deleted))
        })
        .await
    }

    /// Returns the first completed recording of the call with this `_id`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
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

    /// Returns at most 100 recordings of a call, oldest first, without the deleted ones; `None` if there is no such call.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
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

    /// Sets a recording's status, and returns the changed recording; `None` for an unknown or deleted recording.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
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

/// The sort order of the index on a call's recordings.
fn oldest_first() -> Document {
    doc! { "call_id": 1, "created_at": 1, "_id": 1 }
}

fn is_not_deleted(recording: &Recording) -> bool {
    recording.status != RecordingStatus::Deleted
}
