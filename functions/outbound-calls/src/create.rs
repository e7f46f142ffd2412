use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    dao::{DaoError, DuplicateKey, Taken},
    domain::{Call, CallId, CallStatus, DialOutcome, DialResult, OutboundCallRequest, UserId},
    http::{CallBody, Caller, CallsWrite, Json, Problem},
    twilio::OutboundCall,
};

use crate::{App, idempotency::Repeatable};

/// How long the request that stores a call may be waiting for Twilio: longer than a function may run.
const DIAL_DEADLINE: Duration = Duration::from_secs(30);

/// Place a call
///
/// The call is stored first, then Twilio is asked once to dial. Send an `Idempotency-Key`: a repeat of the request is
/// then answered with the call that the first one placed, and never dials again.
#[utoipa::path(
    post, path = "/calls/outbound", tag = "calls", operation_id = "create_outbound_call",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
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
        (status = 422, description = "Fields at fault (`validation_failed`), or a rule: `number_not_valid`, \
            `number_type_not_allowed`, `country_not_allowed`, `own_number`, `idempotency_key_reused`"),
        (status = 429, description = "The day's calls are used up: the user's (`user_daily_cap`) or all (`daily_cap`)",
            headers(("Retry-After" = u32, description = "Seconds until the next day, UTC"))),
        (status = 502, description = "Twilio refused (`twilio_refused`) or could not be reached (`twilio_unreachable`); nothing was dialled"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn create(
    caller: Caller<CallsWrite>,
    State(app): State<App>,
    headers: HeaderMap,
    Json(request): Json<OutboundCallRequest>,
) -> Result<Response, Problem> {
    let repeatable = Repeatable::of(&headers, caller.name.as_deref(), &request)?;
    let user_id = match admit(&app, &request, repeatable.as_ref()).await? {
        Admission::New(user_id) => user_id,
        Admission::Repeat(response) => return Ok(response),
    };
    let call = stored_form(&app, request, user_id, repeatable.as_ref(), caller.name);
    tracing::Span::current().record("call_id", tracing::field::display(call.call_id));
    match app.dao.create_call(&call).await {
        Ok(()) => dial(&app, call, user_id).await,
        Err(DaoError::Duplicate(DuplicateKey::IdempotencyScope)) => {
            app.give_back(user_id, call.created_at).await;
            let repeatable =
                repeatable.ok_or_else(|| Problem::internal("a key where none was sent"))?;
            let first = app
                .dao
                .get_call_by_idempotency_scope(&repeatable.scope)
                .await?;
            repeatable
                .replay(first.ok_or_else(|| Problem::internal("the first call of a key is gone"))?)
        }
        Err(error) => Err(error.into()),
    }
}

enum Admission {
    New(UserId),
    Repeat(Response),
}

/// Looks the key and the user up and takes the call from the day's caps, all at once. A repeat goes before every
/// rule, and a refusal gives the call back.
async fn admit(
    app: &App,
    request: &OutboundCallRequest,
    repeatable: Option<&Repeatable>,
) -> Result<Admission, Problem> {
    let first = async {
        match repeatable {
            Some(repeatable) => {
                app.dao
                    .get_call_by_idempotency_scope(&repeatable.scope)
                    .await
            }
            None => Ok(None),
        }
    };
    let not_found = || Problem::not_found("user");
    let checked = request
        .user_id
        .parse::<UserId>()
        .map_err(|_| not_found())
        .and_then(|user_id| app.rules.check(&request.to_number).map(|()| user_id));
    let user_id = match checked {
        Ok(user_id) => user_id,
        Err(problem) => {
            return match (repeatable, first.await?) {
                (Some(repeatable), Some(call)) => repeatable.replay(call).map(Admission::Repeat),
                _ => Err(problem),
            };
        }
    };
    let now = DateTime::now();
    let caps = &app.calls;
    let (first, user, taken) = tokio::join!(
        first,
        app.dao.get_user(user_id),
        app.dao.take_calls(
            user_id,
            now,
            caps.max_calls_per_user_per_day,
            caps.max_calls_per_day
        ),
    );
    let refused = match (repeatable, first, user, &taken) {
        (_, Err(error), ..) | (_, _, Err(error), _) => Err(error.into()),
        (Some(repeatable), Ok(Some(call)), ..) => repeatable.replay(call).map(Admission::Repeat),
        (_, _, Ok(None), _) => Err(not_found()),
        (_, _, Ok(Some(_)), Ok(Taken::Taken)) => return Ok(Admission::New(user_id)),
        (_, _, Ok(Some(_)), Ok(reached)) => Err(cap_reached(*reached, now)),
        (_, _, Ok(Some(_)), Err(_)) => Err(Problem::unavailable(
            "The database cannot be reached.",
            "daily caps",
        )),
    };
    if matches!(taken, Ok(Taken::Taken)) {
        app.give_back(user_id, now).await;
    }
    refused
}

fn cap_reached(taken: Taken, now: DateTime) -> Problem {
    const DAY_SECONDS: i64 = 86_400;
    let left = DAY_SECONDS - (now.timestamp_millis() / 1_000).rem_euclid(DAY_SECONDS);
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    match taken {
        Taken::UserCapReached => Problem::too_many(
            "user_daily_cap",
            "This user's calls of today are used up. Days are UTC.",
            left,
        ),
        _ => Problem::too_many(
            "daily_cap",
            "The calls of today are used up. Days are UTC.",
            left,
        ),
    }
}

fn stored_form(
    app: &App,
    request: OutboundCallRequest,
    user_id: UserId,
    repeatable: Option<&Repeatable>,
    created_by: Option<String>,
) -> Call {
    let now = DateTime::now();
    Call {
        id: ObjectId::new(),
        call_id: CallId::generate(),
        user_id: user_id.to_string(),
        twilio_sid: None,
        to_number: request.to_number,
        from_number: app.calls.from_number.clone(),
        status: CallStatus::Initiated,
        status_rank: CallStatus::Initiated.rank(),
        script: request.script,
        voice: request.voice,
        language: request.language,
        machine_detection: request.machine_detection,
        metadata: request.metadata,
        recording_enabled: request.recording_enabled,
        recording_url: None,
        dial_outcome: Some(DialOutcome::Pending),
        dial_deadline: Some(now.saturating_add_duration(DIAL_DEADLINE)),
        answered_status: None,
        hangup_requested: false,
        error_code: None,
        error_message: None,
        error_status: None,
        duration_seconds: None,
        answered_by: None,
        sip_response_code: None,
        events: Vec::new(),
        events_dropped: 0,
        idempotency_scope: repeatable.map(|repeatable| repeatable.scope.clone()),
        request_hash: repeatable.map(|repeatable| repeatable.request_hash.clone()),
        created_by,
        created_at: now,
        updated_at: now,
    }
}

/// Asks Twilio once, and records how that ended.
async fn dial(app: &App, call: Call, user_id: UserId) -> Result<Response, Problem> {
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
    let status = match &result {
        DialResult::Accepted(_) => StatusCode::CREATED,
        DialResult::Unknown(reason) => {
            tracing::warn!(reason, "the outcome of the dial is unknown");
            StatusCode::ACCEPTED
        }
        DialResult::Refused(_) => StatusCode::BAD_GATEWAY,
    };
    let recorded = match &result {
        DialResult::Refused(_) => {
            tokio::join!(
                app.dao.record_dial(call.call_id, &result, status.as_u16()),
                app.give_back(user_id, call.created_at)
            )
            .0
        }
        _ => {
            app.dao
                .record_dial(call.call_id, &result, status.as_u16())
                .await
        }
    };
    if let Err(error) = &recorded {
        tracing::error!(%error, "the outcome of the dial was not stored; a webhook will settle it");
    }
    match (result, recorded) {
        (DialResult::Refused(refusal), _) => Err(Problem::twilio_refused(refusal)),
        (DialResult::Accepted(sid), Ok(Some(stored))) => {
            if stored.twilio_sid.as_ref() != Some(&sid) {
                tracing::error!(%sid, "suspected double dial: the call has another CallSid");
            }
            if stored.hangup_requested && !stored.status.is_terminal() {
                app.hang_up(stored.call_id, &sid).await;
            }
            Ok(answer(status, stored))
        }
        (DialResult::Unknown(_), Ok(Some(stored))) => Ok(answer(status, stored)),
        (_, Ok(None) | Err(_)) => Ok(answer(
            StatusCode::ACCEPTED,
            with_outcome(call, DialOutcome::Unknown),
        )),
    }
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

impl App {
    /// Gives a call back to the day's caps, which may fail: then the day has one call less.
    async fn give_back(&self, user_id: UserId, taken_at: DateTime) {
        if let Err(error) = self.dao.give_back_calls(user_id, taken_at).await {
            tracing::warn!(%error, "a call was not given back to the day's caps");
        }
    }
}
