//! The counts of batches, cached for two seconds: clients poll them, and a large batch takes a while to count.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use outdial::{
    dao::{BatchCounts, Dao, DaoError},
    domain::BatchId,
};

/// Time for which counts are used again.
const FRESH: Duration = Duration::from_secs(2);
/// The most batches in the cache.
const CACHED_MAX: usize = 64;

/// The last counts of some batches.
#[derive(Debug, Default)]
pub(crate) struct CountCache(Mutex<HashMap<BatchId, (Instant, BatchCounts)>>);

impl CountCache {
    /// Returns the counts of a batch: at most two seconds old.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub(crate) async fn get(&self, dao: &Dao, id: BatchId) -> Result<BatchCounts, DaoError> {
        if let Some(counts) = self.cached(id) {
            return Ok(counts);
        }
        let begun = Instant::now();
        let counts = dao.count_batch(id).await?;
        self.put(id, begun, &counts);
        Ok(counts)
    }

    /// Drops the counts of a batch, because this environment has changed it.
    pub(crate) fn forget(&self, id: BatchId) {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached.remove(&id);
    }

    fn cached(&self, id: BatchId) -> Option<BatchCounts> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, counts) = cached.get(&id)?;
        (at.elapsed() < FRESH).then(|| counts.clone())
    }

    fn put(&self, id: BatchId, at: Instant, counts: &BatchCounts) {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached.retain(|_, (at, _)| at.elapsed() < FRESH);
        if cached.len() < CACHED_MAX {
            cached.insert(id, (at, counts.clone()));
        }
    }
}
