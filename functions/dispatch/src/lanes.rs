//! The lanes: which calls are due in each.

use bson::DateTime;
use futures_util::future::try_join_all;
use outdial::{
    dao::{Dao, DaoError, DueCall, RunningBatch},
    domain::{Lane, Pace, Priority},
};

/// Seconds of the pace that may be leased at a time: as long as `dial` waits for a permit. Urgent calls may overtake the others, so
/// more of them are.
const LEASED_SECONDS: f64 = 1.0;
const URGENT_LEASED_SECONDS: f64 = 2.0;

/// The number of calls that may be leased at a time, for claiming a call of this priority.
pub(crate) fn leased_max(pace: Pace, priority: Priority) -> usize {
    let seconds = match priority {
        Priority::Urgent => URGENT_LEASED_SECONDS,
        Priority::Normal | Priority::Bulk => LEASED_SECONDS,
    };
    pace.dials_in(seconds) as usize
}

/// The lanes of this run.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    pub(crate) batches: Vec<RunningBatch>,
}

/// The due calls of a lane, the oldest first.
#[derive(Debug)]
pub(crate) struct LaneCalls {
    pub(crate) priority: Priority,
    pub(crate) batch: Option<RunningBatch>,
    pub(crate) calls: Vec<DueCall>,
}

/// The due calls of all lanes, the most urgent lane first.
#[derive(Debug)]
pub(crate) struct Found(pub(crate) Vec<LaneCalls>);

impl Lanes {
    /// The lanes, the most urgent first.
    fn all(&self) -> Vec<(Priority, Option<RunningBatch>, Lane)> {
        let single = [Priority::Urgent, Priority::Normal, Priority::Bulk]
            .map(|priority| (priority, None, Lane::of(priority, None)));
        let batches = self.batches.iter().map(|batch| {
            (
                Priority::Bulk,
                Some(*batch),
                Lane::of(Priority::Bulk, Some(batch.id)),
            )
        });
        single.into_iter().chain(batches).collect()
    }

    /// Reads the calls that are due, at most as many of each lane as may be leased at a time.
    pub(crate) async fn due(
        &self,
        dao: &Dao,
        pace: Pace,
        now: DateTime,
    ) -> Result<Found, DaoError> {
        let limit = pace.dials_in(URGENT_LEASED_SECONDS) + 1;
        let read = self.all().into_iter().map(async |(priority, batch, lane)| {
            let calls = dao.list_due(&lane, now, limit).await?;
            Ok::<_, DaoError>(LaneCalls {
                priority,
                batch,
                calls,
            })
        });
        let mut lanes = try_join_all(read).await?;
        lanes.retain(|lane| !lane.calls.is_empty());
        Ok(Found(lanes))
    }

    /// Returns when the next call of any lane becomes due, if that is before `until`.
    pub(crate) async fn next_due_at(
        &self,
        dao: &Dao,
        now: DateTime,
        until: DateTime,
    ) -> Result<Option<DateTime>, DaoError> {
        let read = self
            .all()
            .into_iter()
            .map(async |(_, _, lane)| dao.next_due_at(&lane, now, until).await);
        Ok(try_join_all(read).await?.into_iter().flatten().min())
    }
}

impl Found {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The priority of the most urgent call.
    pub(crate) fn most_urgent(&self) -> Option<Priority> {
        self.0.first().map(|lane| lane.priority)
    }

    /// The number of calls that claims hold.
    pub(crate) fn leased(&self) -> usize {
        let calls = self.0.iter().flat_map(|lane| &lane.calls);
        calls.filter(|call| call.is_leased).count()
    }

    /// For how many seconds the oldest call has been due, without bulk calls: a batch may take hours. 0 if none is.
    pub(crate) fn oldest_seconds(&self, now: DateTime) -> u32 {
        let prompt = self.0.iter().filter(|lane| lane.priority != Priority::Bulk);
        let oldest = prompt
            .filter_map(|lane| lane.calls.first())
            .map(|call| call.due_at)
            .min();
        oldest.map_or(0, |due_at| {
            let seconds = (now.timestamp_millis() - due_at.timestamp_millis()) / 1_000;
            u32::try_from(seconds).unwrap_or(0)
        })
    }

    /// The most urgent call that no claim holds.
    pub(crate) fn probe(&self) -> Vec<DueCall> {
        let calls = self.0.iter().flat_map(|lane| &lane.calls);
        calls
            .filter(|call| !call.is_leased)
            .take(1)
            .copied()
            .collect()
    }
}
