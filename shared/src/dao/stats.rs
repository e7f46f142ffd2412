use std::{collections::BTreeMap, time::Duration};

use mongodb::bson::{Bson, DateTime, RawDocumentBuf, deserialize_from_slice, doc};
use serde::Deserialize;

use super::{Dao, DaoError};
use crate::domain::{CallStatus, DialOutcome, TimeRange};

/// How the calls of a range of time went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallStats {
    /// How many calls stand where, by the start of the piece of the range in which they were created.
    pub buckets: BTreeMap<DateTime, BTreeMap<CallStatus, u64>>,
    /// How many calls lasted how long, in seconds: those that have a duration.
    pub durations: BTreeMap<i64, u64>,
    /// How many calls were left out, because their stored status is none.
    pub unreadable: u64,
}

impl CallStats {
    /// How many calls are looked at: the newest.
    pub const MAX_CALLS: u32 = 50_000;

    /// How many calls there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_status().values().sum()
    }

    /// Whether there may be older calls in the range, which were not looked at.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.total() + self.unreadable >= Self::MAX_CALLS.into()
    }

    /// How many calls stand where.
    #[must_use]
    pub fn by_status(&self) -> BTreeMap<CallStatus, u64> {
        let mut sums = BTreeMap::new();
        for (&status, &count) in self.buckets.values().flatten() {
            *sums.entry(status).or_default() += count;
        }
        sums
    }

    /// Which part of the calls that have ended was answered; none where none has ended.
    #[must_use]
    pub fn answer_rate(&self) -> Option<f64> {
        let by_status = self.by_status();
        let ended = by_status.iter().filter(|(status, _)| status.is_terminal());
        let ended: u64 = ended.map(|(_, count)| count).sum();
        let answered = by_status.get(&CallStatus::Completed).copied();
        (ended > 0).then(|| as_f64(answered.unwrap_or_default()) / as_f64(ended))
    }

    /// The middle one of the durations, in seconds, or halfway between the two that are; none where there is none.
    #[must_use]
    pub fn median_duration_seconds(&self) -> Option<f64> {
        let count: u64 = self.durations.values().sum();
        let nth = |place: u64| {
            let mut before = 0;
            let seconds = self.durations.iter().find(|(_, count)| {
                before += **count;
                before > place
            });
            seconds.map(|(&seconds, _)| seconds)
        };
        let (low, high) = (nth(count.checked_sub(1)? / 2)?, nth(count / 2)?);
        #[expect(clippy::cast_precision_loss, reason = "no call lasts that long")]
        Some(f64::midpoint(low as f64, high as f64))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "at most the calls that are looked at"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[derive(Deserialize)]
struct Found {
    calls: Vec<Counted<RawDocumentBuf>>,
    durations: Vec<Counted<i64>>,
}

#[derive(Deserialize)]
struct Counted<T> {
    #[serde(rename = "_id")]
    what: T,
    count: u64,
}

#[derive(Deserialize)]
struct Place {
    start: DateTime,
    status: CallStatus,
}

/// The server gives up a little before we do, so that nothing is counted in vain.
pub(super) const MAX_TIME: Duration = Duration::from_millis(3_500);
/// More seconds than any call lasts; beyond that a stored number may be too large for the server to convert.
const MAX_DURATION: i32 = i32::MAX;

impl Dao {
    /// How the calls went that were created in the range; of more than [`CallStats::MAX_CALLS`] the newest. A
    /// call that Twilio refused is not among them: [`Dao::refusals`] has it.
    ///
    /// # Errors
    ///
    /// When the database is away, or takes too long.
    pub async fn call_stats(&self, range: &TimeRange) -> Result<CallStats, DaoError> {
        let bucket = range.bucket_seconds() * 1_000;
        let past = doc! { "$mod": [{ "$toLong": "$created_at" }, bucket] };
        let stages = [
            doc! { "$match": {
                "created_at": { "$gte": range.from(), "$lt": range.to() },
                // One that Twilio was not reached for has no status of an answer.
                "$or": [
                    { "dial_outcome": { "$ne": DialOutcome::Refused.as_str() } },
                    { "error_status": Bson::Null },
                ],
            } },
            doc! { "$sort": { "created_at": -1, "_id": -1 } },
            doc! { "$limit": CallStats::MAX_CALLS },
            doc! { "$project": { "_id": 0, "created_at": 1, "status": 1, "duration_seconds": 1 } },
            doc! { "$facet": {
                "calls": [{ "$group": {
                    "_id": { "start": { "$subtract": ["$created_at", past] }, "status": "$status" },
                    "count": { "$sum": 1 },
                } }],
                "durations": [
                    { "$match": { "duration_seconds": { "$gte": 0, "$lte": MAX_DURATION } } },
                    { "$group": { "_id": { "$toLong": "$duration_seconds" }, "count": { "$sum": 1 } } },
                ],
            } },
        ];
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let mut found = calls
                .aggregate(stages.clone())
                .max_time(MAX_TIME)
                .with_type::<Found>()
                .await?;
            let mut stats = CallStats::default();
            if found.advance().await? {
                let found = found.deserialize_current()?;
                for Counted { what, count } in found.calls {
                    let Ok(place) = deserialize_from_slice::<Place>(what.as_bytes()) else {
                        stats.unreadable += count;
                        continue;
                    };
                    let bucket = stats.buckets.entry(place.start).or_default();
                    bucket.insert(place.status, count);
                }
                if stats.unreadable > 0 {
                    let count = stats.unreadable;
                    tracing::error!(
                        count,
                        "calls are left out of the statistics: no status can be read"
                    );
                }
                let durations = found.durations.into_iter();
                stats.durations = durations.map(|each| (each.what, each.count)).collect();
            }
            Ok(stats)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_durations(durations: &[(i64, u64)]) -> Option<f64> {
        let stats = CallStats {
            durations: durations.iter().copied().collect(),
            ..CallStats::default()
        };
        stats.median_duration_seconds()
    }

    #[test]
    fn the_median_is_the_middle_one_or_halfway_between_two() {
        assert_eq!(of_durations(&[]), None);
        for (durations, median) in [
            (&[(7, 1)][..], 7.0),
            (&[(7, 2)], 7.0),
            (&[(7, 1), (10, 1)], 8.5),
            (&[(1, 1), (7, 1), (90, 1)], 7.0),
            (&[(1, 1), (7, 5), (90, 1)], 7.0),
            (&[(1, 2), (90, 2)], 45.5),
            (&[(0, 3), (90, 2)], 0.0),
        ] {
            assert_eq!(of_durations(durations), Some(median), "{durations:?}");
        }
    }

    fn of_statuses(statuses: &[(CallStatus, u64)]) -> CallStats {
        let bucket = statuses.iter().copied().collect();
        CallStats {
            buckets: [(DateTime::MIN, bucket)].into(),
            ..CallStats::default()
        }
    }

    #[test]
    fn the_answer_rate_is_of_the_calls_that_have_ended() {
        use CallStatus::{Busy, Canceled, Completed, Failed, InProgress, NoAnswer, Queued};
        for (statuses, rate) in [
            (&[][..], None),
            (&[(Queued, 1), (InProgress, 2)], None),
            (&[(Queued, 1), (Completed, 2)], Some(1.0)),
            (&[(Busy, 1), (InProgress, 5)], Some(0.0)),
            (
                &[
                    (Completed, 2),
                    (Busy, 1),
                    (NoAnswer, 2),
                    (Failed, 2),
                    (Canceled, 1),
                ],
                Some(0.25),
            ),
        ] {
            assert_eq!(of_statuses(statuses).answer_rate(), rate, "{statuses:?}");
        }
    }

    #[test]
    fn statistics_are_truncated_once_no_more_calls_are_looked_at() {
        let most = u64::from(CallStats::MAX_CALLS);
        for (total, is_truncated) in [(0, false), (most - 1, false), (most, true)] {
            let stats = of_statuses(&[(CallStatus::Busy, total)]);
            assert_eq!(stats.is_truncated(), is_truncated, "{total}");
        }
    }
}
