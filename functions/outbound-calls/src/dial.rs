use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use outdial::{
    domain::{Call, DialOutcome, DialResult, Refusal},
    http::{CallBody, Problem},
    metrics::{self, Count},
    twilio::OutboundCall,
};

use crate::App;

/// When to repeat a request that Twilio has not taken.
const TWILIO_PAUSE_SECONDS: u32 = 5;

/// Asks Twilio once, and records how that ended.
pub(crate) async fn dial(app: &App, call: Call) -> Result<Response, Problem> {
    metrics::count(Count::PlacedCall);
    let result = app
        .twilio
        .make_outbound_call(&OutboundCall {
            call_id: call.call_id,
            to: &call.to_number,
            from: &call.from_number,
            voice_url: &app.urls.voice,
            status_url: &app.urls.status,
            recording_url: &app.urls.recording,
            record: call.recording_enabled,
            machine_detection: call.machine_detection,
            ring_timeout_seconds: app.calls.ring_timeout_seconds,
            time_limit_seconds: app.calls.time_limit_seconds,
        })
        .await;
    let (status, outcome) = match &result {
        DialResult::Accepted { sid, .. } => {
            tracing::info!(call_sid = %sid, "dialled");
            (StatusCode::CREATED, DialOutcome::Accepted)
        }
        DialResult::Unknown(reason) => {
            tracing::warn!(reason, "the outcome of the dial is unknown");
            (StatusCode::ACCEPTED, DialOutcome::Unknown)
        }
        DialResult::Refused(refusal) if refusal.is_of_called_number() => {
            tracing::warn!(%refusal, "the dial was refused");
            (StatusCode::UNPROCESSABLE_ENTITY, DialOutcome::Refused)
        }
        DialResult::Refused(refusal) | DialResult::NotTaken(refusal) => {
            tracing::warn!(%refusal, "the dial was refused");
            (StatusCode::BAD_GATEWAY, DialOutcome::Refused)
        }
    };
    metrics::count(Count::Dial(outcome));
    let stored = app.dao.record_dial(&call, &result, status.as_u16()).await;
    if let Err(error) = &stored {
        tracing::error!(%error, "the outcome of the dial was not stored; a webhook will settle it");
    }
    match (result, stored.ok().flatten()) {
        // A webhook knows better than what sounded like a refusal.
        (DialResult::Refused(_) | DialResult::NotTaken(_), Some(stored))
            if stored.dial_outcome == Some(DialOutcome::Accepted) =>
        {
            Ok(answer(StatusCode::ACCEPTED, stored))
        }
        (DialResult::Refused(refusal), _) => {
            Err(refused(app, &call, refusal_answer(status, refusal)).await)
        }
        (DialResult::NotTaken(refusal), stored) => {
            let problem = refusal_answer(status, refusal);
            // Its key is free only where that was stored.
            let problem = match stored {
                Some(_) => problem.retry_after(TWILIO_PAUSE_SECONDS),
                None => problem,
            };
            Err(refused(app, &call, problem).await)
        }
        (DialResult::Accepted { sid, .. }, Some(stored)) => {
            if stored.twilio_sid.as_ref() != Some(&sid) {
                metrics::count(Count::SuspectedDoubleDial);
                tracing::error!(call_sid = %sid, "suspected double dial: the call has another CallSid");
            }
            if stored.hangup_requested && !stored.status.is_terminal() {
                app.hang_up(stored.call_id, &sid).await;
                let ended = app.dao.get_call(stored.call_id).await.ok().flatten();
                return Ok(answer(status, ended.unwrap_or(stored)));
            }
            Ok(answer(status, stored))
        }
        (DialResult::Unknown(_), Some(stored)) => Ok(answer(status, stored)),
        (_, None) => Ok(answer(
            StatusCode::ACCEPTED,
            with_outcome(call, DialOutcome::Unknown),
        )),
    }
}

/// Twilio's refusal, with the status that the first request got: 422 for a number, which is the client's to correct, and 502
/// for everything else, which is the operator's. Earlier versions answered 502 to both.
pub(crate) fn refusal_answer(status: StatusCode, refusal: Refusal) -> Problem {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => Problem::number_refused(refusal),
        _ => Problem::twilio_refused(refusal),
    }
}

/// Gives the call back to the day's caps and counts the refusal. Either may fail: then the day has one call less, or the
/// statistics one refusal.
async fn refused(app: &App, call: &Call, problem: Problem) -> Problem {
    let (given_back, ()) = tokio::join!(app.dao.give_back_calls(call), app.count_refusal(&problem));
    if let Err(error) = given_back {
        tracing::warn!(%error, "a call was not given back to the day's caps");
    }
    problem
}

/// The call, with the path where it is found.
pub(crate) fn answer(status: StatusCode, call: Call) -> Response {
    let location = format!("/calls/{}", call.call_id);
    (
        status,
        [(header::LOCATION, location)],
        axum::Json(CallBody::from(call)),
    )
        .into_response()
}

/// The call as it is told while the stored outcome is still pending, and nobody waits for it any more.
pub(crate) fn with_outcome(mut call: Call, outcome: DialOutcome) -> Call {
    call.dial_outcome = Some(outcome);
    call
}
