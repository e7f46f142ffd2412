//! `GET /batches` and `GET /batches/{batch_id}`.

use axum::extract::State;
use bson::DateTime;
use outdial::{
    dao::BatchCounts,
    domain::{Batch, BatchId, BatchStatus, RuleError, rfc3339},
    http::{
        BatchBody, BatchList, BatchProgressBody, Caller, CallsRead, Id, NoParameters, PageQuery,
        Problem,
    },
};

use crate::App;

/// List batches
///
/// Newest first, without their progress.
#[utoipa::path(
    get, path = "/batches", tag = "batches", operation_id = "list_batches",
    params(
        ("page" = Option<u32>, Query, description = "Page number, from 1", minimum = 1, maximum = 10_000, example = 1),
        ("page_size" = Option<u32>, Query, description = "Maximum number of batches on a page", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, pattern = "^[A-Za-z0-9_-]{32}$", description = "`next_cursor` of the previous page. Can't be combined with `page`"),
    ),
    responses(
        (status = 200, description = "A page of batches", body = BatchList),
        (status = 422, description = "Parameters are unknown, repeated, malformed or out of range, or the cursor belongs to another list. The response lists all of them (`validation_failed`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn list(
    _: Caller<CallsRead>,
    State(app): State<App>,
    query: PageQuery,
) -> Result<axum::Json<BatchList>, Problem> {
    let request = query.of_batches()?;
    let page = app.dao.list_batches(&request).await?;
    Ok(axum::Json(BatchList {
        batches: page.items.into_iter().map(BatchBody::from).collect(),
        total: page.total,
        page: request.number(),
        page_size: request.size,
        next_cursor: page.next_cursor,
    }))
}

/// Get a batch and its progress
///
/// The progress may be two seconds old. A batch whose calls have all ended becomes `completed` by this request.
#[utoipa::path(
    get, path = "/batches/{batch_id}", tag = "batches", operation_id = "get_batch",
    params(("batch_id" = String, Path, description = "The batch's `batch_id`", format = Uuid, example = "6fa459ea-ee8a-4ca4-894e-db77e160355e")),
    responses((status = 200, description = "The batch", body = BatchBody)),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn read(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(id): Id<BatchId>,
    _: NoParameters,
) -> Result<axum::Json<BatchBody>, Problem> {
    let counts = app.counts.get(&app.dao, id);
    let (batch, counts) = tokio::try_join!(app.dao.get_batch(id), counts)?;
    let batch = batch.ok_or_else(|| Problem::not_found("batch"))?;
    let batch = app.ended(batch, &counts).await;
    let eta = app.eta(&batch, &counts).await?;
    Ok(axum::Json(BatchBody {
        progress: Some(BatchProgressBody::new(&counts, eta)),
        ..BatchBody::from(batch)
    }))
}

impl App {
    /// Ends a batch whose calls have ended, and returns it as it is then. `dispatch` does the same once a minute.
    async fn ended(&self, batch: Batch, counts: &BatchCounts) -> Batch {
        let id = batch.id;
        let ended = match batch.status {
            BatchStatus::Running if counts.open() == 0 => self.dao.complete_batch_if_done(id).await,
            BatchStatus::Canceling if counts.waiting() == 0 => self.dao.finish_canceling(id).await,
            _ => return batch,
        };
        let read = match ended {
            Ok(true) => self.dao.get_batch(id).await,
            Ok(false) => return batch,
            Err(error) => Err(error),
        };
        match read {
            Ok(read) => read.unwrap_or(batch),
            Err(error) => {
                tracing::warn!(%error, batch_id = %id, "end of the batch not stored");
                batch
            }
        }
    }

    /// Estimates when the last waiting call of a running batch can be dialled.
    async fn eta(&self, batch: &Batch, counts: &BatchCounts) -> Result<Option<String>, Problem> {
        if batch.status != BatchStatus::Running || counts.waiting() == 0 {
            return Ok(None);
        }
        let Ok(user_id) = batch.user_id.parse() else {
            return Ok(None);
        };
        let user = self.dao.get_user(user_id).await?;
        let zone = user.as_ref().and_then(|user| user.time_zone.as_ref());
        let eta = self
            .batches
            .eta(batch, zone, counts.waiting(), DateTime::now());
        Ok(eta
            .unwrap_or_else(|error| {
                if let RuleError::UnknownTimeZone(message) = error {
                    tracing::error!(error = message, "end of the batch not estimated");
                }
                None
            })
            .map(|eta| rfc3339(DateTime::from_millis(eta.timestamp_millis()))))
    }
}
