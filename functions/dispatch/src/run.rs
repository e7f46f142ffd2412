//! A run: it looks for due calls twice a second, as long as there are any.

use std::time::Duration;

use outdial::{
    aws::sqs::Queue,
    dao::{DaoError, Dispatcher, DueCall},
    domain::Priority,
    telemetry::metrics::{self, Count},
};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::{
    app::App,
    claim, housekeeping,
    lanes::{Found, Lanes},
    report::Report,
};

/// The interval between two looks.
const TICK: Duration = Duration::from_millis(500);
/// A run waits for calls that become due within this time.
const AHEAD: Duration = Duration::from_mins(1);
/// The interval between two looks for batches, and between two checks whether a batch is done.
const HOUSEKEEPING: Duration = Duration::from_secs(5);
/// The number of looks in a row that may fail because the database is unavailable. Each takes some seconds.
const FAILURES_MAX: u32 = 3;

/// A run in progress.
pub(crate) struct Run<'a> {
    app: &'a App,
    holder: String,
    ends_at: Instant,
    report: Report,
    lanes: Lanes,
    kept_house_at: Option<Instant>,
    noted: Option<Priority>,
    /// The most seconds for which a call has been due at a look. Recorded once: a process keeps only a hundred values until it
    /// reports them, and a run may look more often.
    oldest_due: Option<u32>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(app: &'a App, id: Uuid, time: Duration) -> Self {
        Self {
            app,
            holder: id.simple().to_string(),
            ends_at: Instant::now() + time,
            report: Report::default(),
            lanes: Lanes::new(app.pace, id.as_u128()),
            kept_house_at: None,
            noted: None,
            oldest_due: None,
        }
    }

    /// Looks for due calls until none is left or becomes due soon, another run takes over, or the time is up.
    pub(crate) async fn until_idle(mut self, first: Dispatcher) -> Result<Report, DaoError> {
        let ended = self.look_again(first).await;
        if let Some(seconds) = self.oldest_due {
            metrics::oldest_due(seconds);
        }
        ended.map(|()| self.report)
    }

    async fn look_again(&mut self, first: Dispatcher) -> Result<(), DaoError> {
        let mut lease = Some(first);
        let mut failures = 0;
        loop {
            let is_last = Instant::now() >= self.ends_at;
            let next = match self.step(lease.take()).await {
                Ok(None) => return Ok(()),
                Ok(Some(next)) => {
                    failures = 0;
                    next
                }
                // The database may be back at the next look.
                Err(error) if error.is_transient() && failures < FAILURES_MAX && !is_last => {
                    failures += 1;
                    tracing::warn!(%error, "look for due calls failed");
                    Instant::now() + TICK
                }
                Err(error) => {
                    // Otherwise wake-ups would leave the work to this run until its lease ends.
                    let _ = self.app.dao.end_dispatch(&self.holder).await;
                    return Err(error);
                }
            };
            if is_last {
                self.app.dao.end_dispatch(&self.holder).await?;
                return Ok(());
            }
            sleep_until(next).await;
        }
    }

    /// Renews the lease, unless it is new, and looks. Returns when to do so again. `None`: another run has the lease, or none.
    async fn step(&mut self, new: Option<Dispatcher>) -> Result<Option<Instant>, DaoError> {
        let lease = match new {
            Some(new) => Some(new),
            None => self.app.dao.renew_dispatch(&self.holder).await?,
        };
        let Some(dispatcher) = lease else {
            self.report.superseded = true;
            return Ok(None);
        };
        if dispatcher.wake {
            // A batch may have been started.
            self.kept_house_at = None;
        }
        self.report.ticks += 1;
        let next = self.tick(&dispatcher).await?;
        if next.is_some() {
            return Ok(next);
        }
        self.note(None).await?;
        let is_released = self.app.dao.release_dispatch(&self.holder).await?;
        Ok((!is_released).then(Instant::now))
    }

    /// Looks once. Returns when to look again, or `None` if nothing becomes due soon.
    async fn tick(&mut self, dispatcher: &Dispatcher) -> Result<Option<Instant>, DaoError> {
        let again = Instant::now() + TICK;
        let is_due = |at: Instant| at.elapsed() >= HOUSEKEEPING;
        let with_batches = self.kept_house_at.is_none_or(is_due);
        let mut found = self.lanes.look(&self.app.dao, with_batches).await?;
        let is_kept = self.keep_house(&mut found).await?;
        let is_claiming = self.claim(dispatcher, &found).await?;
        self.complete_batches().await?;
        if self.lanes.turns.has_unread() {
            return Ok(Some(Instant::now()));
        }
        let soon = found.now.saturating_add_duration(AHEAD);
        let goes_on = !is_kept || is_claiming && self.lanes.has_work(&found, soon);
        Ok(goes_on.then_some(again))
    }

    /// Claims calls that are due, and sends them. Returns false if no calls may be claimed at this time.
    async fn claim(&mut self, dispatcher: &Dispatcher, found: &Found) -> Result<bool, DaoError> {
        let Some(queue) = self.app.queue.as_ref().filter(|_| found.look.dialing.on) else {
            return Ok(false);
        };
        self.oldest_due = self.oldest_due.max(Some(found.oldest_seconds()));
        self.note(found.most_urgent()).await?;
        if dispatcher.stop.is_some() {
            metrics::count(Count::DispatchStopped);
            if !found.lanes.is_empty() && self.app.dao.take_probe().await? {
                self.send(queue, found.probe()).await?;
            }
            // Only the schedule probes.
            return Ok(false);
        }
        let chosen = claim::choose(&mut self.lanes, found, self.app.pace);
        self.send(queue, chosen).await?;
        Ok(true)
    }

    /// Ends what must end, and sets the running batches. Then looks again if that changed what was found. Returns whether
    /// nothing is left to end.
    async fn keep_house(&mut self, found: &mut Found) -> Result<bool, DaoError> {
        let dao = &self.app.dao;
        if !found.look.has_permits {
            dao.create_permits().await?;
        }
        let mut is_kept = true;
        let mut is_changed = false;
        if found.look.has_expired {
            let ended = housekeeping::expire(dao).await?;
            self.report.expired += ended.expired;
            is_changed |= ended.expired > 0;
            is_kept &= !ended.is_partial;
        }
        if let Some(batches) = found.look.batches.take() {
            self.lanes.turns.set_running(batches.running);
            is_changed |= self.lanes.turns.has_unread();
            let is_canceled = housekeeping::cancel(dao, batches.canceling).await?;
            self.kept_house_at = is_canceled.then(Instant::now);
            is_kept &= is_canceled;
        }
        if is_changed {
            *found = self.lanes.look(dao, false).await?;
        }
        Ok(is_kept)
    }

    /// Completes batches of which no call is left.
    async fn complete_batches(&mut self) -> Result<(), DaoError> {
        let before = Instant::now().checked_sub(HOUSEKEEPING);
        let ids = self.lanes.turns.unchecked(self.lanes.looks, before);
        for id in housekeeping::complete(&self.app.dao, ids).await? {
            self.lanes.turns.remove(id);
        }
        Ok(())
    }

    /// Claims calls and sends them.
    async fn send(&mut self, queue: &Queue, calls: Vec<DueCall>) -> Result<(), DaoError> {
        self.report.claimed += claim::claim_and_send(&self.app.dao, queue, &calls).await?;
        Ok(())
    }

    /// Tells immediate calls which priority waits. Writes nothing if nothing waits, as before.
    async fn note(&mut self, most_urgent: Option<Priority>) -> Result<(), DaoError> {
        if most_urgent.is_some() || self.noted.is_some() {
            self.app.dao.note_waiting(most_urgent).await?;
            self.noted = most_urgent;
        }
        Ok(())
    }
}
