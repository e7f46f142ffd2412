use axum::{extract::State, response::Response};
use http::StatusCode;
use mongodb::bson::DateTime;
use outdial::{
    domain::{Call, CallId, CallSid, EventSource, StatusUpdate},
    http::{CallBody, Caller, CallsRead, CallsWrite, Id, Problem},
    twilio::{CallDetails, TwilioError},
};

use crate::{App, create::answer};

/// Read a call, with its timeline
#[utoipa::path(
    get, path = "/calls/{call_id}", tag = "calls", operation_id = "get_call",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    responses((status = 200, description = "The call", body = CallBody)),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn read(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(id): Id<CallId>,
) -> Result<axum::Json<CallBody>, Problem> {
    Ok(axum::Json(app.call(id).await?.into()))
}

/// End a call
///
/// A call that Twilio has not named yet is ended as soon as it is.
#[utoipa::path(
    post, path = "/calls/{call_id}/hangup", tag = "calls", operation_id = "hang_up_call",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    responses(
        (status = 202, description = "Twilio ends the call; its status tells when it has ended", body = CallBody),
        (status = 409, description = "The call has ended (`call_ended`)"),
        (status = 502, description = "Twilio refused (`twilio_refused`) or could not be reached (`twilio_unreachable`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn hang_up(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<CallId>,
) -> Result<Response, Problem> {
    let mut call = app.call(id).await?;
    if call.twilio_sid.is_none() && !call.status.is_terminal() {
        call = app
            .dao
            .request_hangup(id)
            .await?
            .ok_or_else(|| Problem::not_found("call"))?;
    }
    if call.status.is_terminal() {
        return Err(ended());
    }
    let Some(sid) = call.twilio_sid.clone() else {
        return Ok(answer(StatusCode::ACCEPTED, call));
    };
    match app.twilio.hangup_call(&sid).await {
        Ok(details) => {
            app.record_end(id, sid, &details).await?;
            Ok(answer(StatusCode::ACCEPTED, app.call(id).await?))
        }
        Err(TwilioError::Refused(refusal)) if refusal.code == Some(CALL_NOT_IN_PROGRESS) => {
            let details = app.twilio.get_call_details(&sid).await?;
            app.record_end(id, sid, &details).await?;
            Err(ended())
        }
        Err(error) => Err(error.into()),
    }
}

/// Twilio's error code for a change of a call that has ended.
const CALL_NOT_IN_PROGRESS: i32 = 21220;

fn ended() -> Problem {
    Problem::conflict("call_ended", "The call has ended already.")
}

impl App {
    pub(crate) async fn call(&self, id: CallId) -> Result<Call, Problem> {
        self.dao
            .get_call(id)
            .await?
            .ok_or_else(|| Problem::not_found("call"))
    }

    /// Ends a call whose hang-up was asked for before Twilio had named it. A failure is logged: voice answers
    /// `<Hangup/>` to such a call anyway.
    pub(crate) async fn hang_up(&self, id: CallId, sid: &CallSid) {
        let ended = match self.twilio.hangup_call(sid).await {
            Ok(details) => self.record_end(id, sid.clone(), &details).await,
            Err(error) => Err(error.into()),
        };
        if let Err(problem) = ended {
            tracing::warn!(code = problem.code(), "a requested hang-up failed");
        }
    }

    /// Records that Twilio says that the call has ended: for one that was canceled while queued no callback will.
    async fn record_end(
        &self,
        id: CallId,
        sid: CallSid,
        details: &CallDetails,
    ) -> Result<(), Problem> {
        if details.status.is_terminal() {
            let update = StatusUpdate {
                call_sid: sid,
                status: details.status,
                at: DateTime::now(),
                source: EventSource::Api,
                sequence: None,
                token: None,
                duration_seconds: details.duration_seconds,
                answered_by: None,
                sip_response_code: None,
                error_code: None,
                error_message: None,
            };
            self.dao.update_call(id, &update).await?;
        }
        Ok(())
    }
}
