use std::time::Duration;

use axum::response::Response;
use chrono::Utc;
use mongodb::bson::DateTime;
use outdial::{
    dao::{Callee, CapCheck, DailyCaps, DaoError, DuplicateKey, within},
    domain::{Call, CallId, CallStatus, DialOutcome, OutboundCallRequest, UserId},
    http::{Idempotency, Problem},
};
use tokio::time::Instant;

use crate::{
    App,
    idempotency::{in_progress, replay, replay_or_free},
    rules::Line,
};

/// How long a request that dials may be waiting for Twilio: longer than a function may run.
const DIAL_DEADLINE: Duration = Duration::from_secs(30);

/// What becomes of a request to place a call.
pub(crate) enum Admission {
    /// A call that is stored, counted among today's, and to be dialled by this request alone.
    New(Box<Call>),
    Repeat(Response),
    /// A rule is broken, or a cap reached.
    Refused(Problem),
}

/// Looks the key up, for a repeat goes before every rule; checks the rules; and stores the call, which decides between
/// repeats that come at the same moment, while it takes it from the day's caps. A call with a key is dialled by the request that
/// has then noted so, before the deadline: a call without that note is known to be undialled, and a repeat places it anew.
/// What is refused leaves nothing behind, and a repeat gives back what it has taken.
pub(crate) async fn admit(
    app: &App,
    request: OutboundCallRequest,
    idempotency: Option<&Idempotency>,
    created_by: Option<String>,
    deadline: Instant,
) -> Result<Admission, Problem> {
    let line = Line::of(&request.to_number);
    let (first, callee) = tokio::try_join!(
        within(deadline, find_first(app, idempotency)),
        within(deadline, find_callee(app, &request, &line)),
    )?;
    if let (Some(idempotency), Some(first)) = (idempotency, first)
        && let Some(response) = replay_or_free(app, idempotency, first, deadline).await?
    {
        return Ok(Admission::Repeat(response));
    }
    let callee = callee.ok_or_else(|| Problem::not_found("user"))?;
    let speech = app.rules.check_speech(&request);
    if let Err(refused) = speech.and_then(|()| app.rules.check(&line, &callee, Utc::now())) {
        return Ok(Admission::Refused(refused));
    }

    let user_id = callee.user.user_id();
    let call = new_call(
        app,
        request,
        &line,
        user_id,
        idempotency,
        created_by,
        deadline,
    );
    tracing::Span::current().record("call_id", tracing::field::display(call.call_id));
    let caps = DailyCaps {
        per_user: app.calls.max_calls_per_user_per_day,
        per_number: app.calls.max_calls_per_number_per_day,
        in_all: app.calls.max_calls_per_day,
    };
    let admitted = app.dao.admit_call(&call, caps, deadline);
    match (admitted.await, idempotency) {
        (Ok(CapCheck::Admitted), None) => Ok(Admission::New(call.into())),
        (Ok(CapCheck::Admitted), Some(idempotency)) => {
            let dial_deadline = DateTime::now().saturating_add_duration(DIAL_DEADLINE);
            match app.dao.begin_dial(&call, dial_deadline, deadline).await? {
                Some(begun) => Ok(Admission::New(begun.into())),
                None => repeat_of_another(app, idempotency, deadline).await,
            }
        }
        (Ok(reached), _) => Ok(Admission::Refused(cap_reached(reached, call.created_at))),
        (Err(DaoError::Duplicate(DuplicateKey::IdempotencyScope)), Some(idempotency)) => {
            repeat_of_another(app, idempotency, deadline).await
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// The call that was stored with the request's key.
async fn find_first(
    app: &App,
    idempotency: Option<&Idempotency>,
) -> Result<Option<Call>, DaoError> {
    match idempotency {
        Some(idempotency) => {
            app.dao
                .get_call_by_idempotency_scope(&idempotency.scope)
                .await
        }
        None => Ok(None),
    }
}

async fn find_callee(
    app: &App,
    request: &OutboundCallRequest,
    line: &Line,
) -> Result<Option<Callee>, DaoError> {
    match request.user_id.parse() {
        Ok(user_id) => app.dao.get_callee(user_id, line.spellings()).await,
        Err(_) => Ok(None),
    }
}

/// Another request with the same key was faster.
async fn repeat_of_another(
    app: &App,
    idempotency: &Idempotency,
    deadline: Instant,
) -> Result<Admission, Problem> {
    let first = app.dao.get_call_by_idempotency_scope(&idempotency.scope);
    // One that is gone again was over the caps; this one may not be.
    let first = within(deadline, first).await?.ok_or_else(in_progress)?;
    replay(idempotency, first).map(Admission::Repeat)
}

fn cap_reached(taken: CapCheck, now: DateTime) -> Problem {
    const DAY_SECONDS: i64 = 86_400;
    let left = DAY_SECONDS - (now.timestamp_millis() / 1_000).rem_euclid(DAY_SECONDS);
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    match taken {
        CapCheck::UserCapReached => Problem::too_many(
            "user_daily_cap",
            "This user's calls of today are used up. Days are UTC.",
            left,
        ),
        CapCheck::NumberCapReached => Problem::too_many(
            "number_daily_cap",
            "The calls of today to this number are used up. Days are UTC.",
            left,
        ),
        _ => Problem::too_many(
            "daily_cap",
            "The calls of today are used up. Days are UTC.",
            left,
        ),
    }
}

fn new_call(
    app: &App,
    request: OutboundCallRequest,
    line: &Line,
    user_id: UserId,
    idempotency: Option<&Idempotency>,
    created_by: Option<String>,
    deadline: Instant,
) -> Call {
    let now = DateTime::now();
    // A request with a key sets it anew once it begins to dial.
    let may_take = match idempotency {
        Some(_) => deadline.saturating_duration_since(Instant::now()),
        None => DIAL_DEADLINE,
    };
    let call_id = CallId::generate();
    Call {
        id: call_id.object_id(),
        call_id,
        user_id: user_id.to_string(),
        counted_number: (*line.key() != request.to_number).then(|| line.key().clone()),
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
        dial_deadline: Some(now.saturating_add_duration(may_take)),
        announces_dial: idempotency.is_some(),
        dial_begun_at: None,
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
        idempotency_scope: idempotency.map(|idempotency| idempotency.scope.clone()),
        request_hash: idempotency.map(|idempotency| idempotency.request_hash.clone()),
        created_by,
        created_at: now,
        updated_at: now,
    }
}
