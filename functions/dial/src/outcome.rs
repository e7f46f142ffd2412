//! The request to Twilio, and what follows from its answer.

use std::time::Duration;

use outdial::{
    dao::DaoError,
    domain::{Call, DialOutcome, DialResult, WaitingFor},
    service::untaken::{self, Untaken},
    telemetry::metrics::{self, Count},
};

use crate::App;

/// Asks Twilio to dial, once, and records how that ended. `stopped`: this is a probe, and its success lets dials go on.
pub(crate) async fn ask_twilio(app: &App, call: &Call, stopped: bool) -> Result<(), DaoError> {
    metrics::count(Count::PlacedCall);
    let result = app.dialer.dial_once(call).await;
    if let Some((reason, refusal)) = Untaken::of(&result) {
        let (slowed, returned) = tokio::join!(
            untaken::slow_dials(&app.dao, app.pace, reason, refusal),
            back_to_queue(app, call, reason.back_off(), WaitingFor::Twilio),
        );
        return returned.and(slowed);
    }
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
        DialResult::Refused(refusal) | DialResult::NotTaken(refusal) => {
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

/// Returns a call to the queue that Twilio certainly does not have, or ends it if a client wants to hang up.
pub(crate) async fn back_to_queue(
    app: &App,
    call: &Call,
    after: Duration,
    waiting_for: WaitingFor,
) -> Result<(), DaoError> {
    metrics::count(Count::LeaseReturned);
    let returned = untaken::back_to_queue(&app.dao, call, after, waiting_for).await?;
    if returned.is_some() {
        // `dispatch` may have ended while nothing else was due.
        app.waker.wake().await;
    }
    Ok(())
}

fn count(outcome: DialOutcome) {
    metrics::count(Count::Dial(outcome));
}
