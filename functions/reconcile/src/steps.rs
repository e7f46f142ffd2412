//! The steps of settling a call: ask Twilio, change the database, and store a status that Twilio reports.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::{
    dao::{Applied, Dao, DaoError},
    domain::Call,
    service::{
        double_dial::{DoubleDial, report_double_dial},
        hang_up,
    },
    telemetry::metrics::{self, Count},
    twilio::{CallDetails, TwilioClient, TwilioError},
};
use tokio::time::{Instant, sleep};

use crate::{
    report::Failure,
    run::{Run, Stop},
};

/// The number of calls in a row for which Twilio must fail to end the run.
const FAILURES_MAX: u32 = 3;
/// The number of attempts at a database operation. Each takes some seconds if the database is unavailable.
const TRIES: u32 = 3;
/// Twilio's queue is not empty if a call waited in it for longer than this.
const QUEUED_LONG: Duration = Duration::from_secs(2);
/// Only calls that are younger say something about Twilio's queue now.
const RECENT: Duration = Duration::from_mins(5);
/// The longest pause of all dials.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// Sends a request to Twilio, again after each 429. Returns `None` on a 404.
    ///
    /// Fails for this call alone if the response is unusable or a refusal. Ends the run if Twilio fails at several calls in a row.
    pub(crate) async fn ask<T>(
        &self,
        request: impl AsyncFn(&TwilioClient) -> Result<T, TwilioError>,
    ) -> Result<Option<T>, Failure> {
        loop {
            self.limiter.wait_out_pause().await;
            let started = Instant::now();
            let response = request(&self.app.twilio).await;
            let http_status = match &response {
                Err(TwilioError::Refused(refusal)) => refusal.http_status,
                _ => None,
            };
            match (response, http_status) {
                (Err(_), Some(429)) => {
                    if !self.limiter.too_many_requests(started) {
                        self.stop(Stop::Early("Twilio limits our requests"));
                    }
                    if self.is_stopped() {
                        return Err(Failure::Run);
                    }
                }
                (Err(error @ TwilioError::Unavailable(_)), _) | (Err(error), Some(401 | 403)) => {
                    tracing::warn!(%error, "Twilio request failed");
                    return Err(self.twilio_failed());
                }
                (response, http_status) => {
                    self.limiter.responded();
                    self.failures.set(0);
                    return match response {
                        Ok(response) => Ok(Some(response)),
                        Err(_) if http_status == Some(404) => Ok(None),
                        Err(error) => {
                            tracing::warn!(%error, "Twilio request failed");
                            Err(Failure::Call)
                        }
                    };
                }
            }
        }
    }

    fn twilio_failed(&self) -> Failure {
        self.failures.set(self.failures.get() + 1);
        if self.failures.get() < FAILURES_MAX {
            return Failure::Call;
        }
        self.stop(Stop::Early("Twilio fails"));
        Failure::Run
    }

    /// Runs a database operation. If all attempts fail and no other operation has succeeded meanwhile, the run ends.
    pub(crate) async fn store<T>(
        &self,
        operation: impl AsyncFn(&Dao) -> Result<T, DaoError>,
    ) -> Result<T, Failure> {
        let before = self.stored.get();
        let error = match self.with_retries(operation).await {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        tracing::warn!(%error, "database operation failed");
        if error.is_transient() && self.stored.get() == before {
            self.stop(Stop::Database(error));
            return Err(Failure::Run);
        }
        Err(Failure::Call)
    }

    /// Runs a database operation, up to three times if the error is transient.
    pub(crate) async fn with_retries<T>(
        &self,
        operation: impl AsyncFn(&Dao) -> Result<T, DaoError>,
    ) -> Result<T, DaoError> {
        let mut tries = 1;
        loop {
            let result = operation(&self.app.dao).await;
            match &result {
                Ok(_) => self.stored.set(self.stored.get() + 1),
                Err(error) if error.is_transient() && tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                    continue;
                }
                Err(_) => {}
            }
            return result;
        }
    }

    /// Stores the status that Twilio reports of a call, and hangs up if that was requested before the `CallSid` was known.
    pub(crate) async fn record(&self, call: &Call, details: &CallDetails) -> Result<(), Failure> {
        let update = details.to_status_update(DateTime::now());
        let outcome = self
            .store(async |dao| dao.apply_status(Some(call.call_id), &update).await)
            .await?;
        if outcome.applied == Applied::OtherCall {
            report_double_dial(DoubleDial::OtherCallSid, Some(&details.sid));
            return Ok(());
        }
        let mut has_effects = outcome.has_effects;
        if outcome.hangup_waits {
            has_effects |= self.hang_up(call, details).await?;
        }
        if has_effects {
            self.app.effects.announce(call.call_id).await;
        }
        self.note_queue_time(details).await;
        if outcome.applied == Applied::Changed {
            metrics::count(Count::ReconciledCall);
            tracing::info!(call_sid = %details.sid, status = details.status.as_str(), "call reconciled");
        }
        Ok(())
    }

    /// Ends the call at Twilio. Returns true if it has effects that are still to be done.
    async fn hang_up(&self, call: &Call, details: &CallDetails) -> Result<bool, Failure> {
        let ending = self.ask(async |twilio| hang_up::end_call(twilio, &details.sid).await);
        let Some(ended) = ending.await? else {
            return Ok(false);
        };
        self.store(async |dao| hang_up::store_end(dao, Some(call.call_id), &ended.details).await)
            .await
    }

    /// Counts a call that Twilio queued for long. If that was just now, slows the dials, so that Twilio's queue empties.
    async fn note_queue_time(&self, details: &CallDetails) {
        let Some(queued) = details.queued_for.filter(|queued| *queued > QUEUED_LONG) else {
            return;
        };
        metrics::count(Count::QueueTimeHigh);
        tracing::warn!(
            queued_ms = queued.as_millis(),
            "Twilio queued the call for long"
        );
        let is_recent = details.created_at.is_some_and(|at| at >= self.ago(RECENT));
        if let (Some(pace), true) = (self.app.pace, is_recent)
            && let Err(error) = self
                .app
                .dao
                .pause_permits(pace, queued.min(PAUSE_MAX))
                .await
        {
            tracing::warn!(%error, "dials not slowed");
        }
    }
}
