//! `PATCH /calls/{call_id}`: changes a call that waits in the dial queue.

use axum::extract::State;
use outdial::{
    domain::{CallId, CallUpdate},
    http::{CallBody, Caller, CallsWrite, Id, Json, NoParameters, Problem},
    service::place_call::ChangeCallError,
};

use crate::{App, create::place_problem};

/// Change a scheduled call
///
/// Absent fields stay unchanged. The calling rules are checked again. A dial that is about to begin does not begin before the
/// change.
#[utoipa::path(
    patch, path = "/calls/{call_id}", tag = "calls", operation_id = "update_call",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    request_body = CallUpdate,
    responses(
        (status = 200, description = "The changed call", body = CallBody),
        (status = 409, description = "The call is being dialled or goes on (`call_started`), or has ended (`call_ended`). \
            Or others change it at this moment (`call_changing`): try again"),
        (status = 422, description = "Invalid fields (`validation_failed`), or a rule refuses the call, as for `POST /calls/outbound`",
            headers(("Retry-After" = Option<u32>, description = "Seconds until the calling hours allow the call"))),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn update(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<CallId>,
    _: NoParameters,
    Json(body): Json<CallUpdate>,
) -> Result<axum::Json<CallBody>, Problem> {
    let call = app.placer.change(id, &body).await.map_err(problem)?;
    app.waker.wake_for(&call).await;
    Ok(axum::Json(call.into()))
}

fn problem(error: ChangeCallError) -> Problem {
    match error {
        ChangeCallError::NotFound => Problem::not_found("call"),
        ChangeCallError::Started => Problem::conflict(
            "call_started",
            "The call is being dialled or goes on, so it can't be changed. POST /calls/{call_id}/hangup ends it.",
        ),
        ChangeCallError::Ended => {
            Problem::conflict("call_ended", "The call has ended, so it can't be changed.")
        }
        ChangeCallError::Busy => Problem::conflict(
            "call_changing",
            "Other changes of the call came first. Nothing was changed: try again in a moment.",
        )
        .retry_after(1),
        ChangeCallError::Rejected(error) => place_problem(error),
    }
}
