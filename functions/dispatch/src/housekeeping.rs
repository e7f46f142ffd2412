//! Housekeeping: ends what has expired, ends the calls of canceled batches, and completes batches that are done.

use std::{collections::VecDeque, time::Duration};

use futures_util::future::join_all;
use outdial::{
    dao::{Dao, DaoError},
    domain::BatchId,
    telemetry::metrics::{self, Count},
};
use tokio::time::Instant;

/// The most time of either part in one tick, so that due calls don't wait for it.
const TIME: Duration = Duration::from_secs(1);

/// The result of ending calls in pages.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Ended {
    /// The number of calls that expired.
    pub(crate) expired: u64,
    /// True if the time was up before all had ended.
    pub(crate) is_partial: bool,
}

/// Ends the calls that have expired.
pub(crate) async fn expire(dao: &Dao) -> Result<Ended, DaoError> {
    let begun = Instant::now();
    let mut ended = Ended::default();
    while let count @ 1.. = unless_odd(dao.expire_calls().await)? {
        metrics::count_times(Count::ExpiredCall, count);
        ended.expired += count;
        if begun.elapsed() >= TIME {
            ended.is_partial = true;
            break;
        }
    }
    Ok(ended)
}

/// Ends the calls of canceled batches, a page of each in turn. Returns false if the time was up before all had ended.
pub(crate) async fn cancel(dao: &Dao, batches: Vec<BatchId>) -> Result<bool, DaoError> {
    let begun = Instant::now();
    let mut batches = VecDeque::from(batches);
    while let Some(id) = batches.pop_front() {
        if unless_odd(dao.cancel_batch_page(id).await)? {
            batches.push_back(id);
        } else {
            unless_odd(dao.finish_canceling(id).await)?;
        }
        if begun.elapsed() >= TIME {
            break;
        }
    }
    Ok(batches.is_empty())
}

/// Completes those of the batches that are done, and returns them.
pub(crate) async fn complete(dao: &Dao, batches: Vec<BatchId>) -> Result<Vec<BatchId>, DaoError> {
    let checks = batches.into_iter().map(async |id| {
        let is_done = unless_odd(dao.complete_batch_if_done(id).await)?;
        Ok::<_, DaoError>(is_done.then_some(id))
    });
    let checked: Result<Vec<_>, _> = join_all(checks).await.into_iter().collect();
    Ok(checked?.into_iter().flatten().collect())
}

/// Logs an error that is not transient. It concerns single documents, so it must not hold up the calls of others.
fn unless_odd<T: Default>(result: Result<T, DaoError>) -> Result<T, DaoError> {
    match result {
        Err(error) if !error.is_transient() => {
            tracing::error!(%error, "queue housekeeping failed");
            metrics::count(Count::UnreadableDocument);
            Ok(T::default())
        }
        result => result,
    }
}
