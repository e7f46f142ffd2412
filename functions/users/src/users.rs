//! `GET /users`, and `GET`, `PATCH` and `DELETE /users/{user_id}`.

use axum::extract::State;
use http::StatusCode;
use outdial::{
    dao::{Page, UserDeletion},
    domain::{UserId, UserUpdate},
    http::{
        Caller, Id, Json, NoParameters, PageQuery, Problem, UserBody, UserList, UsersRead,
        UsersWrite,
    },
};

use crate::App;

/// List users
///
/// Newest first. `email` and `phone_number` select users by address and number.
#[utoipa::path(
    get, path = "/users", tag = "users", operation_id = "list_users",
    params(
        ("page" = Option<u32>, Query, description = "Page number, from 1", minimum = 1, maximum = 10_000, example = 1),
        ("page_size" = Option<u32>, Query, description = "Maximum number of users on a page", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, pattern = "^[A-Za-z0-9_-]{32}$", description = "`next_cursor` of the previous page. Can't be combined with `page`"),
        ("phone_number" = Option<String>, Query, description = "Only users with this number, in E.164 format. Its `+` may be sent as it is or as `%2B`", pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123"),
        ("email" = Option<String>, Query, description = "Only the user with this e-mail address, in any case. Can't be combined with `cursor`", format = Email, max_length = 254, example = "ada@example.com"),
    ),
    responses(
        (status = 200, description = "A page of users", body = UserList),
        (status = 422, description = "Parameters are unknown, repeated, malformed or out of range, or the cursor belongs to another list. The response lists all of them (`validation_failed`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn list(
    _: Caller<UsersRead>,
    State(app): State<App>,
    query: PageQuery,
) -> Result<axum::Json<UserList>, Problem> {
    let (email, number, request) = query.of_users()?;
    let page = match email {
        Some(email) => {
            let user = app.dao.get_user_by_email(&email).await?;
            let user = user.filter(|user| number.is_none_or(|number| user.phone_number == number));
            Page {
                total: Some(user.iter().len() as u64),
                items: user
                    .filter(|_| request.number() == Some(1))
                    .into_iter()
                    .collect(),
                next_cursor: None,
            }
        }
        None => app.dao.list_users(number.as_ref(), &request).await?,
    };
    Ok(axum::Json(UserList {
        users: page.items.into_iter().map(UserBody::from).collect(),
        total: page.total,
        page: request.number(),
        page_size: request.size,
        next_cursor: page.next_cursor,
    }))
}

/// Get a user
///
/// `/users/{user_id}/calls` lists the user's calls.
#[utoipa::path(
    get, path = "/users/{user_id}", tag = "users", operation_id = "get_user",
    params(("user_id" = String, Path, description = "The user's `id`", pattern = "^[0-9a-fA-F]{24}$", example = "65f0a1b2c3d4e5f601234567")),
    responses((status = 200, description = "The user", body = UserBody)),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn read(
    _: Caller<UsersRead>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    _: NoParameters,
) -> Result<axum::Json<UserBody>, Problem> {
    let user = app.dao.get_user(id).await?;
    user.map(|user| axum::Json(user.into()))
        .ok_or_else(|| Problem::not_found("user"))
}

/// Update a user
///
/// Absent fields stay unchanged.
#[utoipa::path(
    patch, path = "/users/{user_id}", tag = "users", operation_id = "update_user",
    params(("user_id" = String, Path, description = "The user's `id`", pattern = "^[0-9a-fA-F]{24}$", example = "65f0a1b2c3d4e5f601234567")),
    request_body = UserUpdate,
    responses(
        (status = 200, description = "The updated user", body = UserBody),
        (status = 409, description = "Another user has this e-mail address (`email_taken`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn update(
    _: Caller<UsersWrite>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    _: NoParameters,
    Json(body): Json<UserUpdate>,
) -> Result<axum::Json<UserBody>, Problem> {
    let user = app.dao.update_user(id, &body).await?;
    user.map(|user| axum::Json(user.into()))
        .ok_or_else(|| Problem::not_found("user"))
}

/// Delete a user
///
/// A user with calls can't be deleted, because the calls refer to the user. Nor can a user with a batch that has not ended: cancel
/// the batch first.
#[utoipa::path(
    delete, path = "/users/{user_id}", tag = "users", operation_id = "delete_user",
    params(("user_id" = String, Path, description = "The user's `id`", pattern = "^[0-9a-fA-F]{24}$", example = "65f0a1b2c3d4e5f601234567")),
    responses(
        (status = 204, description = "The user was deleted"),
        (status = 409, description = "The user has calls (`user_has_calls`), or a batch that has not ended (`user_has_batches`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn delete(
    _: Caller<UsersWrite>,
    State(app): State<App>,
    Id(id): Id<UserId>,
    _: NoParameters,
) -> Result<StatusCode, Problem> {
    match app.dao.delete_user(id).await? {
        UserDeletion::Deleted => Ok(StatusCode::NO_CONTENT),
        UserDeletion::NotFound => Err(Problem::not_found("user")),
        UserDeletion::HasCalls => Err(Problem::conflict(
            "user_has_calls",
            "A user with calls can't be deleted, because the calls refer to the user.",
        )),
        UserDeletion::HasBatches => Err(Problem::conflict(
            "user_has_batches",
            "A user with a batch that has not ended can't be deleted. Cancel the batch first: POST /batches/{batch_id}/cancel.",
        )),
    }
}
