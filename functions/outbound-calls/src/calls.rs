//! `/calls`: lists and reads calls.

use axum::extract::State;
use outdial::{
    domain::{Attempts, Call, CallId, CallStatus},
    http::{CallBody, CallPage, Caller, CallsRead, Id, NoParameters, PageQuery, Problem},
};

use crate::App;

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
        ("batch_id" = Option<String>, Query, description = "Only calls of the batch with this `id`. An unknown one has no calls", format = Uuid),
        ("first_call_id" = Option<String>, Query, description = "Only the attempts of a call with retries: its first attempt has this `call_id`", format = Uuid),
        ("result" = Option<String>, Query, description = "Only calls with this `result`, an outcome of the steps or one of the service's own words. A word that no call has is an empty list. A result is found some seconds after the end of the call", pattern = "^[a-z][a-z0-9_]{0,31}$", example = "confirmed"),
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
/// The timeline has one event for each status, in Twilio's order. `attempts` and `reached` are about all attempts of a call with
/// retries.
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
    let call = app.call(id).await?;
    if !call.is_in_a_series() {
        return Ok(axum::Json(call.into()));
    }
    let attempts = app.dao.list_attempts(call.first_call_id()).await?;
    // The call as it is shown counts, even if it changed meanwhile.
    let others = attempts.iter().filter(|other| other.call_id != id);
    let attempts = Attempts::of(others.chain([&call]));
    Ok(axum::Json(CallBody::from(call).with_attempts(attempts)))
}

impl App {
    pub(crate) async fn call(&self, id: CallId) -> Result<Call, Problem> {
        self.dao
            .get_call(id)
            .await?
            .ok_or_else(|| Problem::not_found("call"))
    }
}
