//! The effects of one call.

use mongodb::bson::DateTime;
use outdial::{
    dao::{DaoError, Released},
    domain::{Call, CallId, EffectKind, RetryRequest, StatusReason},
    service::{
        retries::{self, NextAttempt, NoAttempt},
        rules::Line,
        steps::block,
    },
    telemetry::metrics::{self, Count},
};

use crate::App;

/// Maximum number of reads of a call that keeps changing. After that, the sweep applies its effects.
const ROUNDS: u32 = 5;

/// Applies the effects of a call as it is stored, and removes them. A kind that a later version noted stays. Logs a failure.
///
/// # Errors
///
/// Any [`DaoError`]. The effects stay on the call then.
pub(crate) async fn apply(app: &App, id: CallId) -> Result<(), DaoError> {
    let applied = try_apply(app, id).await;
    if let Err(error) = &applied {
        tracing::error!(%error, "effects not applied");
    }
    applied
}

async fn try_apply(app: &App, id: CallId) -> Result<(), DaoError> {
    for _ in 0..ROUNDS {
        // An erased call has another id, and no effects.
        let Some(call) = app.dao.get_call(id).await? else {
            tracing::info!("call with effects is gone");
            return Ok(());
        };
        let opt_outs = call.effects_of(EffectKind::OptOut);
        if !opt_outs.is_empty() {
            opt_out(app, &call).await?;
            app.dao.finish_effects(id, &opt_outs).await?;
        }
        let has_new_result = !call.effects_of(EffectKind::Result).is_empty();
        if has_new_result && !app.dao.store_result(&call).await? {
            continue;
        }
        let ends = call.effects_of(EffectKind::NextAttempt);
        if ends.is_empty() {
            return Ok(());
        }
        let batch = app.dao.get_batch_state(call.batch_id).await?;
        match retries::next_attempt(&call, batch, DateTime::now()) {
            NextAttempt::NotYet => {
                tracing::info!("end may change, effects left to the sweep");
                return Ok(());
            }
            NextAttempt::Call(next) if !create(app, &call, &next).await? => continue,
            NextAttempt::Call(_) => {}
            NextAttempt::Never(reason) => stop(app, &call, reason).await?,
        }
        return app.dao.finish_effects(id, &ends).await;
    }
    tracing::warn!("call changes all the time, effects left to the sweep");
    Ok(())
}

/// Blocks the number of a person who opted out, and cancels the calls to it that wait.
async fn opt_out(app: &App, call: &Call) -> Result<(), DaoError> {
    block(&app.dao, &call.to_number).await?;
    let line = Line::of(&call.to_number);
    let reason = StatusReason::OptedOut.as_str();
    let mut count = 0;
    loop {
        match app.dao.cancel_calls_to(line.spellings(), reason).await? {
            0 => break,
            canceled => count += canceled,
        }
    }
    tracing::info!(count, "number opted out, waiting calls canceled");
    Ok(())
}

/// Creates the next attempt, and wakes `dispatch` if it is due soon. Returns false if the call has changed since it was read.
///
/// Each step may have been done before, by a run that died or by one at the same time.
async fn create(app: &App, call: &Call, next: &Call) -> Result<bool, DaoError> {
    app.dao.create_next_attempt(next).await?;
    if !app.dao.link_next_attempt(call, next.call_id).await? {
        withdraw(app, call).await?;
        return Ok(false);
    }
    match app.dao.release_next_attempt(next).await? {
        Released::Missing => return Ok(false),
        Released::Before => {}
        Released::Now => {
            metrics::count(Count::RetryScheduled);
            tracing::info!(next_call_id = %next.call_id, attempt = next.attempt(), "next attempt scheduled");
            app.waker.wake_for(next).await;
        }
    }
    Ok(true)
}

/// Leaves the call without a next attempt. Stops those that were created before the person was known to have answered.
async fn stop(app: &App, call: &Call, reason: NoAttempt) -> Result<(), DaoError> {
    tracing::info!(reason = reason.as_str(), "no next attempt");
    if call.next_call_id.is_none() {
        return withdraw(app, call).await;
    }
    match reason.stops_later_attempts() {
        Some(stopped) => stop_later_attempts(app, call, stopped).await,
        None => Ok(()),
    }
}

/// Deletes a next attempt that a run stored, but could not link to this call.
async fn withdraw(app: &App, call: &Call) -> Result<(), DaoError> {
    match retries::next_call_id(call) {
        Some(next) if call.next_call_id.is_none() => app.dao.withdraw_next_attempt(next).await,
        _ => Ok(()),
    }
}

/// Cancels the attempt after this one that waits, and lets no attempt follow one that was dialled.
///
/// Each update returns the attempt after it. A stopped attempt gets no other one, so that the last one has none.
async fn stop_later_attempts(app: &App, call: &Call, reason: &str) -> Result<(), DaoError> {
    let mut next = call.next_call_id;
    for _ in 0..RetryRequest::MAX_ATTEMPTS {
        let Some(id) = next else {
            return Ok(());
        };
        let Some(later) = app.dao.stop_retries(id, reason).await? else {
            return Ok(());
        };
        tracing::info!(next_call_id = %id, reason, status = later.status.as_str(), "later attempt stopped");
        next = later.next_call_id;
    }
    Ok(())
}
