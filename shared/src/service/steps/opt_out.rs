//! Opting out, during a call or by calling back: the number is blocked before the person hears that it is.

use std::time::Duration;

use bson::{DateTime, oid::ObjectId};
use tokio::time::Instant;

use super::answer;
use crate::{
    dao::{Dao, DaoError, StepEvent, VoiceLookup, within},
    domain::{BlockedNumber, CallId, CallSid, PhoneNumber, Place},
    service::rules::Line,
};

/// Time limit for the block list: a person is listening, and the call was read before.
const BLOCK_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The event if these keys ask for no further calls.
pub(super) fn event(place: &Place, keys: Option<&str>, at: DateTime) -> StepEvent {
    StepEvent::OptedOut(match (place, keys) {
        (Place::Ask(ask), Some(keys)) => Some(answer(ask, keys, at)),
        _ => None,
    })
}

/// Stores an event of a call with steps, and returns the call. An opt-out is on the block list then.
///
/// The call notes the effect first, so that the function `effects` completes an opt-out that this could not.
///
/// # Errors
///
/// As [`Dao::record_step`] and [`block`].
pub async fn store(
    dao: &Dao,
    id: CallId,
    sid: &CallSid,
    event: &StepEvent,
) -> Result<VoiceLookup, DaoError> {
    let found = dao.record_step(id, sid, event).await?;
    if let (StepEvent::OptedOut(_), VoiceLookup::Call(call, _)) = (event, &found) {
        within(Instant::now() + BLOCK_TIMEOUT, block(dao, &call.to_number)).await?;
    }
    Ok(found)
}

/// Blocks the number of a person who called at this time and asks for no further calls. Returns false, and changes nothing, if the
/// number was not dialled in the 90 days before: anybody can pretend to call from any number.
///
/// As in [`store`], the effect on a call comes first.
///
/// # Errors
///
/// Any [`DaoError`]. Repeat it: the opt-out may be incomplete.
pub async fn opt_caller_out(
    dao: &Dao,
    number: &PhoneNumber,
    called_at: DateTime,
) -> Result<bool, DaoError> {
    let line = Line::of(number);
    let Some(dialled) = dao.opt_caller_out(line.spellings(), called_at).await? else {
        return Ok(false);
    };
    block(dao, &dialled).await?;
    Ok(true)
}

/// Logs the outcome of [`opt_caller_out`].
pub fn report_caller(call_sid: &CallSid, is_blocked: bool) {
    if is_blocked {
        tracing::info!(%call_sid, "caller opted out");
    } else {
        tracing::warn!(%call_sid, "opt-out of a caller who was not called");
    }
}

/// Puts the number of a person who opted out on the block list, if it is not there.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn block(dao: &Dao, number: &PhoneNumber) -> Result<(), DaoError> {
    let entry = BlockedNumber {
        id: ObjectId::new(),
        number: number.clone(),
        reason: "opted out by key".parse().ok(),
        created_by: None,
        created_at: DateTime::now(),
    };
    dao.block_number(&entry).await.map(|_| ())
}
