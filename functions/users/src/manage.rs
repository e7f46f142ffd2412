use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    dao::{DaoError, Page, UserDeletion},
    domain::{User, UserCreate, UserId, UserUpdate},
    http::{
        Caller, Id, Idempotency, Json, NoParameters, PageQuery, Problem, UserBody, UserList,
        UsersRead, UsersWrite, replayed,
    },
};

use crate::App;

/// Create a user
///
/// The e-mail address must not be another user's, whatever its case. A repeat of the request under its
/// `Idempotency-Key` is answered with the user that the first one created.
#[utoipa::path(
    post, path = "/users", tag = "users", operation_id = "create_user",
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
        description = "Names the request: 1 to 255 visible ASCII characters, your own for each user", example = "signup-4711")),
    request_body = UserCreate,
    responses(
        (status = 201, description = "Created", body = UserBody,
            headers(
                ("Location" = String, description = "The path of the user"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` where this repeats the answer to an earlier request"))),
        (status = 409, description = "Another user has this e-mail address (`email_taken`)"),
        (status = 422, description = "Fields at fault, all of them (`validation_failed`), or a key that came with another request (`idempotency_key_reused`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn create(
    caller: Caller<UsersWrite>,
    State(app): State<App>,
    _: NoParameters,
    headers: HeaderMap,
    Json(body): Json<UserCreate>,
) -> Result<Response, Problem> {
    let idempotency = Idempotency::of(&headers, caller.name.as_deref(), "POST /users", &body)?;
    if let Some(idempotency) = &idempotency
        && let Some(answer) = replay(&app, idempotency).await?
    {
        return Ok(answer);
    }
    let now = DateTime::now();
    let user = User {
        id: ObjectId::new(),
        name: body.name,
        email_lower: body.email.lower(),
        email: body.email,
        phone_number: body.phone_number,
        time_zone: body.time_zone,
        idempotency_scope: idempotency.as_ref().map(|key| key.scope.clone()),
        request_hash: idempotency.as_ref().map(|key| key.request_hash.clone()),
        created_by: caller.name,
        created_at: now,
        updated_at: now,
    };
    match (app.dao.create_user(&user).await, idempotency) {
        (Ok(()), _) => {
            tracing::info!(user_id = %user.user_id(), email = %user.email, "a user was created");
            Ok(created(user))
        }
        // Of requests that race under one key the first wins, and the others find its key or its address taken.
        (Err(DaoError::Duplicate(taken)), Some(idempotency)) => replay(&app, &idempotency)
            .await?
            .ok_or_else(|| DaoError::Duplicate(taken).into()),
        (Err(error), _) => Err(error.into()),
    }
}

fn created(user: User) -> Response {
    let location = format!("/users/{}", user.user_id());
    (
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        axum::Json(UserBody::from(user)),
    )
        .into_response()
}

/// The answer to a request whose key has been used.
async fn replay(app: &App, idempotency: &Idempotency) -> Result<Option<Response>, Problem> {
    let first = app
        .dao
        .get_user_by_idempotency_scope(&idempotency.scope)
        .await?;
    first
        .map(|user| {
            idempotency.is_repeat_of(user.request_hash.as_deref())?;
            Ok(replayed(created(user)))
        })
        .transpose()
}

/// List users, newest first
///
/// With `email` it is the one user who has that address, or none; with `phone_number` those who have that number.
#[utoipa::path(
    get, path = "/users", tag = "users", operation_id = "list_users",
    params(
        ("page" = Option<u32>, Query, description = "The number of the page, from 1", minimum = 1, maximum = 10_000, example = 1),
        ("page_size" = Option<u32>, Query, description = "How many users a page holds (20)", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, pattern = "^[A-Za-z0-9_-]{32}$", description = "`next_cursor` of the page before; not with `page`"),
        ("phone_number" = Option<String>, Query, description = "Only users with this number, E.164. Its `+` may be escaped as `%2B`", pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123"),
        ("email" = Option<String>, Query, description = "The user with this address, whatever its case; not with `cursor`", format = Email, max_length = 254, example = "ada@example.com"),
    ),
    responses(
        (status = 200, description = "A page of users", body = UserList),
        (status = 422, description = "Parameters at fault, all of them: unknown, repeated, malformed or out of range, or a cursor that is not one of this list (`validation_failed`)"),
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

/// Read a user
///
/// The record of the person, without calls: see `/users/{user_id}/calls`.
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

/// Change a user
///
/// What the body does not name stays as it is.
#[utoipa::path(
    patch, path = "/users/{user_id}", tag = "users", operation_id = "update_user",
    params(("user_id" = String, Path, description = "The user's `id`", pattern = "^[0-9a-fA-F]{24}$", example = "65f0a1b2c3d4e5f601234567")),
    request_body = UserUpdate,
    responses(
        (status = 200, description = "The user as it is now", body = UserBody),
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
/// A user with calls stays: the record of what happened needs it.
#[utoipa::path(
    delete, path = "/users/{user_id}", tag = "users", operation_id = "delete_user",
    params(("user_id" = String, Path, description = "The user's `id`", pattern = "^[0-9a-fA-F]{24}$", example = "65f0a1b2c3d4e5f601234567")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "The user has calls (`user_has_calls`)"),
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
            "A user with calls cannot be deleted: the record of the calls needs it.",
        )),
    }
}
