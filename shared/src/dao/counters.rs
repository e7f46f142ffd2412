use std::time::Duration;

use mongodb::{
    Collection,
    bson::{DateTime, Document, bson, doc},
};

use super::{Dao, DaoError, expr::if_else};
use crate::domain::UserId;

/// Whether one more call may be placed today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It may, and is counted.
    Taken,
    /// The user has had all of today's; nothing is counted.
    UserCapReached,
    /// All users together have had all of today's; nothing is counted.
    CapReached,
}

/// Counters of past days are of no use, but to a person who asks what happened.
const KEPT: Duration = Duration::from_hours(72);

impl Dao {
    /// Counts one more call of the user on the UTC day of `now`, unless the user's or the common cap is reached.
    ///
    /// Concurrent callers never pass a cap together.
    ///
    /// # Errors
    ///
    /// When the database is away; then at most one count too many is left.
    pub async fn take_calls(
        &self,
        user: UserId,
        now: DateTime,
        per_user: u32,
        in_all: u32,
    ) -> Result<Taken, DaoError> {
        self.limited(|| async {
            let counters = self.counters().await?;
            let [of_all, of_user] = counter_ids(user, now);
            // One after the other: a user at the cap must not take from the others even for a moment.
            if !take(&counters, &of_user, per_user, now).await? {
                return Ok(Taken::UserCapReached);
            }
            let all = take(&counters, &of_all, in_all, now).await;
            if !matches!(all, Ok(true)) {
                give_back(&counters, &of_user).await?;
            }
            Ok(if all? {
                Taken::Taken
            } else {
                Taken::CapReached
            })
        })
        .await
    }

    /// Takes back a count of [`Dao::take_calls`], for a call that Twilio refused.
    ///
    /// `taken_at` is the `now` of the taking: midnight may have passed since.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn give_back_calls(&self, user: UserId, taken_at: DateTime) -> Result<(), DaoError> {
        self.limited(|| async {
            let counters = self.counters().await?;
            let [of_all, of_user] = counter_ids(user, taken_at);
            let (all, own) = tokio::join!(
                give_back(&counters, &of_all),
                give_back(&counters, &of_user),
            );
            all.and(own)
        })
        .await
    }
}

fn counter_ids(user: UserId, now: DateTime) -> [String; 2] {
    let day = chrono::DateTime::from_timestamp_millis(now.timestamp_millis())
        .unwrap_or_default()
        .format("%Y-%m-%d");
    [format!("calls:{day}"), format!("calls:{day}:{user}")]
}

async fn take(
    counters: &Collection<Document>,
    id: &str,
    max: u32,
    now: DateTime,
) -> Result<bool, DaoError> {
    if max == 0 {
        return Ok(false);
    }
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    let expires_at = DateTime::from_millis(now.timestamp_millis().saturating_add(kept));
    let count = bson!({ "$ifNull": ["$count", 0_i64] });
    let is_below = bson!({ "$lt": [count.clone(), i64::from(max)] });
    let one_more = bson!({ "$add": [count.clone(), 1_i64] });
    let change = vec![doc! { "$set": {
        "count": if_else(is_below, one_more, count),
        "expires_at": { "$ifNull": ["$expires_at", expires_at] },
    } }];
    let upserted = counters
        .update_one(doc! { "_id": id }, change.clone())
        .upsert(true)
        .await
        .map_err(DaoError::from);
    let result = match upserted {
        // Another request has made the counter at the same moment.
        Err(DaoError::Duplicate(_)) => counters.update_one(doc! { "_id": id }, change).await?,
        result => result?,
    };
    Ok(result.upserted_id.is_some() || result.modified_count > 0)
}

async fn give_back(counters: &Collection<Document>, id: &str) -> Result<(), DaoError> {
    let one_less = bson!({ "$max": [0_i64, { "$subtract": ["$count", 1_i64] }] });
    let change = vec![doc! { "$set": { "count": one_less } }];
    counters.update_one(doc! { "_id": id }, change).await?;
    Ok(())
}
