use axum::extract::State;
use outdial::{
    config::Scope,
    dao::List,
    domain::{CallStatus, UserId},
    http::{CallBody, CallList, Caller, Id, PageQuery, Problem},
};

use crate::App;

/// List a user's calls, newest first
#[utoipa::path(
    get, path = "/users/{user_id}/calls", tag = "users", operation_id = "list_user_calls",
    params(
        ("user_id" = String, Path, description = "The user's `id`"),
        ("status" = Option<CallStatus>, Query, description = "Only calls that stand there"),
        ("page" = Option<u32>, Query, description = "The number of the page, from 1", minimum = 1, maximum = 10_000),
        ("page_size" = Option<u32>, Query, description = "How many calls a page holds (20)", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before; not with `page`"),
    ),
    responses(
        (status = 200, description = "A page of calls", body = CallList),
        (status = 422, description = "A parameter is out of range, or the cursor is not one of this list"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<App>,
    Id(id): Id<UserId>,
    query: PageQuery,
) -> Result<axum::Json<CallList>, Problem> {
    caller.require(Scope::UsersRead)?;
    let status = query.status()?;
    let request = query.of(List::UserCalls(id, status))?;
    let (user, page) = tokio::try_join!(
        app.dao.get_user(id),
        app.dao.list_user_calls(id, status, &request)
    )?;
    if user.is_none() {
        return Err(Problem::not_found("user"));
    }
    Ok(axum::Json(CallList {
        calls: page.items.into_iter().map(CallBody::from).collect(),
        total: page.total,
        page: request.number(),
        page_size: request.size,
        next_cursor: page.next_cursor,
    }))
}
