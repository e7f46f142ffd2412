//! A run: it looks for due calls twice a second, as long as there are any.

use std::{collections::HashMap, time::Duration};

use bson::DateTime;
use outdial::{
    aws::sqs::Queue,
    dao::{DaoError, Dispatcher, DueCall},
    domain::{BatchId, Priority},
    telemetry::metrics::{self, Count},
};
use tokio::time::{Instant, sleep};

use crate::{app::App, claim, lanes::Lanes, report::Report};

/// The interval between two looks.
const TICK: Duration = Duration::from_millis(500);
/// A run waits for calls that become due within this time.
const AHEAD: Duration = Duration::from_mins(1);
/// The interval between two looks for batches, canceled ones and expired calls.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// The number of looks in a row that may fail because the database is unavailable. Each takes some seconds.
const FAILURES_MAX: u32 = 3;

/// A run in progress.
pub(crate) struct Run<'a> {
    pub(crate) app: &'a App,
    holder: String,
    ends_at: Instant,
    report: Report,
    lanes: Lanes,
    /// Calls that each batch with its own pace may still claim.
    pub(crate) allowances: HashMap<BatchId, Allowance>,
    kept_house_at: Option<Instant>,
    noted: Option<Priority>,
}

/// The pace of a batch, as a token bucket of this run.
pub(crate) struct Allowance {
    pub(crate) calls: f64,
    pub(crate) at: Instant,
}

impl<'a> Run<'a> {
    pub(crate) fn new(app: &'a App, holder: String, time: Duration) -> Self {
        Self {
            app,
            holder,
            ends_at: Instant::now() + time,
            report: Report::default(),
            lanes: Lanes::default(),
            allowances: HashMap::new(),
            kept_house_at: None,
            noted: None,
        }
    }

    /// Looks for due calls until none is left or becomes due soon, another run takes over, or the time is up.
    pub(crate) async fn until_idle(mut self, first: Dispatcher) -> Result<Report, DaoError> {
        let mut dispatcher = first;
        let mut failures = 0;
        loop {
            let started = Instant::now();
            self.report.ticks += 1;
            let next = match self.tick(&dispatcher).await {
                // The database may be back at the next look.
                Err(error) if error.is_transient() && failures < FAILURES_MAX => {
                    failures += 1;
                    tracing::warn!(%error, "look for due calls failed");
                    Some(Instant::now() + TICK)
                }
                next => {
                    let next = next?;
                    failures = 0;
                    next
                }
            };
            if started >= self.ends_at {
                self.app.dao.release_dispatch(&self.holder).await?;
                break;
            }
            if let Some(at) = next {
                sleep(at.saturating_duration_since(Instant::now()).min(TICK)).await;
            } else {
                self.note(None).await?;
                if self.app.dao.release_dispatch(&self.holder).await? {
                    break;
                }
            }
            let Some(renewed) = self.app.dao.renew_dispatch(&self.holder).await? else {
                self.report.superseded = true;
                break;
            };
            dispatcher = renewed;
        }
        Ok(self.report)
    }

    /// Looks once. Returns when to look again, or `None` if nothing becomes due soon.
    async fn tick(&mut self, dispatcher: &Dispatcher) -> Result<Option<Instant>, DaoError> {
        let again = Instant::now() + TICK;
        if dispatcher.wake {
            // A batch may have been started.
            self.kept_house_at = None;
        }
        self.keep_house().await?;
        let dialing = self.app.dao.dialing().await?;
        let Some(queue) = self.app.queue.as_ref().filter(|_| dialing.on) else {
            return Ok(None);
        };
        let now = DateTime::now();
        let found = self.lanes.due(&self.app.dao, self.app.pace, now).await?;
        metrics::oldest_due(found.oldest_seconds(now));
        self.note(found.most_urgent()).await?;
        if dispatcher.stop.is_some() {
            metrics::count(Count::DispatchStopped);
            if !found.is_empty() && self.app.dao.take_probe().await? {
                self.send(queue, found.probe()).await?;
            }
            // Only the schedule probes.
            return Ok(None);
        }
        if found.is_empty() {
            let until = now.saturating_add_duration(AHEAD);
            let next = self.lanes.next_due_at(&self.app.dao, now, until).await?;
            return Ok(next.map(|_| again));
        }
        let chosen = claim::choose(self, &found);
        self.send(queue, chosen).await?;
        Ok(Some(again))
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

    /// Ends what has expired, and looks after the batches.
    async fn keep_house(&mut self) -> Result<(), DaoError> {
        let is_due = |at: &Instant| at.elapsed() >= HOUSEKEEPING;
        if !self.kept_house_at.as_ref().is_none_or(is_due) {
            return Ok(());
        }
        self.kept_house_at = Some(Instant::now());
        self.keep_batches().await?;
        loop {
            let expired = self.app.dao.expire_calls().await?;
            metrics::count_times(Count::ExpiredCall, expired);
            self.report.expired += expired;
            if expired == 0 || Instant::now() >= self.ends_at {
                break;
            }
        }
        Ok(())
    }

    /// Reads the running batches, completes those that have ended, and ends the calls of canceled ones.
    async fn keep_batches(&mut self) -> Result<(), DaoError> {
        let dao = &self.app.dao;
        let open = dao.list_open_batches().await?;
        for id in open.canceling {
            while dao.cancel_batch_page(id).await? && Instant::now() < self.ends_at {}
            dao.finish_canceling(id).await?;
        }
        self.lanes.batches = Vec::new();
        for batch in open.running {
            if !dao.complete_batch_if_done(batch.id).await? {
                self.lanes.batches.push(batch);
            }
        }
        Ok(())
    }

    pub(crate) fn ticks(&self) -> u32 {
        self.report.ticks
    }
}
