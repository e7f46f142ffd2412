//! The steps of a dial: permit, rules, caps, compare-and-set, and one request to Twilio.

use std::time::Duration;

use bson::{DateTime, oid::ObjectId};
use chrono::Utc;
use outdial::{
    dao::{CapCheck, DaoError},
    domain::{Call, Priority, WaitingFor},
    service::rules::Line,
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
const FRESH: Duration = Duration::from_secs(2);
/// Time that Twilio's answer may take, and storing it: as long as the function may run.
const MAY_TAKE: Duration = Duration::from_secs(30);

/// Dials the call of a message, if everything allows it now. Otherwise the call goes back to the queue, or ends.
///
/// # Errors
///
/// Any [`DaoError`]. The call was not dialled then, or the result of its dial is not stored and `reconcile` settles it.
pub(crate) async fn dial(app: &App, message: &DialMessage) -> Result<(), DaoError> {
    Span::current().record("call_id", field::display(message.call_id));
    let leased = app.dao.get_leased_call(message.call_id, &message.lease_id);
    let call = match leased.await {
        Ok(Some(call)) => call,
        Ok(None) => {
            tracing::info!("lease is over");
            return Ok(());
        }
        // One odd document must not take permits from the others for ever.
        Err(DaoError::Internal(_)) => return app.dao.set_aside_call(message.call_id).await,
        Err(error) => return Err(error),
    };
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
    let call = counted(call);
    let capped = match app.dao.count_call(&call, app.caps, None).await {
        Ok(CapCheck::Admitted | CapCheck::NoPermit) => None,
        Ok(CapCheck::UserCapReached) => Some(WaitingFor::UserDailyCap),
        Ok(CapCheck::NumberCapReached) => Some(WaitingFor::NumberDailyCap),
        Ok(CapCheck::CapReached) => Some(WaitingFor::DailyCap),
        Err(error) => return uncounted(app, &call, error).await,
    };
    if let Some(cap) = capped {
        return give_back(app, &call, lease, Some(tomorrow()), cap).await;
    }
    if read_at.elapsed() >= FRESH {
        app.dao.uncount_call(&call).await?;
        tracing::warn!("rules read too long ago, call not dialled");
        return give_back(app, &call, lease, None, WaitingFor::Permit).await;
    }
    match app.dao.begin_queued_dial(&call, lease, MAY_TAKE).await {
        Ok(Some(begun)) if read_at.elapsed() < FRESH => {
            outcome::ask_twilio(app, &begun, stopped).await
        }
        Ok(Some(begun)) => {
            tracing::warn!("rules read too long ago, call not dialled");
            outcome::back_to_queue(app, &begun, Duration::ZERO, WaitingFor::Permit).await
        }
        Ok(None) => {
            tracing::info!("call waits no longer");
            app.dao.uncount_call(&call).await
        }
        Err(error) => not_begun(app, &call, error).await,
    }
}

/// The call as this dial counts it: on today's UTC day, under a random id.
fn counted(call: Call) -> Call {
    Call {
        counted_on: Some(Utc::now().format("%Y-%m-%d").to_string()),
        counted_as: Some(ObjectId::new()),
        ..call
    }
}

/// The start of the next UTC day, when the caps reset.
fn tomorrow() -> DateTime {
    const DAY_MS: i64 = 86_400_000;
    let now = DateTime::now().timestamp_millis();
    DateTime::from_millis((now.div_euclid(DAY_MS) + 1) * DAY_MS)
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
