//! The bulk lanes, which take turns: the calls without a batch, and each running batch.

use std::collections::HashMap;

use bson::DateTime;
use outdial::{
    dao::{LaneHead, RunningBatch},
    domain::{BatchId, Lane, Pace, Priority},
};
use tokio::time::Instant;

/// The most batches of which one look reads calls.
pub(crate) const BATCHES_MAX: usize = 20;

/// A bulk lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BulkLane {
    /// The calls without a batch.
    NoBatch,
    /// The calls of a batch.
    Batch(BatchId),
}

/// A bulk lane, and what this run knows of it.
#[derive(Debug)]
pub(crate) struct Turn {
    lane: BulkLane,
    /// The pace of the batch's own.
    pace: Option<Pace>,
    /// Number of the look that last read the lane. 0 if none has.
    read: u32,
    /// Number of the look that last claimed one of its calls. 0 if none has.
    served: u32,
    /// Time at which its first free call is due, as last read.
    due_at: Option<DateTime>,
    /// The calls that the batch may claim by its own pace: a token bucket of this run.
    allowance: f64,
    /// Time of the last change of the allowance.
    earned_at: Instant,
    /// Time of the last check whether the batch is done.
    checked_at: Option<Instant>,
}

/// The bulk lanes. The first has no batch.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Vec<Turn>,
    /// A random number, so that each run begins with other batches.
    seed: u128,
}

impl From<BulkLane> for Lane {
    fn from(lane: BulkLane) -> Self {
        Self::of(Priority::Bulk, lane.batch())
    }
}

impl BulkLane {
    fn batch(self) -> Option<BatchId> {
        match self {
            Self::NoBatch => None,
            Self::Batch(id) => Some(id),
        }
    }
}

impl Turn {
    fn new(lane: BulkLane) -> Self {
        Self {
            lane,
            pace: None,
            read: 0,
            served: 0,
            due_at: None,
            allowance: 1.0,
            earned_at: Instant::now(),
            checked_at: None,
        }
    }

    /// True if the last look has found that nothing is due.
    pub(crate) fn is_known_idle(&self, now: DateTime) -> bool {
        self.read > 0 && !self.is_due(now)
    }

    /// Number of the look that last claimed one of its calls. 0 if none has.
    pub(crate) fn served(&self) -> u32 {
        self.served
    }

    fn is_due(&self, now: DateTime) -> bool {
        self.due_at.is_some_and(|due_at| due_at <= now)
    }

    /// The number of calls that the lane may claim, by its batch's own pace.
    pub(crate) fn allowed(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and a thousand"
        )]
        let calls = self.allowance.max(0.0) as usize;
        self.pace.map_or(usize::MAX, |_| calls)
    }

    fn earn(&mut self, now: Instant) {
        if let Some(pace) = self.pace.map(Pace::dials_per_second) {
            let earned = (now - self.earned_at).as_secs_f64() * pace;
            self.allowance = (self.allowance + earned).min(pace.max(1.0));
        }
        self.earned_at = now;
    }
}

impl Turns {
    pub(crate) fn new(seed: u128) -> Self {
        Self {
            all: vec![Turn::new(BulkLane::NoBatch)],
            seed,
        }
    }

    /// Returns the turn of a lane. `None`: its batch runs no longer.
    pub(crate) fn get(&self, lane: BulkLane) -> Option<&Turn> {
        self.all.iter().find(|turn| turn.lane == lane)
    }

    fn get_mut(&mut self, lane: BulkLane) -> Option<&mut Turn> {
        self.all.iter_mut().find(|turn| turn.lane == lane)
    }

    /// Sets the batches that run now. Keeps what is known of them.
    pub(crate) fn set_running(&mut self, mut running: Vec<RunningBatch>) {
        let known = self.all.split_off(1).into_iter();
        let mut known: HashMap<BatchId, Turn> = known
            .filter_map(|turn| Some((turn.lane.batch()?, turn)))
            .collect();
        let seed = self.seed;
        running.sort_by_key(|batch| u128::from_be_bytes(*batch.id.as_bytes()) ^ seed);
        self.all.extend(running.into_iter().map(|batch| {
            let known = known.remove(&batch.id);
            let turn = known.unwrap_or_else(|| Turn::new(BulkLane::Batch(batch.id)));
            Turn {
                pace: batch.pace,
                ..turn
            }
        }));
    }

    /// Removes a batch that has ended.
    pub(crate) fn remove(&mut self, id: BatchId) {
        self.all.retain(|turn| turn.lane != BulkLane::Batch(id));
    }

    /// Returns the lanes to read now: that without a batch, and at most [`BATCHES_MAX`] others. Lanes with due
    /// calls get at least half of the places, those that were served the longest ago first. The others go by their last reading.
    pub(crate) fn next_lanes(&mut self, now: DateTime) -> Vec<BulkLane> {
        let instant = Instant::now();
        for turn in &mut self.all {
            turn.earn(instant);
        }
        let batches = self.all.iter().skip(1);
        let (mut due, mut others): (Vec<_>, Vec<_>) = batches.partition(|turn| turn.is_due(now));
        due.retain(|turn| turn.allowed() > 0);
        due.sort_by_key(|turn| turn.served);
        others.sort_by_key(|turn| turn.read);
        others.truncate(BATCHES_MAX - due.len().min(BATCHES_MAX / 2));
        due.truncate(BATCHES_MAX - others.len());
        let batches = due.into_iter().chain(others);
        [BulkLane::NoBatch]
            .into_iter()
            .chain(batches.map(|turn| turn.lane))
            .collect()
    }

    /// Notes what a look has read of a lane.
    pub(crate) fn note_read(&mut self, lane: BulkLane, look: u32, head: &LaneHead) {
        if let Some(turn) = self.get_mut(lane) {
            turn.read = look;
            turn.due_at = head.due.first().map(|call| call.due_at);
            turn.due_at = turn.due_at.or(head.next_due_at);
        }
    }

    /// Notes the number of calls that were claimed of a lane.
    pub(crate) fn note_claimed(&mut self, lane: BulkLane, look: u32, calls: u32) {
        if let Some(turn) = self.get_mut(lane).filter(|_| calls > 0) {
            turn.served = look;
            turn.allowance -= f64::from(calls);
        }
    }

    /// True if this run has not read all lanes yet.
    pub(crate) fn has_unread(&self) -> bool {
        self.all.iter().skip(1).any(|turn| turn.read == 0)
    }

    /// True if a call of any lane is due by this time, as last read.
    pub(crate) fn is_any_due(&self, by: DateTime) -> bool {
        self.all.iter().any(|turn| turn.is_due(by))
    }

    /// Returns the batches of which this look has found no free call, and that were not checked since `before`. Marks them as
    /// checked.
    pub(crate) fn unchecked(&mut self, look: u32, before: Option<Instant>) -> Vec<BatchId> {
        let now = Instant::now();
        let mut ids = Vec::new();
        for turn in &mut self.all {
            let is_empty = turn.read == look && turn.due_at.is_none();
            let batch = turn.lane.batch();
            if let Some(id) = batch.filter(|_| is_empty && turn.checked_at <= before) {
                turn.checked_at = Some(now);
                ids.push(id);
            }
        }
        ids
    }
}

#[cfg(test)]
mod tests;
