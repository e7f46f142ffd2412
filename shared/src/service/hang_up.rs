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
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn store_end(
    dao: &Dao,
    id: Option<CallId>,
    details: &CallDetails,
) -> Result<(), DaoError> {
    if details.status.is_terminal() {
        let update = details.to_status_update(DateTime::now());
        dao.apply_status(id, &update).await?;
    }
    Ok(())
}

/// Hangs up a call whose hang-up was requested before its `CallSid` was known, within `limit`.
///
/// Logs a failure and returns: `voice` hangs up such a call when it is answered.
pub async fn hang_up_as_requested(
    dao: &Dao,
    twilio: &TwilioClient,
    id: Option<CallId>,
    sid: &CallSid,
    limit: Duration,
) {
    let hanging_up = async {
        let ended = end_call(twilio, sid)
            .await
            .map_err(|error| error.to_string())?;
        let stored = store_end(dao, id, &ended.details).await;
        stored.map_err(|error| error.to_string())
    };
    let failure = match timeout(limit, hanging_up).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(_) => "timeout".to_owned(),
    };
    tracing::warn!(call_sid = %sid, error = failure, "requested hang-up failed");
}
