//! Admission of a new call: the idempotency key, the rules, and the caps, in this order.

use std::{sync::Arc, time::Duration};

use bson::DateTime;
use tokio::time::Instant;

use super::{
    error::PlaceCallError,
    schedule::{Scheduler, check_timing},
    store::{begin_dial, store_and_count, store_waiting, withdraw, withdraw_undialled},
};
use crate::{
    config::CallConfig,
    dao::{Callee, CapCheck, DailyCaps, Dao, DaoError, DuplicateKey, Permit, within},
    domain::{
        Call, CallRefusal, Idempotency, NewCall, OutboundCallRequest, Pace, PhoneNumber,
        RefusalCode, WaitingFor,
    },
    service::rules::{Content, Line, Rules, looked_up, transfer_lines},
};

/// Time that a request may wait for Twilio after it begins to dial: longer than a function may run.
const DIAL_DEADLINE: Duration = Duration::from_secs(30);

/// Admission, with its configuration.
pub(super) struct Admission {
    pub(super) dao: Dao,
    pub(super) scheduler: Scheduler,
    caps: DailyCaps,
    from_number: PhoneNumber,
    /// The pace of dials, if there is a dial queue.
    pub(super) pace: Option<Pace>,
}

/// A request that passed.
pub(super) enum Admitted {
    /// A stored and counted call, which this request alone dials.
    New {
        /// The call.
        call: Box<Call>,
        /// Time until which it may wait in the dial queue, if Twilio does not take it now. `None`: it may not.
        may_wait_until: Option<DateTime>,
    },
    /// A stored call that waits in the dial queue.
    Queued(Box<Call>),
    /// The call of the first request with the same idempotency key.
    Repeat(Box<Call>),
}

impl Admission {
    pub(super) fn new(
        dao: Dao,
        rules: Arc<Rules>,
        config: &CallConfig,
        pace: Option<Pace>,
    ) -> Self {
        Self {
            dao,
            scheduler: Scheduler {
                rules,
                has_queue: pace.is_some(),
            },
            caps: DailyCaps::of(config),
            from_number: config.from_number.clone(),
            pace,
        }
    }

    /// Admits a request until the deadline.
    ///
    /// The idempotency key comes first: rules apply to new calls, not to repeats. The insert decides between repeats that
    /// come at the same moment. A call with a key is dialled by the request that has then stored `dial_begun_at`. So a call
    /// without it is known to be undialled, and a repeat places it anew. A refusal leaves nothing behind.
    pub(super) async fn admit(
        &self,
        request: OutboundCallRequest,
        idempotency: Option<&Idempotency>,
        created_by: Option<String>,
        deadline: Instant,
    ) -> Result<Admitted, PlaceCallError> {
        let line = Line::of(&request.to_number);
        let (first, callee) = tokio::try_join!(
            within(deadline, self.find_first(idempotency)),
            within(deadline, self.find_callee(&request, &line)),
        )?;
        if let (Some(idempotency), Some(first)) = (idempotency, first)
            && let Some(first) = self.repeat_or_free(idempotency, first, deadline).await?
        {
            return Ok(Admitted::Repeat(first));
        }
        check_timing(&request)?;
        let callee = callee.ok_or(PlaceCallError::UserNotFound)?;
        let (rules, content) = (&self.scheduler.rules, Content::from(&request));
        rules.check_content(&content)?;
        let schedule = self.scheduler.schedule(&request, &line, &callee)?;
        rules.check_audio_and_transfers(&content, Some(&line), &callee, schedule.ends_at())?;
        let transfer_lines = transfer_lines(request.steps.as_ref());
        let priority = request.priority;
        let call = Call::new(NewCall {
            request,
            user_id: callee.user.user_id(),
            from_number: self.from_number.clone(),
            counted_number: line.key(),
            idempotency,
            created_by,
            // A request with a key sets its deadline again when it begins to dial.
            may_take: match idempotency {
                Some(_) => deadline.saturating_duration_since(Instant::now()),
                None => DIAL_DEADLINE,
            },
        })
        .with_transfer_lines(transfer_lines)
        .with_retry(schedule.retry);
        tracing::Span::current().record("call_id", tracing::field::display(call.call_id));
        if !schedule.is_now {
            let waiting =
                call.scheduled(schedule.due_at, schedule.expires_at, schedule.waiting_for);
            return self.store_waiting(waiting, idempotency, deadline).await;
        }
        let may_wait_until = schedule.may_wait.then_some(schedule.expires_at);
        let permit = self.pace.map(|pace| Permit { pace, priority });
        let stored = store_and_count(&self.dao, &call, self.caps, permit, deadline).await;
        match (stored, idempotency) {
            (Ok(CapCheck::NoPermit), _) if schedule.may_wait => {
                let waiting = Call {
                    updated_at: DateTime::now(),
                    ..call.clone()
                };
                let (due_at, expires_at) = (call.created_at, schedule.expires_at);
                let waiting = waiting.scheduled(due_at, expires_at, WaitingFor::Permit);
                if within(deadline, self.dao.queue_call(&call, &waiting)).await? {
                    return Ok(Admitted::Queued(waiting.into()));
                }
                // A repeat of the request has withdrawn it.
                Err(PlaceCallError::InProgress)
            }
            (Ok(CapCheck::NoPermit), _) => {
                withdraw(&self.dao, &call, deadline).await;
                Err(CallRefusal::PaceExceeded.into())
            }
            (Ok(CapCheck::Admitted), None) => Ok(Admitted::New {
                call: call.into(),
                may_wait_until,
            }),
            (Ok(CapCheck::Admitted), Some(idempotency)) => {
                let dial_deadline = DateTime::now().saturating_add_duration(DIAL_DEADLINE);
                match begin_dial(&self.dao, &call, dial_deadline, deadline).await? {
                    Some(begun) => Ok(Admitted::New {
                        call: begun.into(),
                        may_wait_until,
                    }),
                    None => self.repeat_of_another(idempotency, deadline).await,
                }
            }
            (Ok(reached), _) => Err(cap_refusal(reached, call.created_at).into()),
            (Err(error), idempotency) => self.not_stored(error, idempotency, deadline).await,
        }
    }

    /// Stores a call that waits in the dial queue.
    async fn store_waiting(
        &self,
        waiting: Call,
        idempotency: Option<&Idempotency>,
        deadline: Instant,
    ) -> Result<Admitted, PlaceCallError> {
        match store_waiting(&self.dao, &waiting, deadline).await {
            Ok(()) => Ok(Admitted::Queued(waiting.into())),
            Err(error) => self.not_stored(error, idempotency, deadline).await,
        }
    }

    /// Returns the other request's call if the key was taken.
    async fn not_stored(
        &self,
        error: DaoError,
        idempotency: Option<&Idempotency>,
        deadline: Instant,
    ) -> Result<Admitted, PlaceCallError> {
        match (error, idempotency) {
            (DaoError::Duplicate(DuplicateKey::IdempotencyScope), Some(idempotency)) => {
                self.repeat_of_another(idempotency, deadline).await
            }
            (error, _) => Err(error.into()),
        }
    }

    /// Returns the call that was stored with the request's key.
    async fn find_first(
        &self,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Call>, DaoError> {
        match idempotency {
            Some(idempotency) => {
                let scope = &idempotency.scope;
                self.dao.get_call_by_idempotency_scope(scope).await
            }
            None => Ok(None),
        }
    }

    async fn find_callee(
        &self,
        request: &OutboundCallRequest,
        line: &Line,
    ) -> Result<Option<Callee>, DaoError> {
        match request.user_id.parse() {
            Ok(user_id) => {
                let numbers = looked_up(line, request.steps.as_ref());
                self.dao.get_callee(user_id, &numbers).await
            }
            Err(_) => Ok(None),
        }
    }

    /// Returns the first request's call for a repeat; or frees the key and returns `None`, if the first request has ended and
    /// has certainly not dialled.
    async fn repeat_or_free(
        &self,
        idempotency: &Idempotency,
        first: Call,
        deadline: Instant,
    ) -> Result<Option<Box<Call>>, PlaceCallError> {
        if !first.is_undialled() || may_be_under_way(&first) {
            return repeat(idempotency, first).map(Some);
        }
        if !is_same(idempotency, &first) {
            return Err(PlaceCallError::KeyReused);
        }
        // If another repeat withdraws it at the same moment, or the first request dials after all, the insert finds the key
        // taken.
        if within(deadline, withdraw_undialled(&self.dao, &first)).await? {
            tracing::warn!(withdrawn_call_id = %first.call_id, "undialled call withdrawn");
        }
        Ok(None)
    }

    /// Returns the call of another request with the same key that was faster.
    async fn repeat_of_another(
        &self,
        idempotency: &Idempotency,
        deadline: Instant,
    ) -> Result<Admitted, PlaceCallError> {
        let first = self.dao.get_call_by_idempotency_scope(&idempotency.scope);
        // A call that is gone again met a cap; this one may not.
        let first = within(deadline, first)
            .await?
            .ok_or(PlaceCallError::InProgress)?;
        repeat(idempotency, first).map(Admitted::Repeat)
    }
}

/// Checks that a request with a used key is the same as the first one, and that the first one has ended.
fn repeat(idempotency: &Idempotency, first: Call) -> Result<Box<Call>, PlaceCallError> {
    tracing::Span::current().record("call_id", tracing::field::display(first.call_id));
    if !is_same(idempotency, &first) {
        return Err(PlaceCallError::KeyReused);
    }
    // A webhook may come before the first request's response, which is still under way then; hardly so if the call has ended.
    let is_unanswered = first.answered_status.is_none() && !first.status.is_terminal();
    if is_unanswered && (may_be_under_way(&first) || first.is_undialled()) {
        return Err(PlaceCallError::InProgress);
    }
    Ok(first.into())
}

/// Returns true if the call was placed by the same request. That of an erased sensitive call is known only by its key.
fn is_same(idempotency: &Idempotency, first: &Call) -> bool {
    first.is_wordless() || idempotency.matches(first.request_hash.as_deref())
}

/// Returns true if the request that stored the call, and has not answered yet, may still be at work.
fn may_be_under_way(call: &Call) -> bool {
    call.dial_deadline
        .is_some_and(|deadline| DateTime::now() < deadline)
}

fn cap_refusal(reached: CapCheck, now: DateTime) -> CallRefusal {
    const DAY_SECONDS: i64 = 86_400;
    let left = DAY_SECONDS - (now.timestamp_millis() / 1_000).rem_euclid(DAY_SECONDS);
    let (code, message) = match reached {
        CapCheck::UserCapReached => (
            RefusalCode::UserDailyCap,
            "The user has reached the daily cap of calls. A day is a UTC day.",
        ),
        CapCheck::NumberCapReached => (
            RefusalCode::NumberDailyCap,
            "The number has reached the daily cap of calls to it. A day is a UTC day.",
        ),
        CapCheck::Admitted | CapCheck::NoPermit | CapCheck::CapReached => (
            RefusalCode::DailyCap,
            "The service has reached its daily cap of calls. A day is a UTC day.",
        ),
    };
    CallRefusal::DailyCap {
        code,
        message,
        retry_after_seconds: u32::try_from(left).unwrap_or(u32::MAX),
    }
}
