use mongodb::{
    Collection,
    bson::{Bson, Document, bson, doc, oid::ObjectId},
};

use super::{
    Applied, Dao, DaoError, DuplicateKey,
    expr::{if_else, literal},
};
use crate::domain::{Call, Recording, RecordingId, RecordingStatus, RecordingUpdate};

/// The most recordings of one call that are listed; Twilio makes one, unless somebody records it by hand too.
const LIST_MAX: i64 = 100;

impl Dao {
    /// Stores what Twilio tells of a call's recording, and gives the call the URL of its first completed one.
    ///
    /// Callbacks come in any order and more than once: a status gives way to a higher one alone
    /// ([`RecordingStatus::rank`]), other updates only fill in what is absent, and a deleted recording stays deleted. What
    /// tells nothing new is [`Applied::Duplicate`].
    ///
    /// # Errors
    ///
    /// When the database is away; the recording may have been stored then, and the call not: repeat it.
    pub async fn create_recording(
        &self,
        call: &Call,
        update: &RecordingUpdate,
    ) -> Result<Applied, DaoError> {
        self.limited(|| async {
            let recordings = self.recordings().await?;
            let Upserted {
                is_there,
                mut has_changed,
            } = upsert(&recordings, call, update).await?;
            if let (true, RecordingStatus::Completed, Some(url)) =
                (is_there, update.status, update.recording_url.as_deref())
            {
                let has_none = bson!({ "$eq": [{ "$ifNull": ["$recording_url", ""] }, ""] });
                let change = vec![doc! { "$set": {
                    "recording_url": if_else(has_none.clone(), literal(url), "$recording_url"),
                    "recording_settled": true,
                    "updated_at": if_else(has_none, "$$NOW", "$updated_at"),
                } }];
                let calls = self.calls().await?;
                let updated = calls.update_one(doc! { "_id": call.id }, change).await?;
                has_changed |= updated.modified_count > 0;
            }
            Ok(if has_changed {
                Applied::Changed
            } else {
                Applied::Duplicate
            })
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
        self.limited(|| async {
            let recording = self.recordings().await?.find_one(this.clone()).await?;
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
        let mut recordings = self.list_call_recordings(call).await?.into_iter();
        Ok(recordings.find(|recording| recording.status == RecordingStatus::Completed))
    }

    /// A call's recordings without the deleted ones, oldest first, at most 100; `call` is the call's `_id`.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn list_call_recordings(&self, call: ObjectId) -> Result<Vec<Recording>, DaoError> {
        self.limited(|| async {
            let mut found = self
                .recordings()
                .await?
                .find(doc! { "call_id": call.to_hex() })
                .sort(doc! { "call_id": 1, "created_at": 1, "_id": 1 })
                .limit(LIST_MAX)
                .await?;
            let mut recordings = Vec::new();
            while found.advance().await? {
                recordings.push(found.deserialize_current()?);
            }
            recordings.retain(is_not_deleted);
            Ok(recordings)
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
            [word(RecordingStatus::Deleted), word(status)],
        ] }] });
        let change = vec![doc! { "$set": {
            "status": if_else(changes.clone(), word(status), "$status"),
            "updated_at": if_else(changes, "$$NOW", "$updated_at"),
        } }];
        self.limited(|| async {
            let recordings = self.recordings().await?;
            let this = doc! { "_id": id.object_id() };
            let updated = recordings.update_one(this.clone(), change.clone()).await?;
            let recording = recordings.find_one(this).await?;
            Ok(recording.filter(|found| updated.modified_count > 0 || is_not_deleted(found)))
        })
        .await
    }

    /// Sets the URL that a call shows as its recording, once the recording that it showed is gone; `call` is the call's
    /// `_id`.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn set_recording_url(
        &self,
        call: ObjectId,
        url: Option<&str>,
    ) -> Result<(), DaoError> {
        let change = doc! {
            "$set": { "recording_url": url },
            "$currentDate": { "updated_at": true },
        };
        self.limited(|| async {
            let calls = self.calls().await?;
            calls
                .update_one(doc! { "_id": call }, change.clone())
                .await?;
            Ok(())
        })
        .await
    }
}

struct Upserted {
    /// Whether there is such a recording afterwards: a deleted one is none.
    is_there: bool,
    has_changed: bool,
}

async fn upsert(
    recordings: &Collection<Recording>,
    call: &Call,
    update: &RecordingUpdate,
) -> Result<Upserted, DaoError> {
    let this = doc! { "twilio_sid": update.recording_sid.as_str() };
    let change = vec![doc! { "$set": recording_changes(call, update) }];
    let upserted = recordings
        .update_one(this.clone(), change.clone())
        .upsert(true)
        .await
        .map_err(DaoError::from);
    let result = match upserted {
        // Another callback has made it at the same moment.
        Err(DaoError::Duplicate(DuplicateKey::RecordingSid)) => {
            recordings.update_one(this.clone(), change.clone()).await?
        }
        result => result?,
    };
    let has_changed = result.upserted_id.is_some() || result.modified_count > 0;
    let is_there = has_changed || {
        let stored = recordings.find_one(this).await?;
        stored.is_some_and(|recording| is_not_deleted(&recording))
    };
    Ok(Upserted {
        is_there,
        has_changed,
    })
}

fn is_not_deleted(recording: &Recording) -> bool {
    recording.status != RecordingStatus::Deleted
}

const ALL: [RecordingStatus; 5] = [
    RecordingStatus::Processing,
    RecordingStatus::Absent,
    RecordingStatus::Failed,
    RecordingStatus::Completed,
    RecordingStatus::Deleted,
];

/// The word that serde writes, too.
fn word(status: RecordingStatus) -> &'static str {
    match status {
        RecordingStatus::Processing => "processing",
        RecordingStatus::Completed => "completed",
        RecordingStatus::Failed => "failed",
        RecordingStatus::Absent => "absent",
        RecordingStatus::Deleted => "deleted",
    }
}

fn recording_changes(call: &Call, update: &RecordingUpdate) -> Document {
    let branches: Vec<_> = ALL
        .into_iter()
        .map(|status| doc! { "case": { "$eq": ["$status", word(status)] }, "then": status.rank() })
        .collect();
    let stored_rank = bson!({ "$switch": { "branches": branches, "default": -1 } });
    let wins = bson!({ "$gt": [update.status.rank(), stored_rank] });
    let is_deleted = bson!({ "$eq": ["$status", word(RecordingStatus::Deleted)] });
    let mut is_new = vec![wins.clone()];
    let told = [
        (
            "recording_url",
            update.recording_url.clone().map(Bson::from),
        ),
        (
            "recording_status",
            Some(update.recording_status.clone().into()),
        ),
        ("duration_seconds", update.duration_seconds.map(Bson::from)),
        ("channels", update.channels.map(Bson::from)),
        ("error_code", update.error_code.map(Bson::from)),
        ("started_at", update.started_at.map(Bson::from)),
    ];
    let mut changes = doc! {
        "call_id": call.id.to_hex(),
        "call_uuid": call.call_id.to_string(),
        "status": if_else(wins.clone(), word(update.status), "$status"),
        "created_at": { "$ifNull": ["$created_at", "$$NOW"] },
    };
    for (name, value) in told {
        let stored = format!("${name}");
        let known = bson!({ "$ifNull": [stored.clone(), Bson::Null] });
        if value.is_some() {
            is_new.push(bson!({ "$eq": [known.clone(), Bson::Null] }));
        }
        let value = literal(value.unwrap_or(Bson::Null));
        let filled = bson!({ "$ifNull": [stored.clone(), value.clone()] });
        // Null where neither is known, as it is when it is filled in: or a repeat would be a change.
        let newer = bson!({ "$ifNull": [value, known] });
        let told = if_else(wins.clone(), newer, filled);
        changes.insert(name, if_else(is_deleted.clone(), stored, told));
    }
    let has_news = bson!({ "$and": [{ "$not": [is_deleted] }, { "$or": is_new }] });
    changes.insert("updated_at", if_else(has_news, "$$NOW", "$updated_at"));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_serde_writes() {
        for status in ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), word(status));
        }
    }
}
