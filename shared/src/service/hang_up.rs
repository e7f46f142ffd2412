//! Hanging up: ends a call at Twilio, and stores the end.

use std::time::Duration;

use bson::DateTime;
use tokio::time::timeout;

use crate::{
    dao::{Dao, DaoError},
    domain::{CallId, CallSid},
    twilio::{CALL_NOT_IN_PROGRESS, CallDetails, TwilioClient, TwilioError},
};

/// A call that Twilio ends or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedCall {
    /// The call in Twilio's response. Its status may be the one that the call is about to leave.
    pub details: CallDetails,
    /// True if the call ended before this request.
    pub had_ended: bool,
}

/// Ends a call at Twilio.
///
/// # Errors
///
/// Any [`TwilioError`], but none for a call that has ended.
pub async fn end_call(twilio: &TwilioClient, sid: &CallSid) -> Result<EndedCall, TwilioError> {
    match twilio.hangup_call(sid).await {
        Ok(details) => Ok(EndedCall {
            details,
            had_ended: false,
        }),
        Err(TwilioError::Refused(refusal)) if refusal.code == Some(CALL_NOT_IN_PROGRESS) => {
            Ok(EndedCall {
                details: twilio.get_call_details(sid).await?,
                had_ended: true,
            })
        }
        Err(error) => Err(error),
    }
}

/// Stores the status of a call that Twilio reports as ended: Twilio sends no callback for a call that is canceled while queued.
/// Returns true if the call has effects that are still to be done.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn store_end(
    dao: &Dao,
    id: Option<CallId>,
    details: &CallDetails,
) -> Result<bool, DaoError> {
    if !details.status.is_terminal() {
        return Ok(false);
    }
    let update = details.to_status_update(DateTime::now());
    Ok(dao.apply_status(id, &update).await?.has_effects)
}

/// Hangs up a call whose hang-up was requested before its `CallSid` was known, within `limit`. Returns true if the call has
/// effects that are still to be done.
///
/// Logs a failure and returns: `voice` hangs up such a call when it is answered.
pub async fn hang_up_as_requested(
    dao: &Dao,
    twilio: &TwilioClient,
    id: Option<CallId>,
    sid: &CallSid,
    limit: Duration,
) -> bool {
    let hanging_up = async {
        let ended = end_call(twilio, sid).await?;
        Ok::<_, Failure>(store_end(dao, id, &ended.details).await?)
    };
    let failure = match timeout(limit, hanging_up).await {
        Ok(Ok(has_effects)) => return has_effects,
        Ok(Err(failure)) => failure,
        Err(_) => TwilioError::Unavailable("timeout".to_owned()).into(),
    };
    let code = failure.code();
    tracing::warn!(call_sid = %sid, code, error = %failure, "requested hang-up failed");
    false
}

/// Why a requested hang-up failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Twilio(#[from] TwilioError),
    #[error(transparent)]
    Database(#[from] DaoError),
}

impl Failure {
    /// The code that a response of the API would have.
    fn code(&self) -> &'static str {
        match self {
            Self::Twilio(TwilioError::Refused(_)) => "twilio_refused",
            Self::Twilio(_) => "twilio_unreachable",
            Self::Database(error) if error.is_transient() => "unavailable",
            Self::Database(_) => "internal",
        }
    }
}
