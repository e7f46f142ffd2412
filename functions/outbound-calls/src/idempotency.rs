use axum::response::{IntoResponse, Response};
use http::StatusCode;
use mongodb::bson::DateTime;
use outdial::{
    dao::within,
    domain::{Call, DialOutcome, Refusal},
    http::{Idempotency, Problem, replayed},
};
use tokio::time::Instant;

use crate::{
    App,
    dial::{answer, refusal_answer, with_outcome},
};

/// Answers a request whose key has been used ([`replay`]); or frees the key and returns `None`, if the first request has ended
/// and has certainly not dialled.
///
/// # Errors
///
/// As [`replay`]; or when the database is away.
pub(crate) async fn replay_or_free(
    app: &App,
    idempotency: &Idempotency,
    first: Call,
    deadline: Instant,
) -> Result<Option<Response>, Problem> {
    if !first.is_undialled() || may_be_under_way(&first) {
        return replay(idempotency, first).map(Some);
    }
    idempotency.is_repeat_of(first.request_hash.as_deref())?;
    // Where another repeat withdraws it at the same moment, or the first request dials after all, the insert finds the key taken.
    if within(deadline, app.dao.withdraw_undialled(&first)).await? {
        tracing::warn!(withdrawn_call_id = %first.call_id, "undialled call withdrawn: its key is free again");
    }
    Ok(None)
}

/// Answers a request whose key has been used: with the first answer again, if it is the same request.
///
/// # Errors
///
/// 422 for another request, 409 while the first is under way.
pub(crate) fn replay(idempotency: &Idempotency, call: Call) -> Result<Response, Problem> {
    tracing::Span::current().record("call_id", tracing::field::display(call.call_id));
    idempotency.is_repeat_of(call.request_hash.as_deref())?;
    // A webhook may be faster than the answer of the first request, which is under way all the same; hardly so where the
    // call has ended.
    let is_unanswered = call.answered_status.is_none() && !call.status.is_terminal();
    if is_unanswered && (may_be_under_way(&call) || call.is_undialled()) {
        return Err(in_progress());
    }
    let answered = call
        .answered_status
        .and_then(|status| status.try_into().ok())
        .and_then(|status: u16| StatusCode::from_u16(status).ok());
    let response = match call.dial_outcome {
        Some(DialOutcome::Pending) => answer(
            StatusCode::ACCEPTED,
            with_outcome(call, DialOutcome::Unknown),
        ),
        Some(DialOutcome::Refused) => {
            let refusal = Refusal {
                http_status: call.error_status.and_then(|status| status.try_into().ok()),
                code: call.error_code,
                message: call.error_message.unwrap_or_default(),
            };
            refusal_answer(answered.unwrap_or(StatusCode::BAD_GATEWAY), refusal).into_response()
        }
        _ => answer(answered.unwrap_or(StatusCode::ACCEPTED), call),
    };
    Ok(replayed(response))
}

/// Whether the request that stored the call may still be working on it, if nobody has answered it.
fn may_be_under_way(call: &Call) -> bool {
    call.dial_deadline
        .is_some_and(|deadline| DateTime::now() < deadline)
}

pub(crate) fn in_progress() -> Problem {
    Problem::conflict(
        "request_in_progress",
        "The first request with this Idempotency-Key is still under way. Repeat it in a moment.",
    )
    .retry_after(1)
}
