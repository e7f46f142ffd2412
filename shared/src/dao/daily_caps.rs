//! The daily caps: counters of calls by user, by number, and in all.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mongodb::bson::{Bson, DateTime, Document, bson, doc, oid::ObjectId};
use ring::digest;

use super::{COUNTERS, Dao, DaoError, permits, updates::if_else, with_deadline};
use crate::{
    config::CallConfig,
    domain::{Call, Pace, PhoneNumber, Priority},
};

/// Result of counting a call against the daily caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapCheck {
    /// All caps admit the call; it is counted.
    Admitted,
    /// The user's cap is reached; nothing is counted.
    UserCapReached,
    /// The cap of calls to the number, by all users, is reached; nothing is counted.
    NumberCapReached,
    /// The cap of all calls is reached; nothing is counted.
    CapReached,
    /// There is no permit to dial now; nothing is counted.
    NoPermit,
}

/// A permit to dial at once, which a call takes if the caps admit it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Permit {
    /// The pace of all dials.
    pub pace: Pace,
    /// The call's urgency. It gets no permit while calls wait that are at least as urgent.
    pub priority: Priority,
}

/// Maximum numbers of calls in a UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyCaps {
    /// Calls of one user.
    pub per_user: u32,
    /// Calls to one number.
    pub per_number: u32,
    /// Calls of all users.
    pub in_all: u32,
}

impl DailyCaps {
    /// The configured caps.
    #[must_use]
    pub fn of(config: &CallConfig) -> Self {
        Self {
            per_user: config.max_calls_per_user_per_day,
            per_number: config.max_calls_per_number_per_day,
            in_all: config.max_calls_per_day,
        }
    }
}

/// Retention of a counter: longer than its day, for investigations.
const KEPT: Duration = Duration::from_hours(72);
/// Number of `_id`s of calls that a counter remembers: more calls than are placed while one of them is dialled.
const REMEMBERED: i64 = 128;
/// Field of a counter: the calls that were counted last.
const COUNTED: &str = "counted";
/// Field of a counter: the calls that were uncounted last. They are not counted again.
const GIVEN_BACK: &str = "given_back";

/// Returns the `_id` of the user's counter for this UTC day.
#[must_use]
pub fn user_counter(user_id: &str, at: DateTime) -> String {
    format!("calls:{}:{user_id}", day(at))
}

/// Returns the `_id` of the number's counter for this UTC day. It contains a hash of the number, because the database's logs
/// and errors show `_id`s.
#[must_use]
pub fn number_counter(number: &PhoneNumber, at: DateTime) -> String {
    let hash = digest::digest(&digest::SHA256, number.as_str().as_bytes());
    format!(
        "calls:{}:to:{}",
        day(at),
        BASE64_URL_SAFE_NO_PAD.encode(hash)
    )
}

/// The `_id`s of the call's counters: user or batch, number, all.
fn counter_ids(call: &Call) -> [String; 3] {
    let at = counted_at(call);
    [
        match call.batch_id {
            Some(batch) => format!("calls:{}:batch:{batch}", day(at)),
            None => user_counter(&call.user_id, at),
        },
        number_counter(call.counted_number(), at),
        format!("calls:{}", day(at)),
    ]
}

/// A time of the UTC day whose counters count the call.
fn counted_at(call: &Call) -> DateTime {
    let midnight = call
        .counted_on
        .as_ref()
        .and_then(|day| DateTime::parse_rfc3339_str(format!("{day}T00:00:00Z")).ok());
    midnight.unwrap_or(call.created_at)
}

/// The id by which the counters remember the call. Each dial from the queue has its own, because a call that Twilio did not
/// take is counted again later.
fn counted_as(call: &Call) -> ObjectId {
    call.counted_as.unwrap_or(call.id)
}

impl Dao {
    /// Counts the call on its UTC day ([`Call::counted_on`]), unless a cap is reached. A call that is already counted, or was
    /// uncounted, is not counted again. Concurrent requests never exceed a cap together. Then takes the permit, if one is
    /// wanted; without it, the call is uncounted.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The database may have counted the call then, or may do so later: [`Dao::uncount_call`] undoes both.
    pub async fn count_call(
        &self,
        call: &Call,
        caps: DailyCaps,
        permit: Option<Permit>,
    ) -> Result<CapCheck, DaoError> {
        let ids = counter_ids(call);
        let caps = [
            // A batch calls many people for one user.
            (
                if call.batch_id.is_some() {
                    u32::MAX
                } else {
                    caps.per_user
                },
                CapCheck::UserCapReached,
            ),
            (caps.per_number, CapCheck::NumberCapReached),
            (caps.in_all, CapCheck::CapReached),
        ];
        if let Some((_, reached)) = caps.iter().find(|(cap, _)| *cap == 0) {
            return Ok(*reached);
        }
        // The database stops at the first statement that fails: a user at the cap takes nothing from other users, even for a
        // moment.
        let mut statements = [0, 1, 2]
            .map(|at| one_more(&ids[at], caps[at].0, call))
            .to_vec();
        statements.extend(permit.map(|permit| permits::take_now(permit.pace, permit.priority)));
        with_deadline(async {
            let mut taken = 0;
            let mut refused = 0;
            // The first failure may mean that another request has just created the counter; the second means the cap.
            while refused < 2 {
                let left = statements[taken..].to_vec();
                let wanted = i64::try_from(left.len()).unwrap_or(i64::MAX);
                let updated = self.update_in_order(COUNTERS, left).await?;
                let Some((place, _)) = updated.duplicate else {
                    if updated.matched == wanted {
                        return Ok(CapCheck::Admitted);
                    }
                    self.uncount(&ids, call).await?;
                    return Ok(CapCheck::NoPermit);
                };
                refused = if place == 0 { refused + 1 } else { 1 };
                taken += place;
            }
            self.uncount(&ids[..taken], call).await?;
            Ok(caps[taken].1)
        })
        .await
    }

    /// Removes the call from these counters. It may be counted again.
    async fn uncount(&self, ids: &[String], call: &Call) -> Result<(), DaoError> {
        let uncount = |id| doc! { "q": { "_id": id }, "u": [{ "$set": uncounted(call) }] };
        let statements: Vec<_> = ids.iter().map(uncount).collect();
        if !statements.is_empty() {
            self.update_in_order(COUNTERS, statements).await?;
        }
        Ok(())
    }

    /// Undoes [`Dao::count_call`] for a call that is not dialled, even if the database has yet to apply that. Idempotent.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn uncount_call(&self, call: &Call) -> Result<(), DaoError> {
        let statements = counter_ids(call)
            .map(|id| uncount_for_good(&id, call))
            .to_vec();
        with_deadline(async {
            let updated = self.update_in_order(COUNTERS, statements.clone()).await?;
            // Another request has just created a counter.
            if updated.duplicate.is_some() {
                let again = self.update_in_order(COUNTERS, statements).await?;
                again.without_duplicate()?;
            }
            Ok(())
        })
        .await
    }
}

/// The UTC day, for example `2026-01-02`.
pub(super) fn day(at: DateTime) -> String {
    chrono::DateTime::from_timestamp_millis(at.timestamp_millis())
        .unwrap_or_default()
        .format("%Y-%m-%d")
        .to_string()
}

/// The statement that adds the call to a counter below its cap. At the cap it finds no counter and fails to create one, because
/// the `_id` exists.
fn one_more(id: &str, cap: u32, call: &Call) -> Document {
    let is_settled = bson!({ "$or": [holds(COUNTED, call), holds(GIVEN_BACK, call)] });
    let count = bson!({ "$add": [stored_count(), 1_i64] });
    doc! {
        "q": { "_id": id, "$or": [
            { "count": { "$lt": i64::from(cap) } },
            { COUNTED: counted_as(call) },
            { GIVEN_BACK: counted_as(call) },
        ] },
        "u": [{ "$set": {
            "count": if_else(is_settled.clone(), stored_count(), count),
            COUNTED: if_else(is_settled, ids(COUNTED), with(COUNTED, call)),
            "expires_at": expires_at(call),
        } }],
        "upsert": true,
    }
}

/// The statement that uncounts the call, and keeps it from being counted later.
fn uncount_for_good(id: &str, call: &Call) -> Document {
    let mut changes = uncounted(call);
    changes.insert(GIVEN_BACK, with(GIVEN_BACK, call));
    changes.insert("expires_at", expires_at(call));
    doc! { "q": { "_id": id }, "u": [{ "$set": changes }], "upsert": true }
}

/// The changes that remove the call from a counter, if it is counted there.
fn uncounted(call: &Call) -> Document {
    let one_less = bson!({ "$max": [0_i64, { "$subtract": [stored_count(), 1_i64] }] });
    let others = bson!({ "$filter": {
        "input": ids(COUNTED),
        "as": "id",
        "cond": { "$ne": ["$$id", counted_as(call)] },
    } });
    doc! {
        "count": if_else(holds(COUNTED, call), one_less, stored_count()),
        COUNTED: others,
    }
}

fn stored_count() -> Bson {
    bson!({ "$ifNull": ["$count", 0_i64] })
}

fn ids(field: &str) -> Bson {
    bson!({ "$ifNull": [format!("${field}"), []] })
}

fn holds(field: &str, call: &Call) -> Bson {
    bson!({ "$in": [counted_as(call), ids(field)] })
}

fn with(field: &str, call: &Call) -> Bson {
    bson!({ "$slice": [{ "$concatArrays": [ids(field), [counted_as(call)]] }, -REMEMBERED] })
}

fn expires_at(call: &Call) -> Bson {
    let at = counted_at(call).saturating_add_duration(KEPT);
    bson!({ "$ifNull": ["$expires_at", at] })
}
