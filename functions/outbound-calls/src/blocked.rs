//! `/blocked-numbers`.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    domain::{BlockedNumber, BlockedNumberCreate, PhoneNumber},
    http::{
        BlockedNumberBody, BlockedNumberList, Caller, CallsRead, CallsWrite, FieldError, Id, Json,
        NoParameters, NumbersUnblock, PageQuery, Problem,
    },
    service::rules::validate,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::App;

/// Block a number
///
/// From the next request on, calls to the number are refused with `number_blocked`, in every spelling of the number and for
/// every user. The number must be valid.
#[utoipa::path(
    post, path = "/blocked-numbers", tag = "blocked numbers", operation_id = "block_number",
    request_body = BlockedNumberCreate,
    responses(
        (status = 201, description = "Blocked", body = BlockedNumberBody,
            headers(("Location" = String, description = "Path of the blocked number"))),
        (status = 200, description = "The number was already blocked: the existing entry", body = BlockedNumberBody,
            headers(("Location" = String, description = "Path of the blocked number"))),
        (status = 422, description = "Invalid fields (`validation_failed`). `errors` lists all of them"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn create(
    caller: Caller<CallsWrite>,
    State(app): State<App>,
    _: NoParameters,
    Json(body): Json<BlockedNumberCreate>,
) -> Result<Response, Problem> {
    if let Err(message) = validate(&body.phone_number) {
        return Err(Problem::invalid_fields(vec![FieldError {
            field: "phone_number".to_owned(),
            message,
        }]));
    }
    let blocked = BlockedNumber {
        id: ObjectId::new(),
        number: body.phone_number,
        reason: body.reason,
        created_by: caller.name,
        created_at: DateTime::now(),
    };
    let (status, blocked) = match app.dao.block_number(&blocked).await? {
        None => (StatusCode::CREATED, blocked),
        Some(first) => (StatusCode::OK, first),
    };
    let number = utf8_percent_encode(blocked.number.as_str(), NON_ALPHANUMERIC);
    let location = format!("/blocked-numbers/{number}");
    let body = axum::Json(BlockedNumberBody::from(blocked));
    Ok((status, [(header::LOCATION, location)], body).into_response())
}

/// List blocked numbers, newest first
///
/// Without the numbers in the setting `BLOCKED_NUMBERS`.
#[utoipa::path(
    get, path = "/blocked-numbers", tag = "blocked numbers", operation_id = "list_blocked_numbers",
    params(
        ("page" = Option<u32>, Query, description = "Page number, from 1", minimum = 1, maximum = 10_000, example = 1),
        ("page_size" = Option<u32>, Query, description = "Number of items in a page; the default is 20", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the previous page; not together with `page`"),
    ),
    responses(
        (status = 200, description = "A page of blocked numbers", body = BlockedNumberList),
        (status = 422, description = "Invalid parameters (`validation_failed`): unknown, repeated, malformed or out of range, or a cursor of another list. `errors` lists all of them"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn list(
    _: Caller<CallsRead>,
    State(app): State<App>,
    query: PageQuery,
) -> Result<axum::Json<BlockedNumberList>, Problem> {
    let request = query.of_blocked_numbers()?;
    let page = app.dao.list_blocked_numbers(&request).await?;
    Ok(axum::Json(BlockedNumberList {
        blocked_numbers: page
            .items
            .into_iter()
            .map(BlockedNumberBody::from)
            .collect(),
        total: page.total,
        page: request.number(),
        page_size: request.size,
        next_cursor: page.next_cursor,
    }))
}

/// Read a blocked number
///
/// Use the spelling in the list. Numbers in the setting `BLOCKED_NUMBERS` are a 404.
#[utoipa::path(
    get, path = "/blocked-numbers/{phone_number}", tag = "blocked numbers", operation_id = "get_blocked_number",
    params(("phone_number" = String, Path, description = "The number in E.164 format. Its `+` may be escaped as `%2B`", example = "+12125550123")),
    responses((status = 200, description = "The blocked number", body = BlockedNumberBody)),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn read(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(number): Id<PhoneNumber>,
    _: NoParameters,
) -> Result<axum::Json<BlockedNumberBody>, Problem> {
    let blocked = app.dao.get_blocked_number(&number).await?;
    blocked
        .map(|blocked| axum::Json(blocked.into()))
        .ok_or_else(not_found)
}

/// Unblock a number
///
/// Calls to the number are allowed again, unless the setting `BLOCKED_NUMBERS` or an entry with another spelling blocks it. The
/// API key needs the scope `numbers:unblock`.
#[utoipa::path(
    delete, path = "/blocked-numbers/{phone_number}", tag = "blocked numbers", operation_id = "unblock_number",
    params(("phone_number" = String, Path, description = "The number in E.164 format. Its `+` may be escaped as `%2B`", example = "+12125550123")),
    responses((status = 204, description = "Unblocked")),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn delete(
    _: Caller<NumbersUnblock>,
    State(app): State<App>,
    Id(number): Id<PhoneNumber>,
    _: NoParameters,
) -> Result<StatusCode, Problem> {
    if app.dao.unblock_number(&number).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found())
    }
}

fn not_found() -> Problem {
    Problem::not_found("blocked number")
}
