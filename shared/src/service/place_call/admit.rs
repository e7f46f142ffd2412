//! Admission of a new call: the idempotency key, the rules, and the caps, in this order. And why a request places no call.

use std::{sync::Arc, time::Duration};

use bson::DateTime;
use chrono::Utc;
use http::StatusCode;
use tokio::time::Instant;

use super::store::{begin_dial, store_and_count, withdraw_undialled};
use crate::{
    config::CallConfig,
    dao::{Callee, CapCheck, DailyCaps, Dao, DaoError, DuplicateKey, within},
    domain::{
        Call, CallRefusal, Idempotency, NewCall, OutboundCallRequest, PhoneNumber, RefusalCode,
        RuleError, TwilioRefusal,
    },
    service::rules::{Line, Rules},
};

/// Time that a request may wait for Twilio after it begins to dial: longer than a function may run.
const DIAL_DEADLINE: Duration = Duration::from_secs(30);

/// Why a request placed no call.
#[derive(Debug)]
pub enum PlaceCallError {
    /// There is no user with the request's `user_id`.
    UserNotFound,
    /// A rule or a daily cap refuses the call.
    Refused(CallRefusal),
    /// Twilio refused to dial, or could not be reached.
    NotDialled {
        /// Twilio's refusal.
        refusal: TwilioRefusal,
        /// The HTTP status of the response.
        status: StatusCode,
        /// Seconds after which to repeat the request, if Twilio has not taken it and its key is free.
        retry_after_seconds: Option<u32>,
    },
    /// The first request with this idempotency key is still under way.
    InProgress,
    /// The idempotency key came with another request before.
    KeyReused,
    /// The calling hours can't be checked: the message says which time zone is unknown.
    UnknownTimeZone(&'static str),
    /// The database failed.
    Database(DaoError),
}

impl From<DaoError> for PlaceCallError {
    fn from(error: DaoError) -> Self {
        Self::Database(error)
    }
}

impl From<CallRefusal> for PlaceCallError {
    fn from(refusal: CallRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<RuleError> for PlaceCallError {
    fn from(error: RuleError) -> Self {
        match error {
            RuleError::Refused(refusal) => Self::Refused(refusal),
            RuleError::UnknownTimeZone(message) => Self::UnknownTimeZone(message),
        }
    }
}

/// Admission, with its configuration.
pub(super) struct Admission {
    pub(super) dao: Dao,
    rules: Arc<Rules>,
    caps: DailyCaps,
    from_number: PhoneNumber,
}

/// A request that passed.
pub(super) enum Admitted {
    /// A stored and counted call, which this request alone dials.
    New(Box<Call>),
    /// The call of the first request with the same idempotency key.
    Repeat(Box<Call>),
}

impl Admission {
    pub(super) fn new(dao: Dao, rules: Arc<Rules>, config: &CallConfig) -> Self {
        Self {
            dao,
            rules,
            caps: DailyCaps {
                per_user: config.max_calls_per_user_per_day,
                per_number: config.max_calls_per_number_per_day,
                in_all: config.max_calls_per_day,
            },
            from_number: config.from_number.clone(),
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
        let callee = callee.ok_or(PlaceCallError::UserNotFound)?;
        self.rules.check_speech(&request)?;
        self.rules.check(&line, &callee, Utc::now())?;

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
        });
        tracing::Span::current().record("call_id", tracing::field::display(call.call_id));
        let stored = store_and_count(&self.dao, &call, self.caps, deadline).await;
        match (stored, idempotency) {
            (Ok(CapCheck::Admitted), None) => Ok(Admitted::New(call.into())),
            (Ok(CapCheck::Admitted), Some(idempotency)) => {
                let dial_deadline = DateTime::now().saturating_add_duration(DIAL_DEADLINE);
                match begin_dial(&self.dao, &call, dial_deadline, deadline).await? {
                    Some(begun) => Ok(Admitted::New(begun.into())),
                    None => self.repeat_of_another(idempotency, deadline).await,
                }
            }
            (Ok(reached), _) => Err(cap_refusal(reached, call.created_at).into()),
            (Err(DaoError::Duplicate(DuplicateKey::IdempotencyScope)), Some(idempotency)) => {
                self.repeat_of_another(idempotency, deadline).await
            }
            (Err(error), _) => Err(error.into()),
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
            Ok(user_id) => self.dao.get_callee(user_id, line.spellings()).await,
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
        if !idempotency.matches(first.request_hash.as_deref()) {
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
    if !idempotency.matches(first.request_hash.as_deref()) {
        return Err(PlaceCallError::KeyReused);
    }
    // A webhook may come before the first request's response, which is still under way then; hardly so if the call has ended.
    let is_unanswered = first.answered_status.is_none() && !first.status.is_terminal();
    if is_unanswered && (may_be_under_way(&first) || first.is_undialled()) {
        return Err(PlaceCallError::InProgress);
    }
    Ok(first.into())
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
        CapCheck::Admitted | CapCheck::CapReached => (
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
