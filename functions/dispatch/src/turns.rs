//! The bulk lanes, which take turns: the calls without a batch, and each running batch.

use std::collections::HashMap;

use bson::DateTime;
use outdial::{
    dao::{LaneHead, RunningBatch},
    domain::{BatchId, Lane, Priority},
};
use tokio::time::Instant;

/// The most batches of which one look reads calls.
pub(crate) const BATCHES_MAX: usize = 20;

/// A bulk lane, and what this run knows of it.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The batch; `None` for the calls without one.
    pub(crate) batch: Option<RunningBatch>,
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

impl Turn {
    fn new(batch: Option<RunningBatch>) -> Self {
        Self {
            batch,
            read: 0,
            served: 0,
            due_at: None,
            allowance: 1.0,
            earned_at: Instant::now(),
            checked_at: None,
        }
    }

    pub(crate) fn lane(&self) -> Lane {
        Lane::of(Priority::Bulk, self.batch.map(|batch| batch.id))
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

    fn own_pace(&self) -> Option<f64> {
        let pace = self.batch.and_then(|batch| batch.pace)?;
        Some(pace.dials_per_second())
    }

    /// The number of calls that the lane may claim, by its batch's own pace.
    pub(crate) fn allowed(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and a thousand"
        )]
        let calls = self.allowance.max(0.0) as usize;
        self.own_pace().map_or(usize::MAX, |_| calls)
    }

    fn earn(&mut self, now: Instant) {
        if let Some(pace) = self.own_pace() {
            let earned = (now - self.earned_at).as_secs_f64() * pace;
            self.allowance = (self.allowance + earned).min(pace.max(1.0));
        }
        self.earned_at = now;
    }
}

impl Turns {
    pub(crate) fn new(seed: u128) -> Self {
        Self {
            all: vec![Turn::new(None)],
            seed,
        }
    }

    /// The lane at this position, as `next_lanes` returned it.
    pub(crate) fn at(&self, position: usize) -> &Turn {
        &self.all[position]
    }

    /// Sets the batches that run now. Keeps what is known of them. Returns whether lanes have other positions now, so that those
    /// in an earlier look are wrong.
    pub(crate) fn set_running(&mut self, running: Vec<RunningBatch>) -> bool {
        let before = self.batch_ids();
        let known = self.all.split_off(1).into_iter();
        let mut known: HashMap<BatchId, Turn> = known
            .filter_map(|turn| Some((turn.batch?.id, turn)))
            .collect();
        let turns = running.into_iter().map(|batch| {
            let known = known.remove(&batch.id);
            let turn = known.unwrap_or_else(|| Turn::new(None));
            Turn {
                batch: Some(batch),
                ..turn
            }
        });
        self.all.extend(turns);
        let seed = self.seed;
        self.all[1..].sort_by_key(|turn| {
            let id = turn.batch.map(|batch| *batch.id.as_bytes());
            u128::from_be_bytes(id.unwrap_or_default()) ^ seed
        });
        self.batch_ids() != before
    }

    /// The batches in the order of their positions.
    fn batch_ids(&self) -> Vec<BatchId> {
        let batches = self.all.iter().filter_map(|turn| turn.batch);
        batches.map(|batch| batch.id).collect()
    }

    /// Removes a batch that has ended.
    pub(crate) fn remove(&mut self, id: BatchId) {
        self.all
            .retain(|turn| turn.batch.is_none_or(|batch| batch.id != id));
    }

    /// Returns the positions of the lanes to read now: that without a batch, and at most [`BATCHES_MAX`] others. Lanes with due
    /// calls get at least half of the places, those that were served the longest ago first. The others go by their last reading.
    pub(crate) fn next_lanes(&mut self, now: DateTime) -> Vec<usize> {
        let instant = Instant::now();
        for turn in &mut self.all {
            turn.earn(instant);
        }
        let (mut due, mut others): (Vec<_>, Vec<_>) =
            (1..self.all.len()).partition(|at| self.all[*at].is_due(now));
        due.retain(|at| self.all[*at].allowed() > 0);
        due.sort_by_key(|at| self.all[*at].served);
        others.sort_by_key(|at| self.all[*at].read);
        others.truncate(BATCHES_MAX - due.len().min(BATCHES_MAX / 2));
        due.truncate(BATCHES_MAX - others.len());
        [0].into_iter().chain(due).chain(others).collect()
    }

    /// Notes what a look has read of a lane.
    pub(crate) fn note_read(&mut self, position: usize, look: u32, head: &LaneHead) {
        let turn = &mut self.all[position];
        turn.read = look;
        turn.due_at = head.due.first().map(|call| call.due_at);
        turn.due_at = turn.due_at.or(head.next_due_at);
    }

    /// Notes the number of calls that were claimed of a lane.
    pub(crate) fn note_claimed(&mut self, position: usize, look: u32, calls: u32) {
        let turn = &mut self.all[position];
        if calls > 0 {
            turn.served = look;
            turn.allowance -= f64::from(calls);
        }
    }

    /// True if this run has not read all lanes yet.
    pub(crate) fn has_unread(&self) -> bool {
        self.all[1..].iter().any(|turn| turn.read == 0)
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
            if let Some(batch) = turn.batch.filter(|_| is_empty && turn.checked_at <= before) {
                turn.checked_at = Some(now);
                ids.push(batch.id);
            }
        }
        ids
    }
}

#[cfg(test)]
mod tests;
