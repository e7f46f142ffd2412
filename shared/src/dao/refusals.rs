//! Counters of refused calls, by day, slot of five minutes and code.

use std::{collections::BTreeMap, time::Duration};

use mongodb::bson::{Bson, DateTime, bson, doc};
use serde::Deserialize;

use super::{COUNTERS, Dao, DaoError, daily_caps::day, stored, updates::if_else};
use crate::domain::{RefusalCode, TimeRange};

/// The refusals in a UTC day.
#[derive(Deserialize)]
struct Refused {
    #[serde(rename = "_id")]
    id: String,
    /// Numbers for the whole day. Earlier versions stored nothing else.
    by_code: BTreeMap<String, u64>,
    /// Numbers by slot, then by code. Null if the whole day is requested.
    slots: Option<BTreeMap<String, BTreeMap<String, u64>>>,
}

/// The slots of one day that a range touches, both ends included.
struct DayPart {
    first: String,
    last: String,
}

/// Length of a slot in milliseconds. A slot's name is the UTC time at which it begins: `13:05`.
const SLOT: i64 = 5 * 60_000;
const DAY: i64 = 24 * 60 * 60_000;
/// Retention of a counter: a year and a month.
const KEPT: Duration = Duration::from_hours(400 * 24);

impl Dao {
    /// Counts a refused call in the slot of `now`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; the refusal may or may not be counted then.
    pub async fn count_refusal(&self, code: RefusalCode, now: DateTime) -> Result<(), DaoError> {
        let code = code.as_str();
        let count = doc! {
            "$inc": {
                format!("by_code.{code}"): 1_i64,
                format!("slots.{}.{code}", slot(now)): 1_i64,
            },
            "$setOnInsert": { "expires_at": now.saturating_add_duration(KEPT) },
        };
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let this = doc! { "_id": counter_of(now) };
            counters
                .update_one(this, count.clone())
                .upsert(true)
                .await?;
            Ok(())
        })
        .await
    }

    /// Returns the numbers of refused calls by code, in the slots that the range touches. Refusals that an earlier version
    /// counted have no slot: they are included if the range touches all slots of their day.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn refusals(&self, range: &TimeRange) -> Result<BTreeMap<String, u64>, DaoError> {
        let parts: BTreeMap<_, _> = range
            .days()
            .map(|day| (counter_of(day), DayPart::of(day, range)))
            .collect();
        let names = |is_wanted: fn(&DayPart) -> bool| -> Vec<&String> {
            let wanted = parts.iter().filter(|(_, part)| is_wanted(part));
            wanted.map(|(name, _)| name).collect()
        };
        let is_partial = bson!({ "$in": ["$_id", names(|part| !part.is_whole())] });
        let stages = [
            doc! { "$match": { "_id": { "$in": names(|_| true) } } },
            // Leaves out the slots of whole days, which nothing reads.
            doc! { "$project": {
                "by_code": 1,
                "slots": if_else(is_partial, bson!({ "$ifNull": ["$slots", {}] }), Bson::Null),
            } },
        ];
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let mut found = counters.aggregate(stages.clone()).await?;
            let mut sums = BTreeMap::new();
            while found.advance().await? {
                let Ok(refused) = stored::read::<Refused>(COUNTERS, found.current()) else {
                    continue;
                };
                if let Some(part) = parts.get(&refused.id) {
                    for (code, count) in part.counted(refused) {
                        *sums.entry(code).or_default() += count;
                    }
                }
            }
            Ok(sums)
        })
        .await
    }
}

impl DayPart {
    /// The part of the day that begins at `day`.
    fn of(day: DateTime, range: &TimeRange) -> Self {
        let last = |end: i64| DateTime::from_millis(end.saturating_sub(1));
        let day_end = day.timestamp_millis().saturating_add(DAY);
        Self {
            first: slot(day.max(range.from())),
            last: slot(last(day_end.min(range.to().timestamp_millis()))),
        }
    }

    fn is_whole(&self) -> bool {
        self.first == "00:00" && self.last == "23:55"
    }

    fn counted(&self, refused: Refused) -> Vec<(String, u64)> {
        let Some(slots) = refused.slots else {
            return refused.by_code.into_iter().collect();
        };
        let touched = slots
            .into_iter()
            .filter(|(slot, _)| (&self.first..=&self.last).contains(&slot));
        touched.flat_map(|(_, by_code)| by_code).collect()
    }
}

fn counter_of(at: DateTime) -> String {
    format!("refused:{}", day(at))
}

fn slot(at: DateTime) -> String {
    let at = at.timestamp_millis();
    chrono::DateTime::from_timestamp_millis(at - at.rem_euclid(SLOT))
        .unwrap_or_default()
        .format("%H:%M")
        .to_string()
}
