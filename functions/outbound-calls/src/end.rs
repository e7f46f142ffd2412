//! Ending calls: `POST /calls/{call_id}/hangup` and `…/cancel`.

use std::time::Duration;

use axum::{extract::State, response::Response};
use http::StatusCode;
use outdial::{
    dao::{Cancellation, Wish},
    domain::{Call, CallId, CallSid},
    http::{CallBody, Caller, CallsWrite, Id, NoParameters, Problem},
    service::hang_up::{end_call, store_end},
    twilio::TwilioError,
};
use tokio::time::timeout;

use crate::{App, create::call_response};

/// Twilio's share of the time limit of an API function.
const TWILIO_TIMEOUT: Duration = Duration::from_secs(12);

/// Cancel a scheduled call
///
/// Cancels a call that waits to be dialled: it is never dialled then. Of a call with retries, name any attempt: the one that
/// waits is canceled, or the next one is not made. A repeat of the request gets the same response.
#[utoipa::path(
    post, path = "/calls/{call_id}/cancel", tag = "calls", operation_id = "cancel_call",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    responses(
        (status = 200, description = "Nothing more is dialled. The call that waited is `canceled` with `status_reason: requested`. \
            An attempt that had ended keeps its status, and has `hangup_requested: true` if no attempt followed yet", body = CallBody),
        (status = 409, description = "The call, or a later attempt, is being dialled or goes on (`call_started`): hang it up. \
            Or it has ended, and no attempt follows (`call_ended`). `detail` names the later attempt"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn cancel(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<CallId>,
    _: NoParameters,
) -> Result<axum::Json<CallBody>, Problem> {
    let ended = app.end_series(id, Wish::Cancel).await?;
    if ended.is_canceled() {
        return Ok(axum::Json(ended.call.into()));
    }
    if ended.last().status.is_terminal() {
        return Err(has_ended());
    }
    let call = match &ended.later {
        Some(later) => format!("The later attempt {}", later.call_id),
        None => "The call".to_owned(),
    };
    let detail = format!(
        "{call} is being dialled or goes on, so it can't be canceled. POST /calls/{{call_id}}/hangup ends it."
    );
    Err(Problem::conflict("call_started", detail))
}

/// End a call
///
/// If Twilio's id of the call is not known yet, the call is ended as soon as it is. A call that waits to be dialled is canceled,
/// and no attempt follows a call with retries.
#[utoipa::path(
    post, path = "/calls/{call_id}/hangup", tag = "calls", operation_id = "hang_up_call",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    responses(
        (status = 202, description = "Twilio ends the call. It has ended when `status` says so. A call that waited is `canceled`", body = CallBody),
        (status = 409, description = "The call has already ended (`call_ended`), and no attempt follows. `detail` names a later attempt that goes on"),
        (status = 502, description = "Twilio refused (`twilio_refused`) or could not be reached (`twilio_unreachable`). \
            No attempt follows a call with retries, and it ends when it is answered"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn hang_up(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<CallId>,
    _: NoParameters,
) -> Result<Response, Problem> {
    let mut call = app.call(id).await?;
    if call.status.is_terminal() && call.retry.is_none() {
        return ended_response(Cancellation { call, later: None });
    }
    if call.twilio_sid.is_none() || call.status.is_terminal() {
        let ended = app.end_series(id, Wish::HangUp).await?;
        if ended.call.status.is_terminal() {
            return ended_response(ended);
        }
        call = ended.call;
    }
    let Some(sid) = call.twilio_sid.clone() else {
        return Ok(call_response(StatusCode::ACCEPTED, call));
    };
    if call.retry.is_some() {
        // Stored before the call can end, so that no attempt follows its end. It stays if Twilio fails.
        let ended = app.end_series(id, Wish::NoRetry).await?;
        if ended.call.status.is_terminal() {
            return ended_response(ended);
        }
    }
    let had_ended = app.end_at_twilio(id, &sid).await?;
    if had_ended && call.retry.is_none() {
        return Err(has_ended());
    }
    let call = app.call(id).await?;
    if had_ended {
        return ended_response(Cancellation { call, later: None });
    }
    Ok(call_response(StatusCode::ACCEPTED, call))
}

/// The response to a hang-up of a call that waits no longer, or had ended.
fn ended_response(ended: Cancellation) -> Result<Response, Problem> {
    if ended.is_canceled() {
        return Ok(call_response(StatusCode::ACCEPTED, ended.call));
    }
    match ended.later {
        Some(Call {
            call_id, status, ..
        }) if !status.is_terminal() => Err(Problem::conflict(
            "call_ended",
            format!("The call has already ended. Its later attempt {call_id} has not."),
        )),
        _ => Err(has_ended()),
    }
}

fn has_ended() -> Problem {
    Problem::conflict("call_ended", "The call has already ended.")
}

impl App {
    async fn end_series(&self, id: CallId, wish: Wish) -> Result<Cancellation, Problem> {
        let ended = self.dao.end_series(id, wish).await?;
        ended.ok_or_else(|| Problem::not_found("call"))
    }

    /// Ends the call at Twilio, and stores the end if Twilio reports it. Returns true if it had ended before.
    async fn end_at_twilio(&self, id: CallId, sid: &CallSid) -> Result<bool, Problem> {
        let ending = timeout(TWILIO_TIMEOUT, end_call(&self.twilio, sid)).await;
        let call_end = ending.map_err(|_| TwilioError::Unavailable("timeout".to_owned()))??;
        store_end(&self.dao, Some(id), &call_end.details).await?;
        Ok(call_end.had_ended)
    }
}
