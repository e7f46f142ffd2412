use std::{collections::BTreeMap, time::Duration};

use mongodb::bson::DateTime;
use outdial::{
    config::ReconcileConfig,
    dao::{Applied, DaoError, Open, Place},
    domain::{Call, CallSid},
    metrics::{self, Count},
    twilio::{CallDetails, TwilioError},
};
use tokio::time::Instant;
use tracing::Span;

use crate::{App, Report};

/// A run that is under way.
pub(crate) struct Run<'a> {
    pub app: &'a App,
    pub now: DateTime,
    pub report: Report,
    /// Where the next run begins, by kind.
    pub bookmarks: BTreeMap<Open, Option<Place>>,
    deadline: Instant,
    failures: u32,
}

/// Why a run ends before its time.
pub(crate) enum Stop {
    Early(&'static str),
    Database(DaoError),
}

impl From<DaoError> for Stop {
    fn from(error: DaoError) -> Self {
        Self::Database(error)
    }
}

/// What is logged about a call has its name.
pub(crate) fn span_of(call: &Call) -> Span {
    tracing::error_span!("call", call_id = %call.call_id)
}

/// What a run may take; the function may take a little more.
const RUN_TIME: Duration = Duration::from_secs(100);
/// So many requests may fail one after the other.
const FAILURES_MAX: u32 = 3;
const TOO_MANY_REQUESTS: u16 = 429;
pub(crate) const NOT_FOUND: u16 = 404;

impl<'a> Run<'a> {
    pub fn begin(app: &'a App) -> Self {
        Self {
            app,
            now: DateTime::now(),
            report: Report::default(),
            bookmarks: BTreeMap::new(),
            deadline: Instant::now() + RUN_TIME,
            failures: 0,
        }
    }

    /// The calls to look at next.
    pub async fn page(&mut self, open: Open) -> Result<Vec<Call>, Stop> {
        let ReconcileConfig {
            page,
            time_limit_seconds,
            ring_timeout_seconds,
            ..
        } = self.app.config;
        // A call that was answered just when its last status came, and has talked ever since, has ended by now.
        let longest = u64::from(ring_timeout_seconds) + u64::from(time_limit_seconds);
        let before = match open {
            Open::End => self.ago(Duration::from_secs(longest)),
            Open::Dial | Open::Recording => self.now,
        };
        let dao = &self.app.dao;
        let after = dao.get_bookmark(open).await?;
        let listed = dao.list_open_calls(open, before, after, page).await?;
        self.bookmarks.insert(open, listed.more_after);
        Ok(listed.calls)
    }

    /// Ends the run where its time is over, and begins the kind with this call again.
    pub fn go_on(&mut self, open: Open, last: Option<&Call>) -> Result<(), Stop> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        self.stop_at(open, last);
        Err(Stop::Early("its time is over"))
    }

    /// Lets the next run go on after the last call that was looked at.
    pub fn stop_at(&mut self, open: Open, last: Option<&Call>) {
        if let Some(call) = last {
            self.bookmarks.insert(open, Some(Place::of(call)));
        } else {
            self.bookmarks.remove(&open);
        }
    }

    /// What Twilio has answered; nothing where it has not, unless it is better to ask no more.
    pub fn answered<T>(&mut self, answer: Result<T, TwilioError>) -> Result<Option<T>, Stop> {
        let error = match answer {
            Ok(answer) => {
                self.failures = 0;
                return Ok(Some(answer));
            }
            Err(error) => error,
        };
        tracing::warn!(%error, "Twilio did not tell");
        self.failures += 1;
        let is_too_much = matches!(
            &error,
            TwilioError::Refused(refusal) if refusal.http_status == Some(TOO_MANY_REQUESTS)
        );
        if is_too_much {
            Err(Stop::Early("Twilio has had too many requests"))
        } else if self.failures >= FAILURES_MAX {
            Err(Stop::Early("Twilio fails"))
        } else {
            Ok(None)
        }
    }

    /// Records what Twilio tells of a call, and ends it if that was asked for before Twilio had named it. Returns whether the
    /// call has changed.
    pub async fn record(&mut self, call: &Call, details: &CallDetails) -> Result<bool, Stop> {
        let update = details.to_status_update(DateTime::now());
        let told = self
            .app
            .dao
            .apply_status(Some(call.call_id), &update)
            .await?;
        if told.applied == Applied::OtherCall {
            metrics::count(Count::SuspectedDoubleDial);
            tracing::error!(call_sid = %details.sid, "suspected double dial: the call has another CallSid");
            return Ok(false);
        }
        if told.hangup_waits {
            self.hang_up(call, &details.sid).await?;
        }
        let changed = told.applied == Applied::Changed;
        if changed {
            metrics::count(Count::ReconciledCall);
            tracing::info!(call_sid = %details.sid, status = details.status.as_str(), "Twilio has told what became of a call");
        }
        Ok(changed)
    }

    async fn hang_up(&mut self, call: &Call, sid: &CallSid) -> Result<(), Stop> {
        let answer = self.app.twilio.hangup_call(sid).await;
        if let Some(details) = self.answered(answer)?
            && details.status.is_terminal()
        {
            let update = details.to_status_update(DateTime::now());
            self.app
                .dao
                .apply_status(Some(call.call_id), &update)
                .await?;
        }
        Ok(())
    }

    pub fn ago(&self, time: Duration) -> DateTime {
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
