//! Which calls webhooks have left open, and what is concluded of them.

use mongodb::bson::{
    Bson, DateTime, Document, deserialize_from_slice, doc, oid::ObjectId, serialize_to_bson,
};
use serde::{Deserialize, Serialize};

use super::{CALLS, Dao, DaoError, calls::by_id, status, stored};
use crate::domain::{Call, CallId, CallSid, CallStatus, DialOutcome};

/// What is open about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReconcileKind {
    /// Whether Twilio has it: the answer to our request to dial was lost.
    Dial,
    /// How it ended.
    End,
    /// Its recording, though it is completed.
    Recording,
}

impl ReconcileKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Dial, Self::End, Self::Recording];

    fn word(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::End => "end",
            Self::Recording => "recording",
        }
    }

    /// The calls that are open in this way. An index covers just them: the filter has what an index may have, and `MongoDB`
    /// takes the index where a query has each of these conditions.
    pub(super) fn filter(self) -> Document {
        let going_on: Vec<_> = CallStatus::ALL
            .into_iter()
            .filter(|status| !status.is_terminal())
            .map(CallStatus::as_str)
            .collect();
        match self {
            Self::Dial => doc! {
                "status": { "$in": going_on },
                "twilio_sid": { "$in": [Bson::Null, ""] },
                "dial_outcome": { "$in": unsettled() },
            },
            Self::End => doc! {
                "status": { "$in": going_on },
                "twilio_sid": { "$gt": "" },
            },
            Self::Recording => doc! {
                "status": CallStatus::Completed.as_str(),
                "recording_enabled": true,
                "recording_settled": Bson::Null,
            },
        }
    }
}

fn unsettled() -> Vec<&'static str> {
    vec![DialOutcome::Pending.as_str(), DialOutcome::Unknown.as_str()]
}

/// The place of a call among those of which something is open: the one that changed least recently comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanPosition {
    updated_at: DateTime,
    #[serde(rename = "_id")]
    id: ObjectId,
}

impl ScanPosition {
    /// The place of that call.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        Self {
            updated_at: call.updated_at,
            id: call.id,
        }
    }

    /// A time just after every call that changed in the same millisecond.
    #[must_use]
    pub fn just_after(self) -> DateTime {
        DateTime::from_millis(self.updated_at.timestamp_millis().saturating_add(1))
    }

    /// The two ranges of the index behind it: what changed at the same time, and what changed later. One condition with `$or`
    /// would read the index from its beginning.
    fn ranges_behind(self, before: DateTime) -> [Document; 2] {
        [
            doc! { "updated_at": self.updated_at, "_id": { "$gt": self.id } },
            doc! { "updated_at": { "$gt": self.updated_at, "$lt": before } },
        ]
    }
}

/// A page of calls of which something is open.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCalls {
    /// The calls, least recently changed first. A document that cannot be read is logged, counted and left out.
    pub calls: Vec<Call>,
    /// Where the page ends, if it is full: there may be more.
    pub more_after: Option<ScanPosition>,
}

/// In `counters`: how far the last run came.
const BOOKMARKS: &str = "reconcile";

impl Dao {
    /// A page of the calls of which that is open and which have not changed since `before`, after a place.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn list_open_calls(
        &self,
        open: ReconcileKind,
        before: DateTime,
        after: Option<ScanPosition>,
        page: u32,
    ) -> Result<OpenCalls, DaoError> {
        let ranges = match after {
            Some(place) => place.ranges_behind(before).to_vec(),
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
                let mut filter = open.filter();
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

    /// Where the next run begins, for each kind that the last one did not finish.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_bookmark(
        &self,
        open: ReconcileKind,
    ) -> Result<Option<ScanPosition>, DaoError> {
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let bookmarks = counters.find_one(doc! { "_id": BOOKMARKS }).await?;
            let place = bookmarks
                .as_ref()
                .and_then(|found| found.get_document(open.word()).ok());
            Ok(place.and_then(|place| deserialize_from_slice(place.as_bytes()).ok()))
        })
        .await
    }

    /// Keeps where the next run begins; without a place, at the beginning.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn set_bookmark(
        &self,
        open: ReconcileKind,
        place: Option<ScanPosition>,
    ) -> Result<(), DaoError> {
        let place = serialize_to_bson(&place).map_err(mongodb::error::Error::from)?;
        let change = doc! { "$set": { open.word(): place } };
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

    /// Those of the names that calls of ours go by.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn list_known_sids(&self, sids: &[CallSid]) -> Result<Vec<CallSid>, DaoError> {
        let sids: Vec<_> = sids.iter().map(CallSid::as_str).collect();
        // The embedded database finds by index what is equal, and not what is one of several.
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

    /// Other calls to the same number of which nobody knows whether Twilio has them, that were stored in that time.
    ///
    /// # Errors
    ///
    /// When the database is away.
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
            "dial_outcome": { "$in": unsettled() },
            "created_at": { "$gte": from, "$lte": to },
            "_id": { "$ne": call.id },
        };
        self.with_timeout(|| async {
            Ok(self.calls().await?.count_documents(rivals.clone()).await?)
        })
        .await
    }

    /// Concludes that a call has failed, because Twilio knows none of that name, or none that could be it. Any word of
    /// Twilio's overrides it. Returns whether the call has changed: one that is known better by now has not.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn give_up_call(&self, id: CallId, sid: Option<&CallSid>) -> Result<bool, DaoError> {
        let stages = status::give_up(sid, DateTime::now())?;
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

    /// Notes that no recording of the call is awaited any more.
    ///
    /// # Errors
    ///
    /// When the database is away.
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
