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
        if outcome.hangup_waits {
            self.hang_up(call, details).await?;
        }
        if outcome.applied == Applied::Changed {
            metrics::count(Count::ReconciledCall);
            tracing::info!(call_sid = %details.sid, status = details.status.as_str(), "call reconciled");
        }
        Ok(())
    }

    async fn hang_up(&self, call: &Call, details: &CallDetails) -> Result<(), Failure> {
        let ending = self.ask(async |twilio| hang_up::end_call(twilio, &details.sid).await);
        if let Some(ended) = ending.await? {
            self.store(async |dao| {
                hang_up::store_end(dao, Some(call.call_id), &ended.details).await
            })
            .await?;
        }
        Ok(())
    }
}
