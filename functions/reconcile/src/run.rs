//! The state of a run: its limits, its report, and why it stopped.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use mongodb::bson::DateTime;
use outdial::{
    config::ReconcileConfig,
    dao::{DaoError, ReconcileKind},
    domain::Call,
};
use tokio::time::Instant;
use tracing::Span;

use crate::{
    app::App,
    limiter::{Limiter, Permit},
    report::{Failure, Outcome, Report},
};

/// A run in progress.
pub(crate) struct Run<'a> {
    pub(crate) app: &'a App,
    pub(crate) now: DateTime,
    pub(crate) limiter: Limiter,
    /// The number of calls in a row for which Twilio failed.
    pub(crate) failures: Cell<u32>,
    /// The number of successful database operations.
    pub(crate) stored: Cell<u64>,
    starts_until: Instant,
    report: RefCell<Report>,
    stop: RefCell<Option<Stop>>,
}

/// Why a run ends before the lists' ends.
pub(crate) enum Stop {
    /// Twilio or the time limit ends the run. The text is for the log.
    Early(&'static str),
    /// The database ends the run.
    Database(DaoError),
}

/// The reason of a [`Stop`] at the time limit.
pub(crate) const TIME_IS_UP: &str = "time limit reached";

/// The time for which a call that has changed is left alone: its webhooks may still be on their way.
const GRACE: Duration = Duration::from_mins(1);

/// Returns the span of a call, which adds its `call_id` to log lines.
pub(crate) fn span_of(call: &Call) -> Span {
    tracing::error_span!("call", call_id = %call.call_id)
}

impl<'a> Run<'a> {
    /// Starts a run that begins with new calls for this time.
    pub(crate) fn new(app: &'a App, time: Duration) -> Self {
        Self {
            app,
            now: DateTime::now(),
            limiter: Limiter::new(ReconcileConfig::AT_ONCE.into()),
            failures: Cell::default(),
            stored: Cell::default(),
            starts_until: Instant::now() + time,
            report: RefCell::default(),
            stop: RefCell::default(),
        }
    }

    /// Returns the report, and why the run stopped early.
    pub(crate) fn finish(self) -> (Report, Option<Stop>) {
        let stop = self.stop.into_inner();
        let report = Report {
            stopped_early: stop.is_some(),
            ..self.report.into_inner()
        };
        (report, stop)
    }

    /// Stops the run. Only the first reason is kept.
    pub(crate) fn stop(&self, stop: Stop) {
        self.stop.borrow_mut().get_or_insert(stop);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.borrow().is_some()
    }

    /// Returns false if the database stopped the run.
    pub(crate) fn has_database(&self) -> bool {
        !matches!(*self.stop.borrow(), Some(Stop::Database(_)))
    }

    pub(crate) fn count(&self, kind: ReconcileKind, outcome: Result<Outcome, Failure>) {
        self.report.borrow_mut().count(kind, outcome);
    }

    /// Waits for a permit to work on one more call. Fails if the time is up or the run has stopped.
    pub(crate) async fn start_call(&self) -> Result<Permit<'_>, Failure> {
        let permit = self.limiter.acquire().await;
        if Instant::now() >= self.starts_until {
            self.stop(Stop::Early(TIME_IS_UP));
        }
        if self.is_stopped() {
            return Err(Failure::Run);
        }
        Ok(permit)
    }

    /// Returns the time before which a call of this kind must have changed last.
    pub(crate) fn settled_before(&self, kind: ReconcileKind) -> DateTime {
        let ReconcileConfig {
            time_limit_seconds,
            ring_timeout_seconds,
            ..
        } = self.app.config;
        // Even a call that was answered with its last callback, and talked up to the time limit, has ended by then.
        let longest = u64::from(ring_timeout_seconds) + u64::from(time_limit_seconds);
        self.ago(match kind {
            ReconcileKind::End => GRACE.max(Duration::from_secs(longest)),
            ReconcileKind::Dial | ReconcileKind::Recording | ReconcileKind::Transcript => GRACE,
        })
    }

    /// Returns the time before which a call must have been dialled so that Twilio certainly knows it by now.
    pub(crate) fn unknown_before(&self) -> DateTime {
        self.ago(Duration::from_secs(
            self.app.config.unknown_after_seconds.into(),
        ))
    }

    pub(crate) fn ago(&self, time: Duration) -> DateTime {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        DateTime::from_millis(self.now.timestamp_millis().saturating_sub(millis))
    }
}
