use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use mongodb::{
    Collection,
    bson::{DateTime, Document, bson, doc},
};
use ring::digest;

use super::{COUNTERS, Dao, DaoError, together};
use crate::domain::{PhoneNumber, UserId};

/// Whether one more call may be placed today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It may, and is counted.
    Taken,
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

/// What a call counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedCall {
    /// The user whom it concerns.
    pub user: UserId,
    /// The number that it goes to: one for all spellings of a line.
    pub number: PhoneNumber,
    /// When it is counted, which decides the UTC day.
    pub at: DateTime,
}

/// Counters of past days are of no use, but to a person who asks what happened.
const KEPT: Duration = Duration::from_hours(72);

/// The `_id` of the user's counter of the UTC day.
#[must_use]
pub fn user_counter(user: UserId, at: DateTime) -> String {
    format!("calls:{}:{user}", day(at))
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

impl CountedCall {
    /// The `_id`s of its counters, the most particular first.
    fn counter_ids(&self) -> [String; 3] {
        [
            user_counter(self.user, self.at),
            number_counter(&self.number, self.at),
            format!("calls:{}", day(self.at)),
        ]
    }
}

impl Dao {
    /// Counts one more call on its UTC day, unless the user's, the number's or the common cap is reached.
    ///
    /// Concurrent callers never pass a cap together.
    ///
    /// # Errors
    ///
    /// When the database is away. Where an answer of it was lost, at most one count too many is left.
    pub async fn take_calls(&self, call: &CountedCall, caps: DailyCaps) -> Result<Taken, DaoError> {
        let ids = call.counter_ids();
        let caps = [
            (caps.per_user, Taken::UserCapReached),
            (caps.per_number, Taken::NumberCapReached),
            (caps.in_all, Taken::CapReached),
        ];
        if let Some((_, reached)) = caps.iter().find(|(cap, _)| *cap == 0) {
            return Ok(*reached);
        }
        // The statement after one that fails is not run: a user at the cap takes nothing from the others even for a moment.
        let statements = [0, 1, 2].map(|at| one_more(&ids[at], caps[at].0, call.at));
        together(async {
            let mut taken = 0;
            let mut refused = 0;
            // A counter that is refused may have been made by another request at the same moment; twice, it is at its cap.
            while refused < 2 {
                let left = statements[taken..].to_vec();
                let updated = self.update_in_order(COUNTERS, left).await?;
                let Some((place, _)) = updated.duplicate else {
                    return Ok(Taken::Taken);
                };
                refused = if place == 0 { refused + 1 } else { 1 };
                taken += place;
            }
            give_back(&self.counters().await?, &ids[..taken]).await?;
            Ok(caps[taken].1)
        })
        .await
    }

    /// Takes back a count of [`Dao::take_calls`], for a call that Twilio refused; from the day on which it was counted.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn give_back_calls(&self, call: &CountedCall) -> Result<(), DaoError> {
        let ids = call.counter_ids();
        self.limited(|| async { give_back(&self.counters().await?, &ids).await })
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
fn one_more(id: &str, cap: u32, now: DateTime) -> Document {
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    let expires_at = DateTime::from_millis(now.timestamp_millis().saturating_add(kept));
    doc! {
        "q": { "_id": id, "count": { "$lt": i64::from(cap) } },
        "u": { "$inc": { "count": 1_i64 }, "$setOnInsert": { "expires_at": expires_at } },
        "upsert": true,
    }
}

/// Each by a write of its own, which the driver repeats without doing it twice.
async fn give_back(counters: &Collection<Document>, ids: &[String]) -> Result<(), DaoError> {
    let one_less = bson!({ "$max": [0_i64, { "$subtract": ["$count", 1_i64] }] });
    let change = vec![doc! { "$set": { "count": one_less } }];
    let updates = ids.iter().map(|id| {
        let update = counters.update_one(doc! { "_id": id }, change.clone());
        update.into_future()
    });
    for updated in join_all(updates).await {
        updated?;
    }
    Ok(())
}
