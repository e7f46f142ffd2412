//! Statistics of calls over a range of time.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, DateTime, RawDocumentBuf, deserialize_from_slice, doc};
use serde::Deserialize;

use super::{Dao, DaoError, ResultCounts, client::MAX_TIME, effects::with_stored_result};
use crate::domain::{CallStatus, DialOutcome, TimeRange};

/// Statistics of the calls created in a range of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallStats {
    /// Numbers of calls by bucket and status. The key is the bucket's start.
    pub buckets: BTreeMap<DateTime, BTreeMap<CallStatus, u64>>,
    /// Numbers of calls by duration in seconds. Calls without a duration are left out.
    pub durations: BTreeMap<i64, u64>,
    /// Numbers of calls by stored result.
    pub results: ResultCounts,
    /// Number of calls that ended without having been dialled: canceled or expired while they waited.
    pub undialled: u64,
    /// Number of calls left out because their stored status is invalid.
    pub unreadable: u64,
}

impl CallStats {
    /// Maximum number of calls in the statistics: the newest.
    pub const MAX_CALLS: u32 = 50_000;

    /// Number of calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_status().values().sum()
    }

    /// Returns true if the range may contain older calls that the statistics leave out.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.total() + self.unreadable >= Self::MAX_CALLS.into()
    }

    /// Numbers of calls by status.
    #[must_use]
    pub fn by_status(&self) -> BTreeMap<CallStatus, u64> {
        let mut sums = BTreeMap::new();
        for (&status, &count) in self.buckets.values().flatten() {
            *sums.entry(status).or_default() += count;
        }
        sums
    }

    /// Share of answered calls among those that were dialled and have ended; `None` if there are none.
    #[must_use]
    pub fn answer_rate(&self) -> Option<f64> {
        let by_status = self.by_status();
        let ended = by_status.iter().filter(|(status, _)| status.is_terminal());
        let ended: u64 = ended.map(|(_, count)| count).sum();
        let ended = ended.saturating_sub(self.undialled);
        let answered = by_status.get(&CallStatus::Completed).copied();
        (ended > 0).then(|| as_f64(answered.unwrap_or_default()) / as_f64(ended))
    }

    /// Median of the durations, in seconds; `None` if there are none.
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

#[expect(clippy::cast_precision_loss, reason = "at most `MAX_CALLS`")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[derive(Deserialize)]
struct Found {
    calls: Vec<Counted<RawDocumentBuf>>,
    durations: Vec<Counted<i64>>,
    results: Vec<Counted<String>>,
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
    was_dialled: bool,
}

/// Longer than any call, in seconds. The server may fail to convert larger numbers.
const MAX_DURATION: i32 = i32::MAX;

impl Dao {
    /// Returns the statistics of the calls created in the range, of the newest [`CallStats::MAX_CALLS`] at most. Calls that
    /// Twilio refused are left out: [`Dao::refusals`] counts them.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn call_stats(&self, range: &TimeRange) -> Result<CallStats, DaoError> {
        let bucket = range.bucket_seconds() * 1_000;
        let past = doc! { "$mod": [{ "$toLong": "$created_at" }, bucket] };
        // As `Call::was_dialled`.
        let was_dialled = doc! { "$or": [
            { "$eq": [{ "$ifNull": ["$due_at", Bson::Null] }, Bson::Null] },
            { "$ne": [{ "$ifNull": ["$dial_outcome", Bson::Null] }, Bson::Null] },
        ] };
        let stages = [
            doc! { "$match": {
                "created_at": { "$gte": range.from(), "$lt": range.to() },
                // A call for which Twilio was not reached has no `error_status`.
                "$or": [
                    { "dial_outcome": { "$ne": DialOutcome::Refused.as_str() } },
                    { "error_status": Bson::Null },
                ],
            } },
            doc! { "$sort": { "created_at": -1, "_id": -1 } },
            doc! { "$limit": CallStats::MAX_CALLS },
            doc! { "$project": {
                "_id": 0,
                "created_at": 1,
                "status": 1,
                "duration_seconds": 1,
                "result": 1,
                "was_dialled": was_dialled,
            } },
            doc! { "$facet": {
                "calls": [{ "$group": {
                    "_id": {
                        "start": { "$subtract": ["$created_at", past] },
                        "status": "$status",
                        "was_dialled": "$was_dialled",
                    },
                    "count": { "$sum": 1 },
                } }],
                "durations": [
                    { "$match": { "duration_seconds": { "$gte": 0, "$lte": MAX_DURATION } } },
                    { "$group": { "_id": { "$toLong": "$duration_seconds" }, "count": { "$sum": 1 } } },
                ],
                "results": [
                    { "$match": with_stored_result() },
                    { "$group": { "_id": "$result", "count": { "$sum": 1 } } },
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
                    *bucket.entry(place.status).or_default() += count;
                    if place.status.is_terminal() && !place.was_dialled {
                        stats.undialled += count;
                    }
                }
                if stats.unreadable > 0 {
                    let count = stats.unreadable;
                    tracing::error!(
                        count,
                        "statistics leave out calls with an unreadable status"
                    );
                }
                let durations = found.durations.into_iter();
                stats.durations = durations.map(|each| (each.what, each.count)).collect();
                let results = found.results.into_iter();
                stats.results = ResultCounts::of(results.map(|each| (each.what, each.count)));
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
    fn median_is_the_middle_value_or_halfway_between_two() {
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
    fn answer_rate_counts_ended_calls_only() {
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
    fn statistics_are_truncated_at_the_maximum() {
        let most = u64::from(CallStats::MAX_CALLS);
        for (total, is_truncated) in [(0, false), (most - 1, false), (most, true)] {
            let stats = of_statuses(&[(CallStatus::Busy, total)]);
            assert_eq!(stats.is_truncated(), is_truncated, "{total}");
        }
    }
}
