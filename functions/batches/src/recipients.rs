//! `POST /batches/{batch_id}/recipients`.

use axum::extract::State;
use outdial::{
    domain::{Batch, BatchId, BatchStatus, RecipientsAdd},
    http::{Caller, CallsWrite, Id, NoParameters, Problem, RecipientsAdded},
    service::batches::RecipientsError,
};

use crate::{App, body::Recipients, changes::wrong_state};

/// Add recipients to a batch
///
/// As JSON, or as CSV: a header with `to_number`, and `external_id`, `time_zone` and `metadata.KEY` if you need them. Every other
/// column is a variable of the script or the steps. If one recipient is at fault, none is stored, and the response lists all faults by place. A
/// recipient is known by its `external_id` or, without one, by its number: one that the batch has already stays unchanged. So you
/// can repeat the request.
#[utoipa::path(
    post, path = "/batches/{batch_id}/recipients", tag = "batches", operation_id = "add_batch_recipients",
    params(("batch_id" = String, Path, description = "The batch's `batch_id`", format = Uuid, example = "6fa459ea-ee8a-4ca4-894e-db77e160355e")),
    request_body(content((RecipientsAdd = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "The recipients are in the batch", body = RecipientsAdded),
        (status = 409, description = "The batch is closed to new recipients: it is being canceled (`batch_canceling`), canceled (`batch_canceled`), completed (`batch_completed`) or expired (`batch_expired`)"),
        (status = 413, description = "The body is larger than 4 MiB (`payload_too_large`)"),
        (status = 415, description = "The Content-Type is neither application/json nor text/csv (`unsupported_media_type`)"),
        (status = 422, description = "Recipients are at fault; the response lists the first 1,000 faults by place, and the number of the others (`validation_failed`). \
            Or the batch would have more than 100,000 recipients (`batch_full`), or the stack has no dial queue (`scheduling_unavailable`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn add(
    caller: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<BatchId>,
    _: NoParameters,
    Recipients {
        recipients,
        mut faults,
    }: Recipients,
) -> Result<axum::Json<RecipientsAdded>, Problem> {
    app.check_queue()?;
    let batch = app.batch(id).await?;
    let created_by = caller.name.as_deref();
    let checked = app
        .batches
        .check_recipients(&batch, &recipients, created_by)
        .await
        .map_err(problem)?;
    faults.add_rules(&checked.faults);
    faults.check()?;
    let added = app.batches.add_recipients(&batch, &checked).await;
    let added = added.map_err(problem)?;
    tracing::info!(batch_id = %id, added = added.added, duplicates = added.duplicates, "recipients added");
    if added.added > 0 {
        app.counts.forget(id);
        if batch.status == BatchStatus::Running {
            app.waker.wake().await;
        }
    }
    Ok(axum::Json(RecipientsAdded {
        added: added.added,
        duplicates: added.duplicates,
        total: added.total,
    }))
}

fn problem(error: RecipientsError) -> Problem {
    match error {
        RecipientsError::BatchNotFound => Problem::not_found("batch"),
        RecipientsError::UserNotFound => Problem::not_found("user"),
        RecipientsError::Closed(status) => wrong_state(status),
        RecipientsError::Expired => Problem::conflict(
            "batch_expired",
            "The batch's expires_at has passed. Create a new batch.",
        ),
        RecipientsError::Full => Problem::unprocessable(
            "batch_full",
            format!(
                "A batch has at most {} recipients, and this one has too few places left. Create another batch. If a request to add \
                 recipients has just failed, repeat this one after 15 seconds: its places are free again then.",
                Batch::RECIPIENTS_MAX
            ),
        ),
        RecipientsError::UnknownTimeZone(message) => Problem::internal(message),
        RecipientsError::Unreadable => {
            Problem::internal("the stored script of the batch is not a template")
        }
        RecipientsError::Database(error) => error.into(),
    }
}
