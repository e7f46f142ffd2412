//! The look: everything on which `dispatch` decides, read in one command.

use mongodb::bson::{Bson, DateTime, Document, RawBsonRef, RawDocument, bson, doc, oid::ObjectId};

use super::waiting;
use crate::{
    dao::{
        BATCHES, CALLS, COUNTERS, Dao, DaoError, DialingSwitch, OpenBatches,
        batches::open_batches,
        dialing::SWITCH,
        permits::PERMITS,
        updates::{if_else, literal},
    },
    domain::{CallId, Lane, Priority},
    telemetry::metrics::{self, Count},
};

/// The field that names the part of the look to which a row belongs: the number of a lane, or one of these words.
const PART: &str = "part";
const EXPIRED: &str = "expired";
const LEASED: &str = "leased";
const COUNTER: &str = "counter";
const BATCH: &str = "batch";
/// More rows than a look has, so that the database sends all of them at once.
const ROWS: u32 = 20_000;

/// The parts of a look.
#[derive(Debug, Clone, Copy)]
pub struct LookRequest<'a> {
    /// The lanes to read, and the most calls of each.
    pub lanes: &'a [(Lane, u32)],
    /// The most leased calls to count.
    pub leased_max: u32,
    /// True to read the running and the canceling batches.
    pub with_batches: bool,
}

/// The dial queue at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// The kill switch.
    pub dialing: DialingSwitch,
    /// False if the document of the permits is missing.
    pub has_permits: bool,
    /// True if a call has expired that still waits.
    pub has_expired: bool,
    /// The number of calls that claims hold.
    pub leased: u32,
    /// The most urgent of the calls that claims hold.
    pub most_urgent_leased: Option<Priority>,
    /// True if calls were set aside because they cannot be read: others may be behind them.
    pub has_unreadable: bool,
    /// The lanes, in the order of the request.
    pub lanes: Vec<LaneHead>,
    /// The running and the canceling batches, if the request wanted them.
    pub batches: Option<OpenBatches>,
}

/// The first calls of a lane that no claim holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneHead {
    /// Those that are due, the oldest first.
    pub due: Vec<DueCall>,
    /// Time at which the next one becomes due, if the lane was read so far.
    pub next_due_at: Option<DateTime>,
}

/// A call whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueCall {
    /// The document's `_id`.
    pub id: ObjectId,
    /// The call's public id.
    pub call_id: CallId,
    /// Time from which the call may be dialled, UTC.
    pub due_at: DateTime,
}

/// The order of the lanes' index. All calls of a query are in one lane, but the embedded database uses the index only so.
pub(in crate::dao) fn in_lane_order() -> Document {
    doc! { "lane": 1, "due_at": 1, "_id": 1 }
}

impl LookRequest<'_> {
    /// The pipeline on `calls`: one part, and a union with each other part.
    fn stages(&self, now: DateTime) -> Vec<Document> {
        let mut stages = expired(now);
        let mut add = |collection: &str, part: Vec<Document>| {
            stages.push(doc! { "$unionWith": { "coll": collection, "pipeline": part } });
        };
        add(CALLS, leased(now, self.leased_max));
        add(COUNTERS, counters());
        if self.with_batches {
            let mut batches = open_batches();
            batches.push(row(doc! { "status": 1, "calls_per_second": 1 }, BATCH));
            add(BATCHES, batches);
        }
        for (number, (lane, calls)) in (0_i32..).zip(self.lanes) {
            add(CALLS, head(lane, *calls, now, number));
        }
        stages
    }
}

/// The stage that keeps some fields, and names the part.
fn row(mut fields: Document, part: impl Into<Bson>) -> Document {
    fields.insert(PART, literal(part));
    doc! { "$project": fields }
}

fn expired(now: DateTime) -> Vec<Document> {
    let mut filter = waiting();
    filter.insert("expires_at", doc! { "$lte": now });
    vec![
        doc! { "$match": filter },
        doc! { "$sort": { "expires_at": 1, "_id": 1 } },
        doc! { "$limit": 1 },
        row(doc! { "_id": 0 }, EXPIRED),
    ]
}

/// Counts the leased calls by priority.
fn leased(now: DateTime, most: u32) -> Vec<Document> {
    let mut filter = waiting();
    filter.insert("lease_until", doc! { "$gt": now });
    let [urgent, normal, bulk] =
        [Priority::Urgent, Priority::Normal, Priority::Bulk].map(Priority::as_str);
    let is_single = bson!({ "$in": ["$lane", [urgent, normal]] });
    vec![
        doc! { "$match": filter },
        doc! { "$sort": { "lease_until": 1, "_id": 1 } },
        doc! { "$limit": i64::from(most.max(1)) },
        doc! { "$group": { "_id": if_else(is_single, "$lane", bulk), "count": { "$sum": 1_i32 } } },
        row(doc! { "count": 1 }, LEASED),
    ]
}

fn counters() -> Vec<Document> {
    vec![
        doc! { "$match": { "_id": { "$in": [SWITCH, PERMITS] } } },
        row(doc! { "on": 1 }, COUNTER),
    ]
}

/// The first calls of a lane that no claim holds, due or not.
fn head(lane: &Lane, most: u32, now: DateTime, number: i32) -> Vec<Document> {
    let mut filter = doc! {
        "lane": lane.as_str(),
        // Only times: an odd value would be before them.
        "due_at": { "$gte": DateTime::from_millis(0) },
        "lease_until": { "$not": { "$gt": now } },
    };
    filter.extend(waiting());
    vec![
        doc! { "$match": filter },
        doc! { "$sort": in_lane_order() },
        doc! { "$limit": i64::from(most.max(1)) },
        row(doc! { "call_id": 1, "due_at": 1 }, number),
    ]
}

impl DueCall {
    fn read(row: &RawDocument) -> Option<Self> {
        Some(Self {
            id: row.get_object_id("_id").ok()?,
            call_id: row.get_str("call_id").ok()?.parse().ok()?,
            due_at: row.get_datetime("due_at").ok()?,
        })
    }
}

impl Look {
    fn empty(request: &LookRequest<'_>) -> Self {
        Self {
            dialing: DialingSwitch::of(None),
            has_permits: false,
            has_expired: false,
            leased: 0,
            most_urgent_leased: None,
            has_unreadable: false,
            lanes: vec![LaneHead::default(); request.lanes.len()],
            batches: request.with_batches.then(OpenBatches::default),
        }
    }

    /// Adds a row. `None` if it can't be read.
    fn add(&mut self, row: &RawDocument, now: DateTime) -> Option<()> {
        match row.get(PART).ok()?? {
            RawBsonRef::Int32(number) => {
                let lane = self.lanes.get_mut(usize::try_from(number).ok()?)?;
                let due_at = row.get_datetime("due_at").ok()?;
                if due_at <= now {
                    lane.due.push(DueCall::read(row)?);
                } else {
                    lane.next_due_at.get_or_insert(due_at);
                }
            }
            RawBsonRef::String(EXPIRED) => self.has_expired = true,
            RawBsonRef::String(LEASED) => {
                let priority: Priority = row.get_str("_id").ok()?.parse().ok()?;
                self.leased += u32::try_from(row.get_i32("count").ok()?).ok()?;
                let most_urgent = self
                    .most_urgent_leased
                    .map_or(priority, |it| it.min(priority));
                self.most_urgent_leased = Some(most_urgent);
            }
            RawBsonRef::String(COUNTER) => match row.get_str("_id").ok()? {
                PERMITS => self.has_permits = true,
                SWITCH => self.dialing = DialingSwitch::of(Some(row)),
                _ => {}
            },
            RawBsonRef::String(BATCH) => {
                if let Some(batches) = &mut self.batches {
                    batches.add(row);
                }
            }
            _ => {}
        }
        Some(())
    }
}

impl Dao {
    /// Looks at the dial queue. A call that cannot be read is logged, counted, and set aside for an hour.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn look(&self, request: &LookRequest<'_>, now: DateTime) -> Result<Look, DaoError> {
        let stages = request.stages(now);
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let mut rows = calls.aggregate(stages.clone()).batch_size(ROWS).await?;
            let mut look = Look::empty(request);
            let mut unreadable = Vec::new();
            while rows.advance().await? {
                if look.add(rows.current(), now).is_none() {
                    let id = rows.current().get("_id").ok().flatten();
                    unreadable.extend(id.and_then(|id| Bson::try_from(id).ok()));
                }
            }
            if let Some(batches) = &look.batches {
                batches.report_unreadable();
            }
            if !unreadable.is_empty() {
                tracing::error!(
                    collection = CALLS,
                    count = unreadable.len(),
                    "scheduled calls cannot be read, set aside"
                );
                metrics::count_times(Count::UnreadableDocument, unreadable.len() as u64);
                self.set_aside(unreadable, now).await?;
                look.has_unreadable = true;
            }
            Ok(look)
        })
        .await
    }
}
