//! Placing a call: admission, then one request to Twilio to dial, then the record of how that ended. Or the dial queue.

mod admit;
mod change;
mod error;
mod schedule;
mod store;

use std::sync::Arc;

use bson::DateTime;
use http::StatusCode;
use tokio::time::Instant;

use self::admit::{Admission, Admitted};
pub use self::{
    error::{ChangeCallError, PlaceCallError},
    store::{begin_dial, store_and_count, withdraw_undialled},
};
use super::{
    dialer::Dialer,
    rules::Rules,
    untaken::{self, Untaken},
};
use crate::{
    config::CallConfig,
    dao::{self, Dao, DaoError},
    domain::{
        Call, DialOutcome, DialResult, Idempotency, OutboundCallRequest, Pace, RefusalCode,
        TwilioRefusal, WaitingFor,
    },
    telemetry::metrics::{self, Count},
};

/// Seconds after which to repeat a request that Twilio has not taken.
const NOT_TAKEN_RETRY_SECONDS: u32 = 5;

/// A request that has, or may have, placed a call.
#[derive(Debug)]
pub enum PlacedCall {
    /// This request asked Twilio to dial.
    Dialled {
        /// The call as it is now.
        call: Box<Call>,
        /// The HTTP status of the response: 201 if Twilio has the call, 202 if that is not known or not stored.
        status: StatusCode,
    },
    /// The call waits in the dial queue. The HTTP status of the response is 202.
    Queued(Box<Call>),
    /// An earlier request with the same idempotency key placed this call. Nothing was dialled.
    Repeated(Box<Call>),
}

/// Places calls.
pub struct CallPlacer {
    admission: Admission,
    dialer: Arc<Dialer>,
}

impl CallPlacer {
    /// Builds the service. Connects to nothing. Without a pace there is no dial queue: no call waits, and none needs a permit.
    #[must_use]
    pub fn new(
        dao: Dao,
        dialer: Arc<Dialer>,
        rules: Arc<Rules>,
        config: &CallConfig,
        pace: Option<Pace>,
    ) -> Self {
        Self {
            admission: Admission::new(dao, rules, config, pace),
            dialer,
        }
    }

    /// Places a call, or returns the call of an earlier request with the same idempotency key. It asks Twilio to dial once
    /// at most. `created_by` is the API key's name.
    ///
    /// # Errors
    ///
    /// See [`PlaceCallError`]. After [`PlaceCallError::Database`] the call may or may not have been placed.
    pub async fn place(
        &self,
        request: OutboundCallRequest,
        idempotency: Option<&Idempotency>,
        created_by: Option<String>,
    ) -> Result<PlacedCall, PlaceCallError> {
        let deadline = Instant::now() + dao::CALL_TIMEOUT;
        let admitted = self
            .admission
            .admit(request, idempotency, created_by, deadline);
        match admitted.await {
            Ok(Admitted::New {
                call,
                may_wait_until,
            }) => self.dial(*call, may_wait_until).await,
            Ok(Admitted::Queued(call)) => Ok(PlacedCall::Queued(call)),
            Ok(Admitted::Repeat(first)) => Ok(PlacedCall::Repeated(first)),
            Err(error) => {
                if let PlaceCallError::Refused(refusal) = &error {
                    self.count_refusal(refusal.code()).await;
                }
                Err(error)
            }
        }
    }

    /// Asks Twilio to dial, and records how that ended. With a dial queue, it asks once, because each request to Twilio needs a
    /// permit. If Twilio takes no call now, the call waits in the queue, at most until `may_wait_until`.
    async fn dial(
        &self,
        call: Call,
        may_wait_until: Option<DateTime>,
    ) -> Result<PlacedCall, PlaceCallError> {
        metrics::count(Count::PlacedCall);
        let Some(pace) = self.admission.pace else {
            let result = self.dialer.dial(&call).await;
            return self.record(call, result).await;
        };
        let result = self.dialer.dial_once(&call).await;
        let Some((reason, refusal)) = Untaken::of(&result) else {
            return self.record(call, result).await;
        };
        // Boxed: rare, and as large as the rest.
        let slow_dials = Box::pin(async {
            let dao = &self.admission.dao;
            if let Err(error) = untaken::slow_dials(dao, pace, reason, refusal).await {
                tracing::warn!(%error, "dials not slowed");
            }
        });
        if let Some(end) = may_wait_until {
            let queued = Box::pin(self.queue(call, end, reason));
            let (placed, ()) = tokio::join!(queued, slow_dials);
            return Ok(placed);
        }
        slow_dials.await;
        self.record(call, result).await
    }

    /// Makes a call wait that Twilio certainly has not taken. If the database fails, the client learns that the outcome is not
    /// known: the call may wait, and if not, `reconcile` settles it.
    async fn queue(&self, call: Call, end: DateTime, reason: Untaken) -> PlacedCall {
        let dao = &self.admission.dao;
        let waits = call.clone().able_to_wait(end);
        let settled = dao::with_deadline(Box::pin(async {
            let (after, twilio) = (reason.back_off(), WaitingFor::Twilio);
            if let Some(waiting) = untaken::back_to_queue(dao, &waits, after, twilio).await? {
                return Ok(Some(PlacedCall::Queued(waiting.into())));
            }
            // A webhook or a hang-up request came first: what it stored stays.
            let other = DialResult::Unknown("the call changed".to_owned());
            let status = StatusCode::ACCEPTED;
            let stored = dao.record_dial(&call, &other, Some(status.as_u16()));
            Ok(stored.await?.map(|stored| dialled(status, stored)))
        }));
        match settled.await {
            Ok(Some(placed)) => placed,
            Ok(None) => outcome_unknown(call),
            Err(error) => {
                let error: DaoError = error;
                tracing::error!(%error, "call not returned to the queue");
                outcome_unknown(call)
            }
        }
    }

    /// Records how a dial ended.
    async fn record(&self, call: Call, result: DialResult) -> Result<PlacedCall, PlaceCallError> {
        let (status, outcome) = match &result {
            DialResult::Accepted { sid, .. } => {
                tracing::info!(call_sid = %sid, "dialled");
                (StatusCode::CREATED, DialOutcome::Accepted)
            }
            DialResult::Unknown(reason) => {
                tracing::warn!(reason, "dial outcome unknown");
                (StatusCode::ACCEPTED, DialOutcome::Unknown)
            }
            DialResult::Refused(refusal) if refusal.is_of_called_number() => {
                tracing::warn!(%refusal, "dial refused");
                (StatusCode::UNPROCESSABLE_ENTITY, DialOutcome::Refused)
            }
            DialResult::Refused(refusal) | DialResult::NotTaken(refusal) => {
                tracing::warn!(%refusal, "dial refused");
                (StatusCode::BAD_GATEWAY, DialOutcome::Refused)
            }
        };
        metrics::count(Count::Dial(outcome));
        let dao = &self.admission.dao;
        let stored = dao.record_dial(&call, &result, Some(status.as_u16())).await;
        if let Err(error) = &stored {
            tracing::error!(%error, "dial outcome not stored");
        }
        match (result, stored.ok().flatten()) {
            // A webhook knows better than what looked like a refusal.
            (DialResult::Refused(_) | DialResult::NotTaken(_), Some(stored))
                if stored.dial_outcome == Some(DialOutcome::Accepted) =>
            {
                Ok(dialled(StatusCode::ACCEPTED, stored))
            }
            (DialResult::Refused(refusal), _) => {
                Err(self.not_dialled(&call, status, refusal, None).await)
            }
            (DialResult::NotTaken(refusal), stored) => {
                // The key is free only if that was stored.
                let retry = stored.map(|_| NOT_TAKEN_RETRY_SECONDS);
                Err(self.not_dialled(&call, status, refusal, retry).await)
            }
            (DialResult::Accepted { sid, .. }, Some(stored)) => {
                let call = self.dialer.accepted(dao, stored, &sid).await;
                Ok(dialled(status, call))
            }
            (DialResult::Unknown(_), Some(stored)) => Ok(dialled(status, stored)),
            // The stored outcome stays pending until a webhook settles it.
            (_, None) => Ok(outcome_unknown(call)),
        }
    }

    /// Removes the call from the daily caps and counts the refusal. Either may fail: then the day has one call less, or the
    /// statistics have one refusal less.
    async fn not_dialled(
        &self,
        call: &Call,
        status: StatusCode,
        refusal: TwilioRefusal,
        retry_after_seconds: Option<u32>,
    ) -> PlaceCallError {
        let count = async {
            // Without a status, Twilio was not reached.
            if refusal.http_status.is_some() {
                self.count_refusal(RefusalCode::TwilioRefused).await;
            }
        };
        let (uncounted, ()) = tokio::join!(self.admission.dao.uncount_call(call), count);
        if let Err(error) = uncounted {
            tracing::warn!(%error, "call not removed from the daily caps");
        }
        PlaceCallError::NotDialled {
            refusal,
            status,
            retry_after_seconds,
        }
    }

    /// Counts a refusal for the statistics. If that fails, they have one less.
    async fn count_refusal(&self, code: RefusalCode) {
        let counted = self.admission.dao.count_refusal(code, DateTime::now());
        if let Err(error) = counted.await {
            tracing::warn!(%error, "refusal not counted");
        }
    }
}

fn dialled(status: StatusCode, call: Call) -> PlacedCall {
    PlacedCall::Dialled {
        call: call.into(),
        status,
    }
}

/// The response if the outcome of a dial is not known, or could not be stored.
fn outcome_unknown(call: Call) -> PlacedCall {
    dialled(
        StatusCode::ACCEPTED,
        Call {
            dial_outcome: Some(DialOutcome::Unknown),
            ..call
        },
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{service::dialer::HANG_UP_AFTER_DIAL, twilio::Timeouts};

    #[test]
    fn placing_a_call_takes_at_most_28_seconds() {
        let admission = dao::CALL_TIMEOUT;
        let dial = Timeouts::default().dial_budget + dao::CALL_TIMEOUT;
        let hang_up = HANG_UP_AFTER_DIAL + dao::CALL_TIMEOUT;
        assert!(admission + dial + hang_up <= Duration::from_secs(28));
    }
}
