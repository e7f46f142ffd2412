//! The steps of a dial: permit, rules, caps, compare-and-set, and one request to Twilio.

use std::time::Duration;

use bson::{DateTime, oid::ObjectId};
use chrono::Utc;
use outdial::{
    dao::{CapCheck, DaoError},
    domain::{Call, Priority, WaitingFor},
    service::rules::{Line, Rules},
    telemetry::metrics::{self, Count},
};
use tokio::time::{Instant, sleep};
use tracing::{Span, field};

use crate::{App, message::DialMessage, outcome, rules::Verdict};

/// The longest wait for a permit. Then the call goes back to the queue. `dispatch` keeps about a second of the pace leased, and more
/// for urgent calls.
const PERMIT_WAIT: Duration = Duration::from_millis(1_500);
const URGENT_PERMIT_WAIT: Duration = Duration::from_millis(2_500);
/// The rules were read at most this long ago when Twilio is asked.
const FRESH: Duration = Rules::DIALLED_WITHIN;
/// Time that Twilio's answer may take, and storing it: as long as the function may run.
const MAY_TAKE: Duration = Duration::from_secs(30);

/// Time until a call is tried again that the compare-and-set did not find ready, although it waits under its lease.
const NOT_READY: Duration = Duration::from_secs(10);

/// Dials the call of a message, if everything allows it now. Otherwise the call goes back to the queue, or ends.
///
/// A call is set aside if it, its user or another document about it cannot be read.
///
/// # Errors
///
/// Any [`DaoError`]. The call was not dialled then, or the result of its dial is not stored and `reconcile` settles it.
pub(crate) async fn dial(app: &App, message: &DialMessage) -> Result<(), DaoError> {
    Span::current().record("call_id", field::display(message.call_id));
    match dial_leased(app, message).await {
        // Under its lease it would hold up the others, time and again.
        Err(error) if !error.is_transient() => {
            tracing::error!(%error, "queued call set aside");
            set_aside(app, message).await
        }
        done => done,
    }
}

async fn set_aside(app: &App, message: &DialMessage) -> Result<(), DaoError> {
    let (call, lease) = (message.call_id, &message.lease_id);
    app.dao.set_aside_call(call, lease).await
}

async fn dial_leased(app: &App, message: &DialMessage) -> Result<(), DaoError> {
    let leased = app.dao.get_leased_call(message.call_id, &message.lease_id);
    let Some(call) = leased.await? else {
        tracing::info!("lease is over");
        return Ok(());
    };
    if call.expires_at.is_none() {
        tracing::error!("queued call without expires_at set aside");
        metrics::count(Count::UnreadableDocument);
        return set_aside(app, message).await;
    }
    Span::current().record("to", field::display(&call.to_number));
    let lease = &message.lease_id;
    let wait = match call.priority {
        Some(Priority::Urgent) => URGENT_PERMIT_WAIT,
        _ => PERMIT_WAIT,
    };
    let Some(permit) = app.dao.reserve_permit(app.pace, wait).await? else {
        metrics::count(Count::PermitStarved);
        return give_back(app, &call, lease, None, WaitingFor::Permit).await;
    };
    sleep(permit.wait).await;

    let read_at = Instant::now();
    let line = Line::of(&call.to_number);
    let stopped = match Verdict::of(app, &call, &line).await? {
        Verdict::Allowed { stopped } => stopped,
        Verdict::Later {
            due_at,
            waiting_for,
        } => {
            return give_back(app, &call, lease, due_at, waiting_for).await;
        }
        Verdict::Never { reason } => {
            tracing::warn!(reason, "queued call canceled by a rule");
            return app.dao.cancel_by_rule(&call, reason).await;
        }
    };
    let now = Utc::now();
    let call = counted(call, now);
    let capped = match app.dao.count_call(&call, app.caps, None).await {
        Ok(CapCheck::Admitted | CapCheck::NoPermit) => None,
        Ok(CapCheck::UserCapReached) => Some(WaitingFor::UserDailyCap),
        Ok(CapCheck::NumberCapReached) => Some(WaitingFor::NumberDailyCap),
        Ok(CapCheck::CapReached) => Some(WaitingFor::DailyCap),
        Err(error) => return uncounted(app, &call, error).await,
    };
    if let Some(cap) = capped {
        return give_back(app, &call, lease, Some(day_after(now)), cap).await;
    }
    if read_at.elapsed() >= FRESH {
        app.dao.uncount_call(&call).await?;
        tracing::warn!("rules read too long ago, call not dialled");
        return give_back(app, &call, lease, None, WaitingFor::Permit).await;
    }
    match app.dao.begin_queued_dial(&call, lease, MAY_TAKE).await {
        Ok(Some(begun)) if read_at.elapsed() < FRESH && !has_expired(&begun) => {
            outcome::ask_twilio(app, &begun, stopped).await
        }
        Ok(Some(begun)) => {
            tracing::warn!("rules read too long ago or call expired, call not dialled");
            outcome::back_to_queue(app, &begun, Duration::ZERO, WaitingFor::Permit).await
        }
        Ok(None) => {
            tracing::info!("call waits no longer, or is not due yet");
            app.dao.uncount_call(&call).await?;
            let later = DateTime::now().saturating_add_duration(NOT_READY);
            let due_at = call.due_at.map(|due_at| due_at.max(later));
            let waiting_for = call.waiting_for.unwrap_or(WaitingFor::ScheduledTime);
            app.dao.give_back(&call, lease, due_at, waiting_for).await
        }
        Err(error) => not_begun(app, &call, error).await,
    }
}

/// The call as this dial counts it: on the UTC day of `now`, under a random id.
fn counted(call: Call, now: chrono::DateTime<Utc>) -> Call {
    Call {
        counted_on: Some(now.format("%Y-%m-%d").to_string()),
        counted_as: Some(ObjectId::new()),
        ..call
    }
}

/// Returns true if the call has expired since its dial began.
fn has_expired(call: &Call) -> bool {
    call.expires_at
        .is_some_and(|expires_at| expires_at <= DateTime::now())
}

/// The start of the UTC day after `now`, when the caps reset.
fn day_after(now: chrono::DateTime<Utc>) -> DateTime {
    const DAY_MS: i64 = 86_400_000;
    let days = now.timestamp_millis().div_euclid(DAY_MS);
    DateTime::from_millis((days + 1) * DAY_MS)
}

async fn give_back(
    app: &App,
    call: &Call,
    lease: &str,
    due_at: Option<DateTime>,
    waiting_for: WaitingFor,
) -> Result<(), DaoError> {
    metrics::count(Count::LeaseReturned);
    tracing::info!(waiting_for = waiting_for.as_str(), "queued call waits on");
    app.dao.give_back(call, lease, due_at, waiting_for).await
}

/// Undoes a count that may have been made.
async fn uncounted(app: &App, call: &Call, error: DaoError) -> Result<(), DaoError> {
    if let Err(error) = app.dao.uncount_call(call).await {
        tracing::warn!(%error, "call not removed from the daily caps");
    }
    Err(error)
}

/// Undoes a dial of which the database did not say whether it has begun. Twilio was not asked.
async fn not_begun(app: &App, call: &Call, error: DaoError) -> Result<(), DaoError> {
    let (returned, uncounted) = tokio::join!(
        app.dao
            .return_to_queue(call, DateTime::now(), WaitingFor::Permit),
        app.dao.uncount_call(call),
    );
    if let Err(error) = returned.map(|_| ()).and(uncounted) {
        tracing::error!(%error, "begun dial not undone");
    }
    Err(error)
}
