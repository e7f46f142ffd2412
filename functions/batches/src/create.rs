//! `POST /batches`.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use outdial::{
    dao::{Callee, DaoError},
    domain::{Batch, BatchCreate, Idempotency, UserId},
    http::{BatchBody, Caller, CallsWrite, FieldError, Json, NoParameters, Problem, replayed},
    service::rules::{ContentFault, transfer_lines},
};

use crate::App;

/// Create a batch
///
/// A batch calls many recipients with one script, or with the same steps. It is a `draft`: add recipients, then start it. A repeat of the request with the
/// same `Idempotency-Key` returns the batch that the first one created.
#[utoipa::path(
    post, path = "/batches", tag = "batches", operation_id = "create_batch",
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
        description = "Your own unique key for the request: 1 to 255 visible ASCII characters", example = "december-reminders")),
    request_body = BatchCreate,
    responses(
        (status = 201, description = "The batch was created", body = BatchBody,
            headers(
                ("Location" = String, description = "Path of the batch"),
                ("Idempotent-Replayed" = Option<String>, description = "`true` if the response repeats that of an earlier request"))),
        (status = 404, description = "No user with this id"),
        (status = 422, description = "Fields are invalid; the response lists all of them (`validation_failed`). Or a rule refuses the \
            batch: `language_not_supported`, `voice_not_allowed`, `transcription_unavailable`, `scheduling_unavailable`, those for the numbers of transfers \
            (`country_not_allowed` and others), or `idempotency_key_reused`"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn create(
    caller: Caller<CallsWrite>,
    State(app): State<App>,
    _: NoParameters,
    headers: HeaderMap,
    Json(body): Json<BatchCreate>,
) -> Result<Response, Problem> {
    let idempotency = Idempotency::of(&headers, caller.name.as_deref(), "POST /batches", &body)?;
    if let Some(idempotency) = &idempotency
        && let Some(response) = replay(&app, idempotency).await?
    {
        return Ok(response);
    }
    app.check_queue()?;
    let callee = find_callee(&app, &body).await?;
    let batch = app
        .batches
        .new_batch(body, &callee, idempotency.as_ref(), caller.name)
        .map_err(refused)?;
    match (app.dao.create_batch(&batch).await, idempotency) {
        (Ok(()), _) => {
            tracing::info!(batch_id = %batch.id, "batch created");
            Ok(created(batch))
        }
        // Of concurrent requests with the same key, the first wins.
        (Err(DaoError::Duplicate(taken)), Some(idempotency)) => replay(&app, &idempotency)
            .await?
            .ok_or_else(|| DaoError::Duplicate(taken).into()),
        (Err(error), _) => Err(error.into()),
    }
}

/// Returns the user, and the facts about the numbers that transfers may dial.
async fn find_callee(app: &App, body: &BatchCreate) -> Result<Callee, Problem> {
    let not_found = || Problem::not_found("user");
    let id: UserId = body.user_id.parse().map_err(|_| not_found())?;
    let numbers = transfer_lines(body.steps.as_ref()).concat();
    let callee = app.dao.get_callee(id, &numbers).await?;
    callee.ok_or_else(not_found)
}

fn refused(refusal: ContentFault) -> Problem {
    match refusal {
        ContentFault::Rule(refusal) => refusal.into(),
        ContentFault::Fields(faults) => {
            let errors = faults.into_iter().map(|fault| FieldError {
                field: fault.field.into_owned(),
                message: fault.message,
            });
            Problem::invalid_fields(errors.collect())
        }
    }
}

fn created(batch: Batch) -> Response {
    let location = format!("/batches/{}", batch.id);
    (
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        axum::Json(BatchBody::from(batch)),
    )
        .into_response()
}

/// The response to a request whose key has been used, or `None` if the key is new.
async fn replay(app: &App, idempotency: &Idempotency) -> Result<Option<Response>, Problem> {
    let scope = &idempotency.scope;
    let first = app.dao.get_batch_by_idempotency_scope(scope).await?;
    first
        .map(|batch| {
            idempotency.is_repeat_of(batch.request_hash.as_deref())?;
            Ok(replayed(created(batch)))
        })
        .transpose()
}
