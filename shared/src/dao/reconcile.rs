//! The calls that webhooks have left open, and the conclusions about them.

use mongodb::bson::{
    Bson, DateTime, Document, deserialize_from_slice, doc, oid::ObjectId, serialize_to_bson,
};
use serde::{Deserialize, Serialize};

use super::{
    CALLS, Dao, DaoError, dial_pipeline, stored,
    updates::{by_id, unsettled_outcomes},
};
use crate::domain::{Call, CallId, CallSid, CallStatus};

/// The kinds of open calls, by the fact that is still unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReconcileKind {
    /// Twilio's response to the dial was lost: it may or may not have the call.
    Dial,
    /// The end of the call.
    End,
    /// The recording of a completed call.
    Recording,
    /// The transcript of a completed call's recording.
    Transcript,
}

impl ReconcileKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Dial, Self::End, Self::Recording, Self::Transcript];

    /// The field of the bookmark document.
    fn field(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::End => "end",
            Self::Recording => "recording",
            Self::Transcript => "transcript",
        }
    }

    /// The filter for the calls of this kind. A partial index covers exactly these calls: it has the same filter, and `MongoDB` uses
    /// it if a query has each of these conditions.
    pub(super) fn filter(self) -> Document {
        let active = CallStatus::ACTIVE.map(CallStatus::as_str).to_vec();
        match self {
            Self::Dial => doc! {
                "status": { "$in": active },
                "twilio_sid": { "$in": [Bson::Null, ""] },
                "dial_outcome": { "$in": unsettled_outcomes().to_vec() },
            },
            Self::End => doc! {
                "status": { "$in": active },
                "twilio_sid": { "$gt": "" },
            },
            Self::Recording => doc! {
                "status": CallStatus::Completed.as_str(),
                "recording_enabled": true,
                "recording_settled": Bson::Null,
            },
            Self::Transcript => doc! {
                "status": CallStatus::Completed.as_str(),
                "transcribe": true,
                "recording_settled": true,
                "transcript_settled": Bson::Null,
            },
        }
    }
}

/// The position of a call in the list of open calls, which is sorted by the last change, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanPosition {
    updated_at: DateTime,
    #[serde(rename = "_id")]
    id: ObjectId,
}

impl ScanPosition {
    /// The position of this call.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        Self {
            updated_at: call.updated_at,
            id: call.id,
        }
    }

    /// The time just after all calls that changed in the same millisecond.
    #[must_use]
    pub fn just_after(self) -> DateTime {
        DateTime::from_millis(self.updated_at.timestamp_millis().saturating_add(1))
    }

    /// The two ranges of the index after this position: calls that changed at the same time, and later ones. One condition with
    /// `$or` would read the index from its beginning.
    fn ranges_after(self, before: DateTime) -> [Document; 2] {
        [
            doc! { "updated_at": self.updated_at, "_id": { "$gt": self.id } },
            doc! { "updated_at": { "$gt": self.updated_at, "$lt": before } },
        ]
    }
}

/// A page of open calls.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCalls {
    /// The calls, least recently changed first. An unreadable document is logged, counted and skipped.
    pub calls: Vec<Call>,
    /// The end of a full page: more calls may follow.
    pub more_after: Option<ScanPosition>,
}

/// The `_id` of the document in `counters` that stores how far the last run came.
const BOOKMARKS: &str = "reconcile";

impl Dao {
    /// Returns a page of the calls of this kind that have not changed since `before`, after a position.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_open_calls(
        &self,
        kind: ReconcileKind,
        before: DateTime,
        after: Option<ScanPosition>,
        page: u32,
    ) -> Result<OpenCalls, DaoError> {
        let ranges = match after {
            Some(position) => position.ranges_after(before).to_vec(),
            None => vec![doc! { "updated_at": { "$lt": before } }],
        };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let mut listed = OpenCalls {
                calls: Vec::new(),
                more_after: None,
            };
            let mut count = 0;
            let mut last = None;
            for range in &ranges {
                let mut filter = kind.filter();
                filter.extend(range.clone());
                let mut found = calls
                    .find(filter)
                    .sort(doc! { "updated_at": 1, "_id": 1 })
                    .limit((page - count).into())
                    .await?;
                while found.advance().await? {
                    let document = found.current();
                    count += 1;
                    last = deserialize_from_slice(document.as_bytes()).ok().or(last);
                    listed.calls.extend(stored::read(CALLS, document));
                }
                if count >= page {
                    break;
                }
            }
            listed.more_after = last.filter(|_| count >= page);
            Ok(listed)
        })
        .await
    }

    /// Returns the position from which the next run goes on with this kind; `None` if the last run finished the list.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_bookmark(
        &self,
        kind: ReconcileKind,
    ) -> Result<Option<ScanPosition>, DaoError> {
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let bookmarks = counters.find_one(doc! { "_id": BOOKMARKS }).await?;
            let position = bookmarks
                .as_ref()
                .and_then(|found| found.get_document(kind.field()).ok());
            Ok(position.and_then(|position| deserialize_from_slice(position.as_bytes()).ok()))
        })
        .await
    }

    /// Stores the position from which the next run goes on with this kind; `None` is the beginning.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn set_bookmark(
        &self,
        kind: ReconcileKind,
        position: Option<ScanPosition>,
    ) -> Result<(), DaoError> {
        let position = serialize_to_bson(&position).map_err(mongodb::error::Error::from)?;
        let change = doc! { "$set": { kind.field(): position } };
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            counters
                .update_one(doc! { "_id": BOOKMARKS }, change.clone())
                .upsert(true)
                .await?;
            Ok(())
        })
        .await
    }

    /// Returns those of the `CallSid`s that stored calls have.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_known_sids(&self, sids: &[CallSid]) -> Result<Vec<CallSid>, DaoError> {
        let sids: Vec<_> = sids.iter().map(CallSid::as_str).collect();
        // The embedded database uses the index for equality, but not for `$in`.
        let named = match &sids[..] {
            [] => return Ok(Vec::new()),
            [only] => doc! { "twilio_sid": only },
            _ => doc! { "twilio_sid": { "$in": sids } },
        };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let mut found = calls
                .find(named.clone())
                .projection(doc! { "_id": 0, "twilio_sid": 1 })
                .await?;
            let mut known = Vec::new();
            while found.advance().await? {
                let sid = found.current().get_str("twilio_sid");
                known.extend(sid.ok().and_then(|sid| sid.parse().ok()));
            }
            Ok(known)
        })
        .await
    }

    /// Counts other calls to the same number whose dial outcome is unsettled too, and that were dialled in this range of time.
    /// A call that did not wait may lack the time of its dial: then the time at which it was stored counts.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn count_rivals(
        &self,
        call: &Call,
        from: DateTime,
        to: DateTime,
    ) -> Result<u64, DaoError> {
        let rivals = doc! {
            "status": CallStatus::Initiated.as_str(),
            "to_number": call.to_number.as_str(),
            "twilio_sid": { "$in": [Bson::Null, ""] },
            "dial_outcome": { "$in": unsettled_outcomes().to_vec() },
            "$or": [
                { "dial_begun_at": { "$gte": from, "$lte": to } },
                { "dial_begun_at": Bson::Null, "created_at": { "$gte": from, "$lte": to } },
            ],
            "_id": { "$ne": call.id },
        };
        self.with_timeout(|| async {
            Ok(self.calls().await?.count_documents(rivals.clone()).await?)
        })
        .await
    }

    /// Concludes that a call has failed, because Twilio has no call with its `CallSid` or, if `sid` is `None`, no call that could be
    /// it. Any later status from Twilio overrides this. Returns whether the call has changed: not if a webhook has settled it.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn give_up_call(&self, id: CallId, sid: Option<&CallSid>) -> Result<bool, DaoError> {
        let stages = dial_pipeline::give_up(sid, DateTime::now())?;
        self.with_timeout(|| async {
            let updated = self
                .calls()
                .await?
                .update_one(by_id(id), stages.clone())
                .await?;
            Ok(updated.modified_count > 0)
        })
        .await
    }

    /// Marks the call as settled, so that `reconcile` looks for no more recordings.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn settle_recording(&self, id: CallId) -> Result<(), DaoError> {
        let settled = doc! { "$set": { "recording_settled": true } };
        self.with_timeout(|| async {
            self.calls()
                .await?
                .update_one(by_id(id), settled.clone())
                .await?;
            Ok(())
        })
        .await
    }
}
