use std::time::Duration;

use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocumentBuf, bson, doc},
};

use super::{COUNTERS, Dao, DaoError, together};
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
    /// When the database is away. Where an answer of it was lost, at most one count too many is left.
    pub async fn take_calls(
        &self,
        user: UserId,
        now: DateTime,
        per_user: u32,
        in_all: u32,
    ) -> Result<Taken, DaoError> {
        if per_user == 0 {
            return Ok(Taken::UserCapReached);
        }
        if in_all == 0 {
            return Ok(Taken::CapReached);
        }
        let [of_all, of_user] = counter_ids(user, now);
        // The statement after one that fails is not run: a user at the cap takes nothing from the others even for a moment.
        let statements = [
            one_more(&of_user, per_user, now),
            one_more(&of_all, in_all, now),
        ];
        together(async {
            let mut left = &statements[..];
            let mut refused = 0;
            // A counter that is refused may have been made by another request at the same moment; twice, it is at its cap.
            while refused < 2 {
                let updated = self.update_in_order(COUNTERS, left.to_vec()).await?;
                let Some((place, _)) = updated.duplicate else {
                    return Ok(Taken::Taken);
                };
                refused = if place == 0 { refused + 1 } else { 1 };
                left = &left[place..];
            }
            if left.len() == statements.len() {
                return Ok(Taken::UserCapReached);
            }
            give_back(&self.counters().await?, &of_user).await?;
            Ok(Taken::CapReached)
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
    let day = day(now);
    [format!("calls:{day}"), format!("calls:{day}:{user}")]
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

async fn give_back(counters: &Collection<RawDocumentBuf>, id: &str) -> Result<(), DaoError> {
    let one_less = bson!({ "$max": [0_i64, { "$subtract": ["$count", 1_i64] }] });
    let change = vec![doc! { "$set": { "count": one_less } }];
    counters.update_one(doc! { "_id": id }, change).await?;
    Ok(())
}
