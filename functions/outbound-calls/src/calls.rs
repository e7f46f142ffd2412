//! `/calls`, except placing a call: lists, reads and ends calls.

use std::time::Duration;

use axum::{extract::State, response::Response};
use http::StatusCode;
use outdial::{
    domain::{Call, CallId, CallStatus},
    http::{
        CallBody, CallPage, Caller, CallsRead, CallsWrite, Id, NoParameters, PageQuery, Problem,
    },
    service::hang_up::{end_call, store_end},
    twilio::TwilioError,
};
use tokio::time::timeout;

use crate::{App, create::call_response};

/// List calls, newest first
///
/// Calls of all users. Use `cursor` to get the next page.
#[utoipa::path(
    get, path = "/calls", tag = "calls", operation_id = "list_calls",
    params(
        ("status" = Option<CallStatus>, Query, description = "Only calls with this status"),
        ("user_id" = Option<String>, Query, description = "Only calls of the user with this `id`", example = "65f0a1b2c3d4e5f601234567"),
        ("to_number" = Option<String>, Query, description = "Only calls to this number, E.164. Its `+` may be escaped as `%2B`", pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Only calls created at this time or later", example = "2026-01-02T03:04:05Z"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Only calls created before this time", example = "2026-01-03T03:04:05Z"),
        ("page_size" = Option<u32>, Query, description = "Number of calls in a page; the default is 20", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, pattern = "^[A-Za-z0-9_-]{32}$", description = "`next_cursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "A page of calls", body = CallPage),
        (status = 404, description = "No user with this id"),
        (status = 422, description = "Invalid parameters (`validation_failed`): unknown, repeated, malformed or out of range, or a cursor of another list. `errors` lists all of them"),
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
/// The timeline has one event for each status, in Twilio's order.
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
/// If Twilio's id of the call is not known yet, the call is ended as soon as it is.
#[utoipa::path(
    post, path = "/calls/{call_id}/hangup", tag = "calls", operation_id = "hang_up_call",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    responses(
        (status = 202, description = "Twilio ends the call. It has ended when `status` says so", body = CallBody),
        (status = 409, description = "The call has already ended (`call_ended`)"),
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
        return Ok(call_response(StatusCode::ACCEPTED, call));
    };
    let ending = timeout(TWILIO_TIMEOUT, end_call(&app.twilio, &sid)).await;
    let call_end = ending.map_err(|_| TwilioError::Unavailable("timeout".to_owned()))??;
    store_end(&app.dao, Some(id), &call_end.details).await?;
    if call_end.had_ended {
        return Err(ended());
    }
    Ok(call_response(StatusCode::ACCEPTED, app.call(id).await?))
}

/// Twilio's share of the time limit of an API function.
const TWILIO_TIMEOUT: Duration = Duration::from_secs(12);

fn ended() -> Problem {
    Problem::conflict("call_ended", "The call has already ended.")
}

impl App {
    pub(crate) async fn call(&self, id: CallId) -> Result<Call, Problem> {
        self.dao
            .get_call(id)
            .await?
            .ok_or_else(|| Problem::not_found("call"))
    }
}
