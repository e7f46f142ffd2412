use std::time::Duration;

use axum::{extract::State, response::Response};
use http::StatusCode;
use mongodb::bson::DateTime;
use outdial::{
    domain::{Call, CallId, CallSid, CallStatus},
    http::{
        CallBody, CallPage, Caller, CallsRead, CallsWrite, Id, NoParameters, PageQuery, Problem,
    },
    twilio::{CALL_NOT_IN_PROGRESS, CallDetails, TwilioError},
};

use crate::{App, dial::answer};

/// List calls, newest first
///
/// Calls of every user. Pages follow by `cursor` alone.
#[utoipa::path(
    get, path = "/calls", tag = "calls", operation_id = "list_calls",
    params(
        ("status" = Option<CallStatus>, Query, description = "Only calls that stand there"),
        ("user_id" = Option<String>, Query, description = "Only calls of the user with that `id`", example = "65f0a1b2c3d4e5f601234567"),
        ("to_number" = Option<String>, Query, description = "Only calls to this number, E.164. Its `+` may be escaped as `%2B`", pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Only calls that were created then or later", example = "2026-01-02T03:04:05Z"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Only calls that were created before", example = "2026-01-03T03:04:05Z"),
        ("page_size" = Option<u32>, Query, description = "How many calls a page holds (20)", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, pattern = "^[A-Za-z0-9_-]{32}$", description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of calls", body = CallPage),
        (status = 404, description = "There is no such user"),
        (status = 422, description = "Parameters at fault, all of them: unknown, repeated, malformed or out of range, or a cursor that is not one of this list (`validation_failed`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn list(
    _: Caller<CallsRead>,
    State(app): State<App>,
    query: PageQuery,
) -> Result<axum::Json<CallPage>, Problem> {
    let (filter, request) = query.of_all_calls()?;
    let page = app.dao.list_calls(&filter, &request).await?;
    let page = page.ok_or_else(|| Problem::not_found("user"))?;
    Ok(axum::Json(CallPage {
        calls: page.items.into_iter().map(CallBody::from).collect(),
        page_size: request.size,
        next_cursor: page.next_cursor,
    }))
}

/// Read a call, with its timeline
///
/// The timeline has one event for each status, in the order in which the call took them.
#[utoipa::path(
    get, path = "/calls/{call_id}", tag = "calls", operation_id = "get_call",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    responses((status = 200, description = "The call", body = CallBody)),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn read(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(id): Id<CallId>,
    _: NoParameters,
) -> Result<axum::Json<CallBody>, Problem> {
    Ok(axum::Json(app.call(id).await?.into()))
}

/// End a call
///
/// A call that Twilio has not named yet is ended as soon as it is.
#[utoipa::path(
    post, path = "/calls/{call_id}/hangup", tag = "calls", operation_id = "hang_up_call",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    responses(
        (status = 202, description = "Twilio ends the call; its status tells when it has ended", body = CallBody),
        (status = 409, description = "The call has ended (`call_ended`)"),
        (status = 502, description = "Twilio refused (`twilio_refused`) or could not be reached (`twilio_unreachable`)"),
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
    if call.twilio_sid.is_none() && !call.status.is_terminal() {
        call = app
            .dao
            .request_hangup(id)
            .await?
            .ok_or_else(|| Problem::not_found("call"))?;
    }
    if call.status.is_terminal() {
        return Err(ended());
    }
    let Some(sid) = call.twilio_sid.clone() else {
        return Ok(answer(StatusCode::ACCEPTED, call));
    };
    let (details, had_ended) = in_time(TWILIO_BUDGET, app.end(&sid)).await?;
    app.record_end(id, &details).await?;
    if had_ended {
        return Err(ended());
    }
    Ok(answer(StatusCode::ACCEPTED, app.call(id).await?))
}

/// Twilio's share of the time in which an API function answers.
const TWILIO_BUDGET: Duration = Duration::from_secs(12);
/// What is left of that time for a hang-up after a dial.
const HANG_UP_AFTER_DIAL: Duration = Duration::from_secs(4);

async fn in_time<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, TwilioError>>,
) -> Result<T, TwilioError> {
    tokio::time::timeout(limit, asked)
        .await
        .unwrap_or_else(|_| Err(TwilioError::Unavailable("no answer in time".to_owned())))
}

fn ended() -> Problem {
    Problem::conflict("call_ended", "The call has ended already.")
}

impl App {
    pub(crate) async fn call(&self, id: CallId) -> Result<Call, Problem> {
        self.dao
            .get_call(id)
            .await?
            .ok_or_else(|| Problem::not_found("call"))
    }

    /// Ends the call at Twilio, and tells whether it had ended before.
    async fn end(&self, sid: &CallSid) -> Result<(CallDetails, bool), TwilioError> {
        match self.twilio.hangup_call(sid).await {
            Ok(details) => Ok((details, false)),
            Err(TwilioError::Refused(refusal)) if refusal.code == Some(CALL_NOT_IN_PROGRESS) => {
                Ok((self.twilio.get_call_details(sid).await?, true))
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a call whose hang-up was asked for before Twilio had named it. A failure is logged: voice answers
    /// `<Hangup/>` to such a call anyway.
    pub(crate) async fn hang_up(&self, id: CallId, sid: &CallSid) {
        let ended = match in_time(HANG_UP_AFTER_DIAL, self.end(sid)).await {
            Ok((details, _)) => self.record_end(id, &details).await,
            Err(error) => Err(error.into()),
        };
        if let Err(problem) = ended {
            tracing::warn!(code = problem.code(), "a requested hang-up failed");
        }
    }

    /// Records that Twilio says that the call has ended: for one that was canceled while queued no callback will.
    async fn record_end(&self, id: CallId, details: &CallDetails) -> Result<(), Problem> {
        if details.status.is_terminal() {
            let update = details.to_status_update(DateTime::now());
            self.dao.update_call(id, &update).await?;
        }
        Ok(())
    }
}
