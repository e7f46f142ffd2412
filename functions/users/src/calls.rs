//! `GET /users/{user_id}/calls`.

use axum::extract::State;
use outdial::{
    domain::{CallStatus, UserId},
    http::{CallBody, CallList, Caller, Id, PageQuery, Problem, UsersRead},
};

use crate::App;

/// List a user's calls
///
/// Newest first, by page number or by cursor.
#[utoipa::path(
    get, path = "/users/{user_id}/calls", tag = "users", operation_id = "list_user_calls",
    params(
        ("user_id" = String, Path, description = "The user's `id`", pattern = "^[0-9a-fA-F]{24}$", example = "65f0a1b2c3d4e5f601234567"),
        ("status" = Option<CallStatus>, Query, description = "Only calls with this status"),
        ("page" = Option<u32>, Query, description = "Page number, from 1", minimum = 1, maximum = 10_000, example = 1),
        ("page_size" = Option<u32>, Query, description = "Maximum number of calls on a page", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, pattern = "^[A-Za-z0-9_-]{32}$", description = "`next_cursor` of the previous page. Can't be combined with `page`"),
    ),
    responses(
        (status = 200, description = "A page of calls", body = CallList),
        (status = 422, description = "Parameters are unknown, repeated, malformed or out of range, or the cursor belongs to another list. The response lists all of them (`validation_failed`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn list(
    _: Caller<UsersRead>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    query: PageQuery,
) -> Result<axum::Json<CallList>, Problem> {
    let (status, request) = query.of_calls(id)?;
    let page = app.dao.list_user_calls(id, status, &request).await?;
    let page = page.ok_or_else(|| Problem::not_found("user"))?;
    Ok(axum::Json(CallList {
        calls: page.items.into_iter().map(CallBody::from).collect(),
        total: page.total,
        page: request.number(),
        page_size: request.size,
        next_cursor: page.next_cursor,
    }))
}
