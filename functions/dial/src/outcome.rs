//! The request to Twilio, and what its answer means for a call that may be dialled later.

use std::time::Duration;

use bson::DateTime;
use outdial::{
    dao::DaoError,
    domain::{Call, DialOutcome, DialResult, TwilioRefusal, WaitingFor},
    telemetry::metrics::{self, Count},
};

use crate::App;

/// Time until a call is tried again that Twilio did not take because of its load, and pause of all dials.
const BACK_OFF: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(2);
/// Time until a call is tried again after Twilio refused the account.
const ACCOUNT_BACK_OFF: Duration = Duration::from_mins(1);

/// Asks Twilio to dial, once, and records how that ended. `stopped`: this is a probe, and its success lets dials go on.
pub(crate) async fn ask_twilio(app: &App, call: &Call, stopped: bool) -> Result<(), DaoError> {
    metrics::count(Count::PlacedCall);
    let result = app.dialer.dial_once(call).await;
    match &result {
        DialResult::Accepted { sid, .. } => {
            count(DialOutcome::Accepted);
            tracing::info!(call_sid = %sid, "dialled");
            let stored = app.dao.record_dial(call, &result, None).await;
            if stopped {
                app.dao.resume_dispatch().await?;
            }
            if let Some(stored) = stored? {
                app.dialer.accepted(&app.dao, stored, sid).await;
            }
            Ok(())
        }
        DialResult::Unknown(reason) => {
            count(DialOutcome::Unknown);
            tracing::warn!(reason, "dial outcome unknown");
            app.dao.record_dial(call, &result, None).await?;
            Ok(())
        }
        DialResult::NotTaken(refusal) => not_taken(app, call, refusal).await,
        DialResult::Refused(refusal) if refusal.is_of_load() => not_taken(app, call, refusal).await,
        DialResult::Refused(refusal) if refusal.is_of_account() => {
            tracing::error!(%refusal, code = refusal.code, "Twilio refuses the account, dials stopped");
            metrics::count(Count::DispatchStopped);
            app.dao.stop_dispatch(refusal.code).await?;
            back_to_queue(app, call, ACCOUNT_BACK_OFF, WaitingFor::Twilio).await
        }
        DialResult::Refused(refusal) => {
            count(DialOutcome::Refused);
            tracing::warn!(%refusal, "dial refused");
            let (stored, uncounted) = tokio::join!(
                app.dao.record_dial(call, &result, None),
                app.dao.uncount_call(call),
            );
            if let Some(stored) = stored? {
                app.effects.announce_effects_of(&stored).await;
            }
            uncounted
        }
    }
}

/// Twilio certainly has not taken the call, and may take it later.
async fn not_taken(app: &App, call: &Call, refusal: &TwilioRefusal) -> Result<(), DaoError> {
    tracing::warn!(%refusal, code = refusal.code, "Twilio has not taken the call");
    app.dao.pause_permits(app.pace, PAUSE).await?;
    back_to_queue(app, call, BACK_OFF, WaitingFor::Twilio).await
}

/// Returns a call to the queue that Twilio certainly does not have. If a client wants to hang up, the call ends.
pub(crate) async fn back_to_queue(
    app: &App,
    call: &Call,
    after: Duration,
    waiting_for: WaitingFor,
) -> Result<(), DaoError> {
    metrics::count(Count::LeaseReturned);
    let due_at = DateTime::now().saturating_add_duration(after);
    let (returned, uncounted) = tokio::join!(
        app.dao.return_to_queue(call, due_at, waiting_for),
        app.dao.uncount_call(call),
    );
    if returned? {
        // `dispatch` may have ended while nothing else was due.
        app.waker.wake().await;
    } else {
        app.dao.cancel_untaken(call).await?;
    }
    uncounted
}

fn count(outcome: DialOutcome) {
    metrics::count(Count::Dial(outcome));
}
