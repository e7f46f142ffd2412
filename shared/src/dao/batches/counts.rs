//! How far a batch has come: its calls by status and by result.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, bson, doc};
use serde::Deserialize;

use crate::{
    dao::{Dao, DaoError, ResultCounts, client::MAX_TIME},
    domain::{BatchId, CallStatus},
};

/// The number of recipients of a batch, in all, and by the status and the result of their last call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchCounts {
    /// Number of recipients.
    pub recipients: u64,
    /// Number of calls: one for each attempt.
    pub attempts: u64,
    /// Numbers of recipients by the status of their last call.
    pub by_status: BTreeMap<CallStatus, u64>,
    /// Numbers of recipients by the stored result of their last call.
    pub results: ResultCounts,
}

impl BatchCounts {
    /// Number of recipients whose call waits.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let waiting = self.by_status.get(&CallStatus::Scheduled);
        waiting.copied().unwrap_or_default()
    }

    /// Number of recipients whose call waits or is under way.
    #[must_use]
    pub fn open(&self) -> u64 {
        let active = CallStatus::ACTIVE.iter();
        let active = active.filter_map(|status| self.by_status.get(status));
        self.waiting() + active.sum::<u64>()
    }
}

/// A group of calls, and its size.
#[derive(Deserialize)]
struct Group {
    #[serde(rename = "_id")]
    of: Common,
    count: u64,
}

#[derive(Deserialize)]
struct Common {
    /// Any value, because an odd document must not stop the count.
    status: Bson,
    result: Bson,
    is_first: bool,
    is_last: bool,
}

impl Dao {
    /// Counts a batch's recipients and calls. The index has every field that this reads.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn count_batch(&self, id: BatchId) -> Result<BatchCounts, DaoError> {
        let common = doc! {
            "status": "$status",
            "result": { "$ifNull": ["$result", Bson::Null] },
            "is_first": { "$lte": [{ "$ifNull": ["$attempt", 1] }, 1] },
            "is_last": { "$eq": [{ "$ifNull": ["$next_call_id", ""] }, ""] },
        };
        let stages = [
            doc! { "$match": { "batch_id": id.to_string() } },
            doc! { "$group": { "_id": common, "count": { "$sum": 1_i64 } } },
        ];
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let mut found = calls
                .aggregate(stages.clone())
                .max_time(MAX_TIME)
                .with_type::<Group>()
                .await?;
            let (mut counts, mut results) = (BatchCounts::default(), Vec::new());
            while found.advance().await? {
                let Group { of, count } = found.deserialize_current()?;
                counts.attempts += count;
                if of.is_first {
                    counts.recipients += count;
                }
                if of.is_last {
                    let word = of.status.as_str().unwrap_or_default();
                    let status = CallStatus::from_word(word).unwrap_or(CallStatus::Unknown);
                    *counts.by_status.entry(status).or_default() += count;
                    results.extend(of.result.as_str().map(|result| (result.to_owned(), count)));
                }
            }
            counts.results = ResultCounts::of(results);
            Ok(counts)
        })
        .await
    }

    /// Counts a batch's recipients.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn count_recipients(&self, id: BatchId) -> Result<u64, DaoError> {
        let first = bson!({ "batch_id": id.to_string(), "attempt": 1 });
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let first = first.as_document().cloned().unwrap_or_default();
            Ok(calls.count_documents(first).max_time(MAX_TIME).await?)
        })
        .await
    }
}
