//! Stores what recording callbacks report: the recording, and its URL on the call.

use mongodb::bson::{Bson, doc, oid::ObjectId};
use serde::Deserialize;

use super::{
    Applied, CALLS, Dao, DaoError, DuplicateKey, ERASED_AT,
    recording_pipeline::{self, RecordingTarget},
    updates::learn_sid_stage,
    with_deadline,
};
use crate::domain::{Call, CallId, CallSid, RecordingSid, RecordingStatus, RecordingUpdate};

/// The fields that a recording callback needs of its call.
#[derive(Deserialize)]
struct CallNames {
    #[serde(rename = "_id")]
    id: ObjectId,
    call_id: CallId,
    #[serde(default)]
    twilio_sid: Option<CallSid>,
}

impl Dao {
    /// Applies a recording callback to the call with this `call_id` or, without such a call, with the update's `CallSid`. Stores a
    /// missing `CallSid`.
    ///
    /// The `_id` of our calls follows from their `call_id`, so the recording and the call are updated concurrently. If the call
    /// turns out to be another one, the recording is corrected.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The update may be stored in part: repeat it. All operations together have the time of one.
    pub async fn apply_recording(
        &self,
        id: Option<CallId>,
        update: &RecordingUpdate,
    ) -> Result<Applied, DaoError> {
        with_deadline(async {
            if let Some(id) = id {
                let call = RecordingTarget {
                    object_id: id.object_id(),
                    id,
                    is_certain: false,
                };
                if let Some(applied) = self.store_recording(call, update).await? {
                    return Ok(applied);
                }
            }
            // On the heap, because it is seldom needed.
            let applied = Box::pin(self.find_call_and_store(id, update)).await?;
            if let (Some(id), Applied::UnknownCall | Applied::OtherCall) = (id, applied) {
                self.remove_recording(id.object_id(), &update.recording_sid)
                    .await?;
            }
            Ok(applied)
        })
        .await
    }

    async fn find_call_and_store(
        &self,
        id: Option<CallId>,
        update: &RecordingUpdate,
    ) -> Result<Applied, DaoError> {
        let sid = &update.call_sid;
        let Some(call) = self.find_by_either::<CallNames>(id, sid).await? else {
            return Ok(Applied::UnknownCall);
        };
        if call.twilio_sid.as_ref() != Some(sid) {
            let applied = self.record_call_sid(call.call_id, sid).await?;
            if matches!(applied, Applied::UnknownCall | Applied::OtherCall) {
                return Ok(applied);
            }
        }
        let call = RecordingTarget {
            object_id: call.id,
            id: call.call_id,
            is_certain: true,
        };
        let applied = self.store_recording(call, update).await?;
        Ok(applied.unwrap_or(Applied::OtherCall))
    }

    /// Stores a recording of this call, and the URL of the call's first completed recording.
    ///
    /// Callbacks arrive in any order and more than once. A higher status replaces a lower one ([`RecordingStatus::rank`]); other
    /// updates only fill in absent fields; a deleted recording stays deleted. An update that changes nothing is
    /// [`Applied::Duplicate`].
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The recording may be stored without the call, or the call without the recording: repeat it.
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
        let applied = with_deadline(self.store_recording(call, update)).await?;
        Ok(applied.unwrap_or(Applied::OtherCall))
    }

    /// Updates the recording and its call concurrently. Returns `None` if no call with this `_id` has the `CallSid`. Then a recording
    /// may be stored that is not the call's.
    async fn store_recording(
        &self,
        call: RecordingTarget,
        update: &RecordingUpdate,
    ) -> Result<Option<Applied>, DaoError> {
        let (has_changed, call_update) = tokio::try_join!(
            self.upsert_recording(call, update),
            self.update_recorded_call(call.object_id, update),
        )?;
        Ok(call_update.map(|call_has_changed| {
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
        let filter = doc! { "twilio_sid": update.recording_sid.as_str() };
        let change = vec![recording_pipeline::of_recording(call, update)];
        self.with_timeout(|| async {
            let recordings = self.recordings().await?;
            let upserted = recordings
                .update_one(filter.clone(), change.clone())
                .upsert(true)
                .await
                .map_err(DaoError::from);
            let result = match upserted {
                // A concurrent callback has inserted it.
                Err(DaoError::Duplicate(_)) => {
                    recordings
                        .update_one(filter.clone(), change.clone())
                        .await?
                }
                result => result?,
            };
            Ok(result.upserted_id.is_some() || result.modified_count > 0)
        })
        .await
    }

    /// Stores a missing `CallSid`, and the callback's changes to the call. Returns whether the call has changed; `None` if
    /// it has another `CallSid`.
    ///
    /// The second statement changes nothing. If both statements match the call, it has the `CallSid`.
    async fn update_recorded_call(
        &self,
        call: ObjectId,
        update: &RecordingUpdate,
    ) -> Result<Option<bool>, DaoError> {
        let sid = &update.call_sid;
        let (recording, url) = (&update.recording_sid, update.recording_url.as_deref());
        let mut stages = vec![learn_sid_stage(sid)];
        stages.extend(match (update.status, url) {
            (RecordingStatus::Completed, Some(url)) => Some(recording_pipeline::show(
                recording_pipeline::has_sid(sid),
                recording,
                url,
            )),
            (RecordingStatus::Deleted, url) => Some(recording_pipeline::hide(
                recording_pipeline::has_sid(sid),
                recording,
                url,
            )),
            _ => None,
        });
        let by_object_id = doc! { "_id": call, ERASED_AT: Bson::Null };
        let with_sid = doc! { "twilio_sid": sid.as_str() };
        let mut by_both = by_object_id.clone();
        by_both.extend(with_sid.clone());
        let statements = vec![
            doc! { "q": by_object_id, "u": stages },
            doc! { "q": by_both, "u": { "$set": with_sid } },
        ];
        let updated = self.update_in_order(CALLS, statements).await?;
        match updated.without_duplicate() {
            Err(DaoError::Duplicate(DuplicateKey::CallSid)) => Ok(None),
            Err(error) => Err(error),
            Ok(updated) => Ok((updated.matched == 2).then_some(updated.modified > 0)),
        }
    }

    /// Removes a recording that was stored for the wrong call.
    async fn remove_recording(&self, call: ObjectId, sid: &RecordingSid) -> Result<(), DaoError> {
        let stray = doc! { "twilio_sid": sid.as_str(), "call_id": call.to_hex() };
        self.with_timeout(|| async {
            self.recordings().await?.delete_one(stray.clone()).await?;
            Ok(())
        })
        .await
    }
}
