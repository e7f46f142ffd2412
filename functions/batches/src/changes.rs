//! Changes of a batch's state: start, pause, resume, cancel.

use std::time::{Duration, Instant};

use axum::extract::State;
use bson::DateTime;
use http::StatusCode;
use outdial::{
    dao::BatchChange,
    domain::{Batch, BatchId, BatchStatus, RuleError},
    http::{BatchBody, Caller, CallsWrite, Id, NoParameters, Problem},
};

use crate::App;

/// Time for which a request cancels calls. `dispatch` cancels the others.
const CANCELING: Duration = Duration::from_secs(2);

/// Start a batch
///
/// Its calls are dialled, after all other calls. A batch that runs already stays as it is.
#[utoipa::path(
    post, path = "/batches/{batch_id}/start", tag = "batches", operation_id = "start_batch",
    params(("batch_id" = String, Path, description = "The batch's `batch_id`", format = Uuid, example = "6fa459ea-ee8a-4ca4-894e-db77e160355e")),
    responses(
        (status = 200, description = "The batch runs", body = BatchBody),
        (status = 409, description = "The batch is paused (`batch_paused`), being canceled (`batch_canceling`), canceled (`batch_canceled`) or completed (`batch_completed`)"),
        (status = 422, description = "The batch can't start: it has no recipient that waits (`batch_empty`), the pace and the calling hours \
            are too slow for its recipients before `expires_at` (`batch_cannot_finish`), or the stack has no dial queue (`scheduling_unavailable`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn start(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<BatchId>,
    _: NoParameters,
) -> Result<axum::Json<BatchBody>, Problem> {
    app.check_queue()?;
    let batch = app.batch(id).await?;
    if batch.status == BatchStatus::Draft {
        app.check_start(&batch).await?;
    }
    app.change(id, Change::Start).await
}

/// Pause a batch
///
/// No call of the batch is dialled until it is resumed. A call that is being dialled at this moment may still ring.
#[utoipa::path(
    post, path = "/batches/{batch_id}/pause", tag = "batches", operation_id = "pause_batch",
    params(("batch_id" = String, Path, description = "The batch's `batch_id`", format = Uuid, example = "6fa459ea-ee8a-4ca4-894e-db77e160355e")),
    responses(
        (status = 200, description = "The batch is paused", body = BatchBody),
        (status = 409, description = "The batch is not started (`batch_draft`), being canceled (`batch_canceling`), canceled (`batch_canceled`) or completed (`batch_completed`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn pause(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<BatchId>,
    _: NoParameters,
) -> Result<axum::Json<BatchBody>, Problem> {
    app.change(id, Change::Pause).await
}

/// Resume a paused batch
///
/// Its calls are dialled again. Those that have expired meanwhile are not.
#[utoipa::path(
    post, path = "/batches/{batch_id}/resume", tag = "batches", operation_id = "resume_batch",
    params(("batch_id" = String, Path, description = "The batch's `batch_id`", format = Uuid, example = "6fa459ea-ee8a-4ca4-894e-db77e160355e")),
    responses(
        (status = 200, description = "The batch runs", body = BatchBody),
        (status = 409, description = "The batch is not started (`batch_draft`), being canceled (`batch_canceling`), canceled (`batch_canceled`) or completed (`batch_completed`)"),
        (status = 422, description = "The stack has no dial queue (`scheduling_unavailable`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn resume(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<BatchId>,
    _: NoParameters,
) -> Result<axum::Json<BatchBody>, Problem> {
    app.check_queue()?;
    app.change(id, Change::Resume).await
}

/// Cancel a batch
///
/// From now on no call of the batch is dialled or tried again. The waiting calls become `canceled` within a few minutes, and then
/// the batch. Calls that Twilio has already are not ended: hang them up one by one.
#[utoipa::path(
    post, path = "/batches/{batch_id}/cancel", tag = "batches", operation_id = "cancel_batch",
    params(("batch_id" = String, Path, description = "The batch's `batch_id`", format = Uuid, example = "6fa459ea-ee8a-4ca4-894e-db77e160355e")),
    responses(
        (status = 202, description = "The batch is `canceling`, or `canceled` if it has no waiting call", body = BatchBody),
        (status = 409, description = "All calls have ended (`batch_completed`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn cancel(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<BatchId>,
    _: NoParameters,
) -> Result<(StatusCode, axum::Json<BatchBody>), Problem> {
    let axum::Json(mut batch) = match app.change(id, Change::Cancel).await {
        // A repeat of the request, or another one was faster.
        Err(problem) if problem.code() == wrong_state(BatchStatus::Canceled).code() => {
            let batch = app.batch(id).await?;
            return Ok((StatusCode::ACCEPTED, axum::Json(batch.into())));
        }
        changed => changed?,
    };
    // The batch is canceled, whatever becomes of this: `dispatch` goes on.
    match app.cancel_calls(id).await {
        Ok(true) => batch.status = BatchStatus::Canceled,
        Ok(false) => app.waker.wake().await,
        Err(error) => tracing::warn!(%error, batch_id = %id, "calls of the batch not canceled yet"),
    }
    app.counts.forget(id);
    Ok((StatusCode::ACCEPTED, axum::Json(batch)))
}

/// A change of a batch's state.
#[derive(Clone, Copy)]
enum Change {
    Start,
    Pause,
    Resume,
    Cancel,
}

impl App {
    /// Checks that a draft can start.
    async fn check_start(&self, batch: &Batch) -> Result<(), Problem> {
        let user_not_found = || Problem::not_found("user");
        let user_id = batch.user_id.parse().map_err(|_| user_not_found())?;
        let (counts, user) =
            tokio::try_join!(self.dao.count_batch(batch.id), self.dao.get_user(user_id))?;
        let user = user.ok_or_else(user_not_found)?;
        if counts.waiting() == 0 {
            return Err(Problem::unprocessable(
                "batch_empty",
                "The batch has no recipient that waits. Add recipients, then start it.",
            ));
        }
        let zone = user.time_zone.as_ref();
        let now = DateTime::now();
        match self.batches.can_finish(batch, zone, counts.waiting(), now) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refused)) => Err(Problem::unprocessable(
                "batch_cannot_finish",
                format!(
                    "{} calls wait. Until expires_at, the calling hours leave {} seconds, and the pace is {} calls a second. \
                     Create a batch with a later expires_at, or raise the pace: calls_per_second or DIALS_PER_SECOND.",
                    refused.waiting, refused.seconds, refused.calls_per_second
                ),
            )),
            Err(RuleError::UnknownTimeZone(message)) => Err(Problem::internal(message)),
            Err(RuleError::Refused(refusal)) => Err(refusal.into()),
        }
    }

    /// Changes the state, and wakes `dispatch` if calls may be dialled now. If the batch has the new state already, it stays as it
    /// is.
    async fn change(&self, id: BatchId, change: Change) -> Result<axum::Json<BatchBody>, Problem> {
        let (from, to): (&[_], _) = match change {
            Change::Start => (&[BatchStatus::Draft], BatchStatus::Running),
            Change::Pause => (&[BatchStatus::Running], BatchStatus::Paused),
            Change::Resume => (&[BatchStatus::Paused], BatchStatus::Running),
            Change::Cancel => (&BatchStatus::OPEN, BatchStatus::Canceling),
        };
        let batch = match self.dao.change_batch(id, from, to).await? {
            None => return Err(Problem::not_found("batch")),
            Some(BatchChange::Changed(batch)) => batch,
            Some(BatchChange::Refused(batch)) => return Err(wrong_state(batch.status)),
        };
        tracing::info!(batch_id = %id, status = to.as_str(), "batch changed");
        if to == BatchStatus::Running {
            self.waker.wake().await;
        }
        Ok(axum::Json(batch.into()))
    }

    /// Cancels waiting calls for a while. Returns whether none is left, and the batch is canceled.
    async fn cancel_calls(&self, id: BatchId) -> Result<bool, outdial::dao::DaoError> {
        let begun = Instant::now();
        while self.dao.cancel_batch_page(id).await? {
            if begun.elapsed() > CANCELING {
                return Ok(false);
            }
        }
        self.dao.finish_canceling(id).await
    }
}

/// 409: the batch's state does not allow the request.
pub(crate) fn wrong_state(status: BatchStatus) -> Problem {
    let (code, detail) = match status {
        BatchStatus::Draft => ("batch_draft", "The batch is not started."),
        // It ran for a moment while the change was tried.
        BatchStatus::Running => (
            "batch_changing",
            "Other requests change the batch. Repeat the request.",
        ),
        BatchStatus::Paused => ("batch_paused", "The batch is paused. Resume it."),
        BatchStatus::Canceling => ("batch_canceling", "The batch is being canceled."),
        BatchStatus::Canceled => ("batch_canceled", "The batch was canceled."),
        BatchStatus::Completed => ("batch_completed", "All calls of the batch have ended."),
        BatchStatus::Unknown => (
            "batch_unknown",
            "A later version of this service has changed the batch.",
        ),
    };
    Problem::conflict(code, detail)
}
