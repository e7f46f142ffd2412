//! `POST /calls/outbound`: places a call, and turns the outcome into a response.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use outdial::{
    domain::{Call, DialOutcome, Idempotency, OutboundCallRequest, TwilioRefusal},
    http::{
        CallBody, Caller, CallsWrite, FieldError, Json, NoParameters, Problem, key_reused, replayed,
    },
    service::place_call::{PlaceCallError, PlacedCall},
};

use crate::App;

/// Place a call
///
/// Stores the call first, then asks Twilio once to dial. With `scheduled_at`, or if it has to wait for a permit or for the
/// calling hours, the call is stored as `scheduled` and dialled later. Send an `Idempotency-Key`: then a repeat of the request
/// returns the call that the first one placed, and never dials again.
#[utoipa::path(
    post, path = "/calls/outbound", tag = "calls", operation_id = "create_outbound_call",
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
        description = "Your own unique name for this request: 1 to 255 visible ASCII characters")),
    request_body = OutboundCallRequest,
    responses(
        (status = 201, description = "Twilio has accepted the call", body = CallBody,
            headers(
                ("Location" = String, description = "Path of the call"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` if this response replays the response to an earlier request"))),
        (status = 202, description = "The call waits to be dialled: its `status` is `scheduled`. Or Twilio's response was lost: \
            `dial_outcome` is `unknown` until a webhook settles it", body = CallBody,
            headers(
                ("Location" = String, description = "Path of the call"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` if this response replays the response to an earlier request"))),
        (status = 404, description = "No user with this id"),
        (status = 409, description = "The first request with this key is still under way (`request_in_progress`)",
            headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 422, description = "Invalid fields (`validation_failed`), or a rule refuses the call: `language_not_supported`, `voice_not_allowed`, `speech_price_exceeded`, `number_not_valid`, \
            `number_type_not_allowed`, `country_not_allowed`, `own_number`, `number_blocked`, `outside_calling_hours` \
            (with `next_allowed_at`), `no_calling_hours`, `scheduling_unavailable` if the call needs the dial queue and there is none, `idempotency_key_reused`, or Twilio refused the number (`twilio_refused`)",
            headers(("Retry-After" = Option<u32>, description = "Seconds until the calling hours allow the call"))),
        (status = 429, description = "A daily cap of calls is reached: the user's (`user_daily_cap`), the number's \
            (`number_daily_cap`) or the service's (`daily_cap`). Or no permit to dial is free, and the call may not wait (`pace_exceeded`)",
            headers(("Retry-After" = u32, description = "Seconds until the next UTC day, or until a permit may be free"))),
        (status = 502, description = "Twilio refused for another reason than the number (`twilio_refused`) or could not be reached (`twilio_unreachable`); nothing was \
            dialled. With `Retry-After`, Twilio has not taken the request: repeat it, with the same `Idempotency-Key` if it had one",
            headers(("Retry-After" = Option<u32>, description = "Seconds"))),
        (status = 503, description = "The database is unavailable (`unavailable`): the call may or may not have been placed. Or an \
            operator has switched dialling off (`dialing_off`): the call was not placed",
            headers(("Retry-After" = u32, description = "Seconds"))),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn create(
    caller: Caller<CallsWrite>,
    State(app): State<App>,
    _: NoParameters,
    headers: HeaderMap,
    Json(request): Json<OutboundCallRequest>,
) -> Result<Response, Problem> {
    tracing::Span::current().record("to", tracing::field::display(&request.to_number));
    let request = request.without_defaults();
    let key_name = caller.name.as_deref();
    let idempotency = Idempotency::of(&headers, key_name, "POST /calls/outbound", &request)?;
    let placed = app.placer.place(request, idempotency.as_ref(), caller.name);
    let placed = placed.await;
    if let Ok(PlacedCall::Queued(call)) = &placed {
        app.waker.wake_for(call).await;
    }
    placed_response(placed)
}

/// The call, with its path in `Location`.
pub(crate) fn call_response(status: StatusCode, call: Call) -> Response {
    let location = format!("/calls/{}", call.call_id);
    (
        status,
        [(header::LOCATION, location)],
        axum::Json(CallBody::from(call)),
    )
        .into_response()
}

/// The response to a request to place a call.
///
/// # Errors
///
/// The problem, if no call was placed.
fn placed_response(placed: Result<PlacedCall, PlaceCallError>) -> Result<Response, Problem> {
    match placed {
        Ok(PlacedCall::Dialled { call, status }) => Ok(call_response(status, *call)),
        Ok(PlacedCall::Queued(call)) => Ok(call_response(StatusCode::ACCEPTED, *call)),
        Ok(PlacedCall::Repeated(first)) => Ok(replayed(first_response(*first))),
        Err(error) => Err(place_problem(error)),
    }
}

/// The response if no call was placed or changed.
pub(crate) fn place_problem(error: PlaceCallError) -> Problem {
    match error {
        PlaceCallError::UserNotFound => Problem::not_found("user"),
        PlaceCallError::Invalid(faults) => {
            let errors = faults.into_iter().map(|fault| FieldError {
                field: fault.field.into_owned(),
                message: fault.message,
            });
            Problem::invalid_fields(errors.collect())
        }
        PlaceCallError::Refused(refusal) => refusal.into(),
        PlaceCallError::NotDialled {
            refusal,
            status,
            retry_after_seconds,
        } => {
            let problem = twilio_problem(status, refusal);
            match retry_after_seconds {
                Some(seconds) => problem.retry_after(seconds),
                None => problem,
            }
        }
        PlaceCallError::InProgress => Problem::conflict(
            "request_in_progress",
            "The first request with this Idempotency-Key is still under way. Repeat this one in a moment.",
        )
        .retry_after(1),
        PlaceCallError::KeyReused => key_reused(),
        PlaceCallError::UnknownTimeZone(message) => Problem::internal(message),
        PlaceCallError::Database(error) => error.into(),
    }
}

/// The response that the first request got, or 202 if it ended without one.
fn first_response(call: Call) -> Response {
    let answered = call
        .answered_status
        .and_then(|status| status.try_into().ok())
        .and_then(|status: u16| StatusCode::from_u16(status).ok());
    // A call that waits is stored with a 202, whatever its dial brings.
    if answered == Some(StatusCode::ACCEPTED) {
        return call_response(StatusCode::ACCEPTED, call);
    }
    match call.dial_outcome {
        Some(DialOutcome::Pending) => call_response(
            StatusCode::ACCEPTED,
            Call {
                // The first request has ended.
                dial_outcome: Some(DialOutcome::Unknown),
                ..call
            },
        ),
        Some(DialOutcome::Refused) => {
            let refusal = TwilioRefusal {
                http_status: call.error_status.and_then(|status| status.try_into().ok()),
                code: call.error_code,
                message: call.error_message.unwrap_or_default(),
            };
            twilio_problem(answered.unwrap_or(StatusCode::BAD_GATEWAY), refusal).into_response()
        }
        _ => call_response(answered.unwrap_or(StatusCode::ACCEPTED), call),
    }
}

/// Twilio's refusal: 422 for a number, which the client must correct, and 502 for everything else, which the operator must.
/// Earlier versions answered 502 to both, and repeats get the first answer.
fn twilio_problem(status: StatusCode, refusal: TwilioRefusal) -> Problem {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => Problem::number_refused(refusal),
        _ => Problem::twilio_refused(refusal),
    }
}
