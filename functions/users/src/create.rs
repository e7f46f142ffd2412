//! `POST /users`.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bson::{DateTime, oid::ObjectId};
use http::{HeaderMap, StatusCode, header};
use outdial::{
    dao::DaoError,
    domain::{Idempotency, User, UserCreate},
    http::{Caller, Json, NoParameters, Problem, UserBody, UsersWrite, replayed},
};

use crate::App;

/// Create a user
///
/// The e-mail address must be unique, in any case. A repeat of the request with the same `Idempotency-Key` returns the user that
/// the first one created.
#[utoipa::path(
    post, path = "/users", tag = "users", operation_id = "create_user",
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
        description = "Your own unique key for the request: 1 to 255 visible ASCII characters", example = "signup-4711")),
    request_body = UserCreate,
    responses(
        (status = 201, description = "The user was created", body = UserBody,
            headers(
                ("Location" = String, description = "Path of the user"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` if the response repeats that of an earlier request"))),
        (status = 409, description = "Another user has this e-mail address (`email_taken`)"),
        (status = 422, description = "Fields are invalid; the response lists all of them (`validation_failed`). Or the key was used for a different request (`idempotency_key_reused`)"),
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
        && let Some(response) = replay(&app, idempotency).await?
    {
        return Ok(response);
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
            tracing::info!(user_id = %user.user_id(), email = %user.email, "user created");
            Ok(created(user))
        }
        // Of concurrent requests with the same key, the first wins. The others find its key or e-mail address taken.
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

/// The response to a request whose key has been used, or `None` if the key is new.
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
