//! The lanes that a look reads, and its result.

use bson::DateTime;
use outdial::{
    dao::{Dao, DaoError, DueCall, Look, LookRequest},
    domain::{Lane, Pace, Priority},
};

use crate::turns::{BulkLane, Turns};

/// Seconds of the pace that may be leased at a time: as long as `dial` waits for a permit. Urgent calls may overtake the others, so
/// more of them are.
const LEASED_SECONDS: f64 = 1.0;
const URGENT_LEASED_SECONDS: f64 = 2.0;
/// The calls to read of a batch that had none to claim at its last reading.
const IDLE_CALLS: u32 = 2;

/// The number of calls that may be leased at a time, for claiming a call of this priority.
pub(crate) fn leased_max(pace: Pace, priority: Priority) -> u32 {
    let seconds = match priority {
        Priority::Urgent => URGENT_LEASED_SECONDS,
        Priority::Normal | Priority::Bulk => LEASED_SECONDS,
    };
    pace.dials_in(seconds)
}

/// The lanes of a run.
#[derive(Debug)]
pub(crate) struct Lanes {
    pace: Pace,
    pub(crate) turns: Turns,
    /// Number of looks so far.
    pub(crate) looks: u32,
}

/// A lane that a look reads.
#[derive(Debug, Clone, Copy)]
struct Reading {
    priority: Priority,
    /// The bulk lane, which takes turns with others.
    bulk: Option<BulkLane>,
    calls: u32,
}

/// The due calls of a lane that no claim holds, the oldest first.
#[derive(Debug)]
pub(crate) struct LaneCalls {
    pub(crate) priority: Priority,
    /// The bulk lane, which takes turns with others.
    pub(crate) bulk: Option<BulkLane>,
    pub(crate) calls: Vec<DueCall>,
}

/// The result of a look.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) now: DateTime,
    /// All but the lanes.
    pub(crate) look: Look,
    /// The lanes with due calls, the most urgent first.
    pub(crate) lanes: Vec<LaneCalls>,
    /// Time at which the next call of a lane without a batch is due.
    next_due_at: Option<DateTime>,
}

impl Lanes {
    pub(crate) fn new(pace: Pace, seed: u128) -> Self {
        Self {
            pace,
            turns: Turns::new(seed),
            looks: 0,
        }
    }

    /// Looks at the lanes whose turn it is. Reads at most as many calls of each as may be leased at a time, and the next one.
    pub(crate) async fn look(&mut self, dao: &Dao, with_batches: bool) -> Result<Found, DaoError> {
        let now = DateTime::now();
        let readings = self.readings(now);
        let lane = |reading: &Reading| match reading.bulk {
            Some(bulk) => Lane::from(bulk),
            None => Lane::of(reading.priority, None),
        };
        let lanes: Vec<_> = readings
            .iter()
            .map(|reading| (lane(reading), reading.calls))
            .collect();
        let request = LookRequest {
            lanes: &lanes,
            leased_max: leased_max(self.pace, Priority::Urgent),
            with_batches,
        };
        let mut look = dao.look(&request, now).await?;
        self.looks += 1;
        let heads = std::mem::take(&mut look.lanes);
        let mut found = Found {
            now,
            look,
            lanes: Vec::new(),
            next_due_at: None,
        };
        for (reading, head) in readings.into_iter().zip(heads) {
            if let Some(bulk) = reading.bulk {
                self.turns.note_read(bulk, self.looks, &head);
            } else {
                let next = found.next_due_at.into_iter().chain(head.next_due_at).min();
                found.next_due_at = next;
            }
            if !head.due.is_empty() {
                found.lanes.push(LaneCalls {
                    priority: reading.priority,
                    bulk: reading.bulk,
                    calls: head.due,
                });
            }
        }
        Ok(found)
    }

    fn readings(&mut self, now: DateTime) -> Vec<Reading> {
        let single = |priority| Reading {
            priority,
            bulk: None,
            calls: leased_max(self.pace, priority) + 1,
        };
        let mut readings: Vec<_> = [Priority::Urgent, Priority::Normal].map(single).into();
        let most = leased_max(self.pace, Priority::Bulk);
        let bulk = self.turns.next_lanes(now);
        let is_known_idle = |lane| {
            let turn = self.turns.get(lane);
            turn.is_some_and(|turn| turn.is_known_idle(now))
        };
        let is_idle = |lane| lane != BulkLane::NoBatch && is_known_idle(lane);
        let sharing = bulk.iter().filter(|lane| !is_idle(**lane)).count();
        // Twice its share, because other lanes may have fewer calls.
        let share = u32::try_from(sharing.max(1)).map_or(1, |lanes| (2 * most).div_ceil(lanes));
        readings.extend(bulk.into_iter().map(|lane| Reading {
            priority: Priority::Bulk,
            bulk: Some(lane),
            calls: if is_idle(lane) {
                IDLE_CALLS
            } else {
                share.min(most) + 1
            },
        }));
        readings
    }

    /// True if a call is leased or due, becomes due by this time, or may be behind unreadable ones.
    pub(crate) fn has_work(&self, found: &Found, by: DateTime) -> bool {
        found.look.leased > 0
            || found.look.has_unreadable
            || !found.lanes.is_empty()
            || found.next_due_at.is_some_and(|at| at <= by)
            || self.turns.is_any_due(by)
    }
}

impl Found {
    /// The priority of the most urgent call that is due.
    pub(crate) fn most_urgent(&self) -> Option<Priority> {
        let free = self.lanes.first().map(|lane| lane.priority);
        free.into_iter().chain(self.look.most_urgent_leased).min()
    }

    /// For how many seconds the oldest call has been due, without bulk calls: a batch may take hours. 0 if none is.
    pub(crate) fn oldest_seconds(&self) -> u32 {
        let prompt = self.lanes.iter();
        let prompt = prompt.filter(|lane| lane.priority != Priority::Bulk);
        let oldest = prompt
            .filter_map(|lane| lane.calls.first())
            .map(|call| call.due_at);
        oldest.min().map_or(0, |due_at| {
            let seconds = (self.now.timestamp_millis() - due_at.timestamp_millis()) / 1_000;
            u32::try_from(seconds).unwrap_or(0)
        })
    }

    /// The most urgent call.
    pub(crate) fn probe(&self) -> Vec<DueCall> {
        let first = self.lanes.first().and_then(|lane| lane.calls.first());
        first.into_iter().copied().collect()
    }
}
