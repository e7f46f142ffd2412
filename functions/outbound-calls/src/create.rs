use axum::{extract::State, response::Response};
use http::HeaderMap;
use mongodb::bson::DateTime;
use outdial::{
    dao,
    domain::OutboundCallRequest,
    http::{CallBody, Caller, CallsWrite, Idempotency, Json, NoParameters, Problem},
};
use tokio::time::Instant;

use crate::{
    App,
    admit::{Admission, admit},
    dial::dial,
};

/// Place a call
///
/// The call is stored first, then Twilio is asked once to dial. Send an `Idempotency-Key`: a repeat of the request is
/// then answered with the call that the first one placed, and never dials again.
#[utoipa::path(
    post, path = "/calls/outbound", tag = "calls", operation_id = "create_outbound_call",
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
        description = "Names the request: 1 to 255 visible ASCII characters, your own for each call")),
    request_body = OutboundCallRequest,
    responses(
        (status = 201, description = "Twilio has accepted the call", body = CallBody,
            headers(
                ("Location" = String, description = "The path of the call"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` where this repeats the answer to an earlier request"))),
        (status = 202, description = "Twilio's answer was lost: `dial_outcome` is `unknown` until the call tells", body = CallBody,
            headers(
                ("Location" = String, description = "The path of the call"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` where this repeats the answer to an earlier request"))),
        (status = 404, description = "There is no such user"),
        (status = 409, description = "The first request with this key is still under way (`request_in_progress`)",
            headers(("Retry-After" = u32, description = "Seconds"))),
        (status = 422, description = "Fields at fault (`validation_failed`), or a rule: `language_not_supported`, `voice_not_allowed`, `number_not_valid`, \
            `number_type_not_allowed`, `country_not_allowed`, `own_number`, `number_blocked`, `outside_calling_hours` \
            (with `next_allowed_at`), `no_calling_hours`, `idempotency_key_reused`, or Twilio refused the number (`twilio_refused`)",
            headers(("Retry-After" = Option<u32>, description = "Seconds, outside the calling hours"))),
        (status = 429, description = "The day's calls are used up: the user's (`user_daily_cap`), those to the number \
            (`number_daily_cap`) or all (`daily_cap`)",
            headers(("Retry-After" = u32, description = "Seconds until the next day, UTC"))),
        (status = 502, description = "Twilio refused for another reason than the number (`twilio_refused`) or could not be reached (`twilio_unreachable`); nothing was \
            dialled. With `Retry-After`, Twilio has not taken the request: repeat it, with the same `Idempotency-Key` if it had one",
            headers(("Retry-After" = Option<u32>, description = "Seconds"))),
        (status = 503, description = "The database is away (`unavailable`): the call may or may not have been placed; or an \
            operator has switched dialling off (`dialing_off`): it was not",
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
    let idempotency = Idempotency::of(
        &headers,
        caller.name.as_deref(),
        "POST /calls/outbound",
        &request,
    )?;
    let deadline = Instant::now() + dao::CALL_TIMEOUT;
    match admit(&app, request, idempotency.as_ref(), caller.name, deadline).await? {
        Admission::New(call) => dial(&app, *call).await,
        Admission::Repeat(response) => Ok(response),
        Admission::Refused(refused) => {
            app.count_refusal(&refused).await;
            Err(refused)
        }
    }
}

/// The refusals that are counted: the rules', and Twilio's own.
const COUNTED: [&str; 14] = [
    "language_not_supported",
    "voice_not_allowed",
    "own_number",
    "number_not_valid",
    "number_type_not_allowed",
    "country_not_allowed",
    "number_blocked",
    "dialing_off",
    "outside_calling_hours",
    "no_calling_hours",
    "user_daily_cap",
    "number_daily_cap",
    "daily_cap",
    "twilio_refused",
];

impl App {
    /// Counts a refusal, which may fail: then the statistics have one less.
    pub(crate) async fn count_refusal(&self, refused: &Problem) {
        let code = refused.code();
        if COUNTED.contains(&code)
            && let Err(error) = self.dao.count_refusal(code, DateTime::now()).await
        {
            tracing::warn!(%error, "a refusal was not counted");
        }
    }
}
