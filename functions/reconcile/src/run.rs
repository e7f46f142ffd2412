use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use mongodb::bson::DateTime;
use outdial::{
    config::ReconcileConfig,
    dao::{Applied, Dao, DaoError, ReconcileKind},
    domain::{Call, CallSid},
    metrics::{self, Count},
    twilio::{CallDetails, TwilioClient, TwilioError},
};
use tokio::time::{Instant, sleep};
use tracing::Span;

use crate::{
    App, Report,
    gate::{Entered, Gate},
    report::Outcome,
};

/// A run that is under way.
pub(crate) struct Run<'a> {
    pub app: &'a App,
    pub now: DateTime,
    begins_until: Instant,
    gate: Gate,
    report: RefCell<Report>,
    stop: RefCell<Option<Stop>>,
    /// How many calls Twilio has failed at, one after the other.
    failures: Cell<u32>,
    /// How many steps the database has done.
    stored: Cell<u64>,
}

/// Why a run ends before it is through.
pub(crate) enum Stop {
    Early(&'static str),
    Database(DaoError),
}

/// Why a call has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing can be told of it now. The others go on.
    Call,
    /// The run ends.
    Run,
}

/// What is logged about a call has its name.
pub(crate) fn span_of(call: &Call) -> Span {
    tracing::error_span!("call", call_id = %call.call_id)
}

pub(crate) const TIME_IS_OVER: &str = "its time is over";

/// Twilio may fail at so many calls one after the other.
const FAILURES_MAX: u32 = 3;
/// How often a step of the database is tried, and the pause between. Each try takes some seconds where that is away.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// What is younger waits: its webhooks may be on their way still.
const YOUNG: Duration = Duration::from_mins(1);

impl<'a> Run<'a> {
    /// A run that begins with calls for that long.
    pub fn begin(app: &'a App, time: Duration) -> Self {
        Self {
            app,
            now: DateTime::now(),
            begins_until: Instant::now() + time,
            gate: Gate::new(ReconcileConfig::AT_ONCE.into()),
            report: RefCell::default(),
            stop: RefCell::default(),
            failures: Cell::default(),
            stored: Cell::default(),
        }
    }

    /// What it has done, and why it has stopped.
    pub fn end(self) -> (Report, Option<Stop>) {
        let stop = self.stop.into_inner();
        let report = Report {
            stopped_early: stop.is_some(),
            ..self.report.into_inner()
        };
        (report, stop)
    }

    /// Ends it, for the first reason that comes.
    pub fn stop(&self, stop: Stop) {
        self.stop.borrow_mut().get_or_insert(stop);
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.borrow().is_some()
    }

    pub fn has_database(&self) -> bool {
        !matches!(*self.stop.borrow(), Some(Stop::Database(_)))
    }

    pub fn count(&self, open: ReconcileKind, outcome: Result<Outcome, Trouble>) {
        self.report.borrow_mut().count(open, outcome);
    }

    /// Waits until there is room for one call more, while there is time.
    pub async fn enter(&self) -> Result<Entered<'_>, Trouble> {
        let entered = self.gate.enter().await;
        if Instant::now() >= self.begins_until {
            self.stop(Stop::Early(TIME_IS_OVER));
        }
        if self.is_stopped() {
            return Err(Trouble::Run);
        }
        Ok(entered)
    }

    /// Calls of that kind are looked at which have not changed since.
    pub fn settled_before(&self, open: ReconcileKind) -> DateTime {
        let ReconcileConfig {
            time_limit_seconds,
            ring_timeout_seconds,
            ..
        } = self.app.config;
        // A call that was answered just when its last status came, and has talked ever since, has ended by now.
        let longest = u64::from(ring_timeout_seconds) + u64::from(time_limit_seconds);
        self.ago(match open {
            ReconcileKind::End => YOUNG.max(Duration::from_secs(longest)),
            ReconcileKind::Dial | ReconcileKind::Recording => YOUNG,
        })
    }

    /// What Twilio answers; none where it has nothing of that name.
    ///
    /// What is wrong with one call is that call's trouble: an answer that cannot be read, a list without end. What Twilio
    /// refuses because it is busy is asked again.
    pub async fn ask<T>(
        &self,
        question: impl AsyncFn(&TwilioClient) -> Result<T, TwilioError>,
    ) -> Result<Option<T>, Trouble> {
        loop {
            self.gate.quiet().await;
            let begun = Instant::now();
            let answer = question(&self.app.twilio).await;
            let http_status = match &answer {
                Err(TwilioError::Refused(refusal)) => refusal.http_status,
                _ => None,
            };
            match (answer, http_status) {
                (Err(_), Some(429)) => {
                    if !self.gate.refused(begun) {
                        self.stop(Stop::Early("Twilio has had too many requests"));
                    }
                    if self.is_stopped() {
                        return Err(Trouble::Run);
                    }
                }
                (Err(error @ TwilioError::Unavailable(_)), _) | (Err(error), Some(401 | 403)) => {
                    tracing::warn!(%error, "Twilio did not tell");
                    return Err(self.failed());
                }
                (answer, http_status) => {
                    self.gate.answered();
                    self.failures.set(0);
                    return match answer {
                        Ok(answer) => Ok(Some(answer)),
                        Err(_) if http_status == Some(404) => Ok(None),
                        Err(error) => {
                            tracing::warn!(%error, "Twilio did not tell");
                            Err(Trouble::Call)
                        }
                    };
                }
            }
        }
    }

    /// A step of the database's. One that fails again and again ends the run if nothing else was done meanwhile.
    pub async fn store<T>(
        &self,
        step: impl AsyncFn(&Dao) -> Result<T, DaoError>,
    ) -> Result<T, Trouble> {
        let before = self.stored.get();
        let error = match self.tried(step).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        tracing::warn!(%error, "the database has not done its part");
        if error.is_passing() && self.stored.get() == before {
            self.stop(Stop::Database(error));
            return Err(Trouble::Run);
        }
        Err(Trouble::Call)
    }

    /// A step of the database's, a few times where it is away for now.
    pub async fn tried<T>(
        &self,
        step: impl AsyncFn(&Dao) -> Result<T, DaoError>,
    ) -> Result<T, DaoError> {
        let mut tries = 1;
        loop {
            let done = step(&self.app.dao).await;
            match &done {
                Ok(_) => self.stored.set(self.stored.get() + 1),
                Err(error) if error.is_passing() && tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                    continue;
                }
                Err(_) => {}
            }
            return done;
        }
    }

    /// Records what Twilio tells of a call, and ends it if that was asked for before Twilio had named it.
    pub async fn record(&self, call: &Call, details: &CallDetails) -> Result<(), Trouble> {
        let update = details.to_status_update(DateTime::now());
        let told = self
            .store(async |dao| dao.apply_status(Some(call.call_id), &update).await)
            .await?;
        if told.applied == Applied::OtherCall {
            metrics::count(Count::SuspectedDoubleDial);
            tracing::error!(call_sid = %details.sid, "suspected double dial: the call has another CallSid");
            return Ok(());
        }
        if told.hangup_waits {
            self.hang_up(call, &details.sid).await?;
        }
        if told.applied == Applied::Changed {
            metrics::count(Count::ReconciledCall);
            tracing::info!(call_sid = %details.sid, status = details.status.as_str(), "Twilio has told what became of a call");
        }
        Ok(())
    }

    async fn hang_up(&self, call: &Call, sid: &CallSid) -> Result<(), Trouble> {
        let answer = self.ask(async |twilio| twilio.hangup_call(sid).await).await;
        if let Some(details) = answer?
            && details.status.is_terminal()
        {
            let update = details.to_status_update(DateTime::now());
            self.store(async |dao| dao.apply_status(Some(call.call_id), &update).await)
                .await?;
        }
        Ok(())
    }

    fn failed(&self) -> Trouble {
        self.failures.set(self.failures.get() + 1);
        if self.failures.get() < FAILURES_MAX {
            return Trouble::Call;
        }
        self.stop(Stop::Early("Twilio fails"));
        Trouble::Run
    }

    fn ago(&self, time: Duration) -> DateTime {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        DateTime::from_millis(self.now.timestamp_millis().saturating_sub(millis))
    }

    /// Before which a call was stored that Twilio must know of by now.
    pub fn unknown_before(&self) -> DateTime {
        self.ago(Duration::from_secs(
            self.app.config.unknown_after_seconds.into(),
        ))
    }
}
