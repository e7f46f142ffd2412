use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use http::{HeaderMap, StatusCode, header};
use mongodb::bson::DateTime;
use outdial::{
    dao::{self, DaoError, DuplicateKey, Taken},
    domain::{Call, CallId, CallStatus, DialOutcome, DialResult, OutboundCallRequest, UserId},
    http::{CallBody, Caller, CallsWrite, Json, Problem, Repeatable},
    metrics::{self, Count},
    twilio::OutboundCall,
};

use crate::{
    App,
    idempotency::{in_progress, replay},
};

/// How long the request that stores a call may be waiting for Twilio: longer than a function may run.
const DIAL_DEADLINE: Duration = Duration::from_secs(30);

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
        (status = 422, description = "Fields at fault (`validation_failed`), or a rule: `number_not_valid`, \
            `number_type_not_allowed`, `country_not_allowed`, `own_number`, `number_blocked`, `outside_calling_hours` \
            (with `next_allowed_at`), `idempotency_key_reused`",
            headers(("Retry-After" = Option<u32>, description = "Seconds, outside the calling hours"))),
        (status = 429, description = "The day's calls are used up: the user's (`user_daily_cap`) or all (`daily_cap`)",
            headers(("Retry-After" = u32, description = "Seconds until the next day, UTC"))),
        (status = 502, description = "Twilio refused (`twilio_refused`) or could not be reached (`twilio_unreachable`); nothing was dialled"),
        (status = 503, description = "The database is away (`unavailable`): the call may or may not have been placed; or an \
            operator has switched dialling off (`dialing_off`): it was not",
            headers(("Retry-After" = u32, description = "Seconds"))),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn create(
    caller: Caller<CallsWrite>,
    State(app): State<App>,
    headers: HeaderMap,
    Json(request): Json<OutboundCallRequest>,
) -> Result<Response, Problem> {
    tracing::Span::current().record("to", tracing::field::display(&request.to_number));
    let repeatable = Repeatable::of(
        &headers,
        caller.name.as_deref(),
        "POST /calls/outbound",
        &request,
    )?;
    let admitted = admit(&app, request, repeatable.as_ref(), caller.name);
    match dao::together(admitted).await? {
        Admission::New(call, user_id) => dial(&app, *call, user_id).await,
        Admission::Repeat(response) => Ok(response),
        Admission::Refused(refused) => {
            app.count_refusal(&refused).await;
            Err(refused)
        }
    }
}

enum Admission {
    /// A call that is stored, counted among today's, and to be dialled.
    New(Box<Call>, UserId),
    Repeat(Response),
    /// A rule is broken, or a cap reached.
    Refused(Problem),
}

/// Looks the key up, for a repeat goes before every rule; checks the rules; and stores the call, which decides between
/// repeats that come at the same moment, while it takes it from the day's caps. What is refused leaves nothing behind, and a
/// repeat gives back what it has taken.
async fn admit(
    app: &App,
    request: OutboundCallRequest,
    repeatable: Option<&Repeatable>,
    created_by: Option<String>,
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
    let callee = async {
        match request.user_id.parse() {
            Ok(user_id) => app.dao.get_callee(user_id, &request.to_number).await,
            Err(_) => Ok(None),
        }
    };
    let (first, callee) = tokio::try_join!(first, callee)?;
    if let (Some(repeatable), Some(first)) = (repeatable, first) {
        return replay(repeatable, first).map(Admission::Repeat);
    }
    let callee = callee.ok_or_else(|| Problem::not_found("user"))?;
    if let Err(refused) = app.rules.check(&request.to_number, &callee, Utc::now()) {
        return Ok(Admission::Refused(refused));
    }
    let user_id = callee.user.user_id();

    let call = stored_form(app, request, user_id, repeatable, created_by);
    tracing::Span::current().record("call_id", tracing::field::display(call.call_id));
    let caps = &app.calls;
    let admitted = app.dao.admit_call(
        &call,
        user_id,
        caps.max_calls_per_user_per_day,
        caps.max_calls_per_day,
    );
    match (admitted.await, repeatable) {
        (Ok(Taken::Taken), _) => Ok(Admission::New(call.into(), user_id)),
        (Ok(reached), _) => Ok(Admission::Refused(cap_reached(reached, call.created_at))),
        (Err(DaoError::Duplicate(DuplicateKey::IdempotencyScope)), Some(repeatable)) => {
            let first = app
                .dao
                .get_call_by_idempotency_scope(&repeatable.scope)
                .await?;
            // One that is gone again was over the caps; this one may not be.
            let first = first.ok_or_else(in_progress)?;
            replay(repeatable, first).map(Admission::Repeat)
        }
        (Err(error), _) => Err(error.into()),
    }
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
    let call_id = CallId::generate();
    Call {
        id: call_id.object_id(),
        call_id,
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
        delivery: None,
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
        DialResult::Accepted(sid) => {
            tracing::info!(call_sid = %sid, "dialled");
            (StatusCode::CREATED, DialOutcome::Accepted)
        }
        DialResult::Unknown(reason) => {
            tracing::warn!(reason, "the outcome of the dial is unknown");
            (StatusCode::ACCEPTED, DialOutcome::Unknown)
        }
        DialResult::Refused(refusal) => {
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
        (DialResult::Refused(_), Some(stored))
            if stored.dial_outcome == Some(DialOutcome::Accepted) =>
        {
            Ok(answer(StatusCode::ACCEPTED, stored))
        }
        (DialResult::Refused(refusal), _) => {
            let refused = Problem::twilio_refused(refusal);
            tokio::join!(
                app.give_back(user_id, call.created_at),
                app.count_refusal(&refused)
            );
            Err(refused)
        }
        (DialResult::Accepted(sid), Some(stored)) => {
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

/// The refusals that are counted: the rules', and Twilio's own.
const COUNTED: [&str; 10] = [
    "own_number",
    "number_not_valid",
    "number_type_not_allowed",
    "country_not_allowed",
    "number_blocked",
    "dialing_off",
    "outside_calling_hours",
    "user_daily_cap",
    "daily_cap",
    "twilio_refused",
];

impl App {
    /// Counts a refusal, which may fail: then the statistics have one less.
    async fn count_refusal(&self, refused: &Problem) {
        let code = refused.code();
        if COUNTED.contains(&code)
            && let Err(error) = self.dao.count_refusal(code, DateTime::now()).await
        {
            tracing::warn!(%error, "a refusal was not counted");
        }
    }

    /// Gives a call back to the day's caps, which may fail: then the day has one call less.
    async fn give_back(&self, user_id: UserId, taken_at: DateTime) {
        if let Err(error) = self.dao.give_back_calls(user_id, taken_at).await {
            tracing::warn!(%error, "a call was not given back to the day's caps");
        }
    }
}
