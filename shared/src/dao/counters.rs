use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mongodb::bson::{Bson, DateTime, Document, bson, doc};
use ring::digest;

use super::{COUNTERS, Dao, DaoError, expr::if_else, with_deadline};
use crate::domain::{Call, PhoneNumber};

/// Whether one more call may be placed today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapCheck {
    /// It may, and is counted.
    Admitted,
    /// The user has had all of today's; nothing is counted.
    UserCapReached,
    /// The number has been called as often as it may be today, whoever asked; nothing is counted.
    NumberCapReached,
    /// All users together have had all of today's; nothing is counted.
    CapReached,
}

/// How many calls a UTC day may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyCaps {
    /// Of one user.
    pub per_user: u32,
    /// To one number.
    pub per_number: u32,
    /// Of all users.
    pub in_all: u32,
}

/// Counters of past days are of no use, but to a person who asks what happened.
const KEPT: Duration = Duration::from_hours(72);
/// How many calls a counter remembers by their `_id`: more than are placed while one of them is dialled.
const REMEMBERED: i64 = 128;
/// In a counter: the calls that were counted last.
const COUNTED: &str = "counted";
/// In a counter: the calls that were given back last. They are not counted again.
const GIVEN_BACK: &str = "given_back";

/// The `_id` of the user's counter of the UTC day.
#[must_use]
pub fn user_counter(user_id: &str, at: DateTime) -> String {
    format!("calls:{}:{user_id}", day(at))
}

/// The `_id` of the number's counter of the UTC day. A hash stands for the number: an `_id` shows in the database's logs
/// and errors.
#[must_use]
pub fn number_counter(number: &PhoneNumber, at: DateTime) -> String {
    let hash = digest::digest(&digest::SHA256, number.as_str().as_bytes());
    format!(
        "calls:{}:to:{}",
        day(at),
        BASE64_URL_SAFE_NO_PAD.encode(hash)
    )
}

/// The `_id`s of the call's counters, the most particular first.
fn counter_ids(call: &Call) -> [String; 3] {
    let at = call.created_at;
    [
        user_counter(&call.user_id, at),
        number_counter(call.counted_number(), at),
        format!("calls:{}", day(at)),
    ]
}

impl Dao {
    /// Counts the call on the UTC day of its `created_at`, unless its user's, its number's or the common cap is reached. A call
    /// that is counted already, or was given back, is not counted again.
    ///
    /// Concurrent callers never pass a cap together.
    ///
    /// # Errors
    ///
    /// When the database is away. The call may be counted then, or may be later: [`Dao::give_back_calls`] undoes both.
    pub async fn take_calls(&self, call: &Call, caps: DailyCaps) -> Result<CapCheck, DaoError> {
        let ids = counter_ids(call);
        let caps = [
            (caps.per_user, CapCheck::UserCapReached),
            (caps.per_number, CapCheck::NumberCapReached),
            (caps.in_all, CapCheck::CapReached),
        ];
        if let Some((_, reached)) = caps.iter().find(|(cap, _)| *cap == 0) {
            return Ok(*reached);
        }
        // The statement after one that fails is not run: a user at the cap takes nothing from the others even for a moment.
        let statements = [0, 1, 2].map(|at| one_more(&ids[at], caps[at].0, call));
        with_deadline(async {
            let mut taken = 0;
            let mut refused = 0;
            // A counter that is refused may have been made by another request at the same moment; twice, it is at its cap.
            while refused < 2 {
                let left = statements[taken..].to_vec();
                let updated = self.update_in_order(COUNTERS, left).await?;
                let Some((place, _)) = updated.duplicate else {
                    return Ok(CapCheck::Admitted);
                };
                refused = if place == 0 { refused + 1 } else { 1 };
                taken += place;
            }
            let uncount = |id| doc! { "q": { "_id": id }, "u": [{ "$set": uncounted(call) }] };
            let statements: Vec<_> = ids[..taken].iter().map(uncount).collect();
            if !statements.is_empty() {
                self.update_in_order(COUNTERS, statements).await?;
            }
            Ok(caps[taken].1)
        })
        .await
    }

    /// Undoes [`Dao::take_calls`] for a call that is not dialled, also where that has yet to arrive at the database.
    /// Calling it twice changes nothing more.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn give_back_calls(&self, call: &Call) -> Result<(), DaoError> {
        let statements = counter_ids(call).map(|id| given_back(&id, call)).to_vec();
        with_deadline(async {
            let updated = self.update_in_order(COUNTERS, statements.clone()).await?;
            // A counter was made by another request at the same moment.
            if updated.duplicate.is_some() {
                let again = self.update_in_order(COUNTERS, statements).await?;
                again.without_duplicate()?;
            }
            Ok(())
        })
        .await
    }
}

/// The UTC day, such as `2026-01-02`.
pub(super) fn day(at: DateTime) -> String {
    chrono::DateTime::from_timestamp_millis(at.timestamp_millis())
        .unwrap_or_default()
        .format("%Y-%m-%d")
        .to_string()
}

/// Counts one more below the cap. At the cap no counter is found, and to make one fails, for its `_id` is there already.
fn one_more(id: &str, cap: u32, call: &Call) -> Document {
    let is_settled = bson!({ "$or": [holds(COUNTED, call), holds(GIVEN_BACK, call)] });
    let count = bson!({ "$add": [stored_count(), 1_i64] });
    doc! {
        "q": { "_id": id, "$or": [
            { "count": { "$lt": i64::from(cap) } },
            { COUNTED: call.id },
            { GIVEN_BACK: call.id },
        ] },
        "u": [{ "$set": {
            "count": if_else(is_settled.clone(), stored_count(), count),
            COUNTED: if_else(is_settled, ids(COUNTED), with(COUNTED, call)),
            "expires_at": expires_at(call),
        } }],
        "upsert": true,
    }
}

fn given_back(id: &str, call: &Call) -> Document {
    let mut changes = uncounted(call);
    changes.insert(GIVEN_BACK, with(GIVEN_BACK, call));
    changes.insert("expires_at", expires_at(call));
    doc! { "q": { "_id": id }, "u": [{ "$set": changes }], "upsert": true }
}

/// Counts one less if the call is counted, and forgets it.
fn uncounted(call: &Call) -> Document {
    let one_less = bson!({ "$max": [0_i64, { "$subtract": [stored_count(), 1_i64] }] });
    let others = bson!({ "$filter": {
        "input": ids(COUNTED),
        "as": "id",
        "cond": { "$ne": ["$$id", call.id] },
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
    bson!({ "$in": [call.id, ids(field)] })
}

fn with(field: &str, call: &Call) -> Bson {
    bson!({ "$slice": [{ "$concatArrays": [ids(field), [call.id]] }, -REMEMBERED] })
}

fn expires_at(call: &Call) -> Bson {
    let at = call.created_at.saturating_add_duration(KEPT);
    bson!({ "$ifNull": ["$expires_at", at] })
}
