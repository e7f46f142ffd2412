//! Calls that Twilio certainly has not taken, and may take later: they go back to the dial queue.

use std::time::Duration;

use bson::DateTime;

use crate::{
    dao::{Dao, DaoError},
    domain::{Call, DialResult, Pace, TwilioRefusal, WaitingFor},
    telemetry::metrics::{self, Count},
};

/// Why Twilio takes no call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untaken {
    /// Too many calls or requests at once, or Twilio could not be reached.
    Load,
    /// Twilio refuses the account, its caller ID or its URLs: all calls, until an operator acts.
    Account,
}

impl Untaken {
    /// Returns what a dial's result says about later dials, with the refusal. `None`: Twilio has, or may have, taken the call, or
    /// never will.
    #[must_use]
    pub fn of(result: &DialResult) -> Option<(Self, &TwilioRefusal)> {
        match result {
            DialResult::NotTaken(refusal) => Some((Self::Load, refusal)),
            DialResult::Refused(refusal) if refusal.is_of_load() => Some((Self::Load, refusal)),
            DialResult::Refused(refusal) if refusal.is_of_account() => {
                Some((Self::Account, refusal))
            }
            DialResult::Accepted { .. } | DialResult::Unknown(_) | DialResult::Refused(_) => None,
        }
    }

    /// Time until the call is tried again.
    #[must_use]
    pub fn back_off(self) -> Duration {
        match self {
            Self::Load => Duration::from_secs(10),
            Self::Account => Duration::from_mins(1),
        }
    }
}

/// Time without permits after Twilio did not take a call because of its load.
const PAUSE: Duration = Duration::from_secs(2);

/// Slows or stops the dials of all calls, because Twilio takes none now.
///
/// # Errors
///
/// Any [`DaoError`]; then the next refusal does it.
pub async fn slow_dials(
    dao: &Dao,
    pace: Pace,
    untaken: Untaken,
    refusal: &TwilioRefusal,
) -> Result<(), DaoError> {
    match untaken {
        Untaken::Load => {
            tracing::warn!(%refusal, code = refusal.code, "Twilio has not taken the call");
            dao.pause_permits(pace, PAUSE).await
        }
        Untaken::Account => {
            tracing::error!(%refusal, code = refusal.code, "Twilio refuses the account, dials stopped");
            metrics::count(Count::DispatchStopped);
            dao.stop_dispatch(refusal.code).await
        }
    }
}

/// Returns a call to the queue that Twilio certainly does not have, and takes it back from the daily caps. Returns the call as it
/// waits now; the caller wakes `dispatch` for it. `None`: it waits no longer. If a client wants to hang up, it is canceled then;
/// otherwise a webhook shows that Twilio has the call.
///
/// # Errors
///
/// Any [`DaoError`]. The call may wait or not; if not, `reconcile` settles it.
pub async fn back_to_queue(
    dao: &Dao,
    call: &Call,
    after: Duration,
    waiting_for: WaitingFor,
) -> Result<Option<Call>, DaoError> {
    let due_at = DateTime::now().saturating_add_duration(after);
    let returned = dao.return_to_queue(call, due_at, waiting_for).await?;
    if (returned.is_some() || dao.cancel_untaken(call).await?)
        && let Err(error) = dao.uncount_call(call).await
    {
        tracing::warn!(%error, "call not removed from the daily caps");
    }
    Ok(returned)
}
