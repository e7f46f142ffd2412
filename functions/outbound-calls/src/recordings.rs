//! `/recordings` and the recordings of a call.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use mongodb::bson::DateTime;
use outdial::{
    domain::{CallId, Recording, RecordingId, RecordingStatus, rfc3339},
    http::{
        Caller, CallsRead, CallsWrite, Id, MediaBody, NoParameters, Problem, RecordingBody,
        RecordingList, TranscriptBody, media_url::LIFETIME_SECONDS,
    },
    service::transcripts::{self, TranscriptError},
};

use crate::App;

/// List the recordings of a call, oldest first
///
/// Deleted recordings are not listed.
#[utoipa::path(
    get, path = "/calls/{call_id}/recordings", tag = "recordings", operation_id = "list_call_recordings",
    params(("call_id" = String, Path, description = "The call's `call_id`")),
    responses((status = 200, description = "The recordings", body = RecordingList)),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn list(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(id): Id<CallId>,
    _: NoParameters,
) -> Result<axum::Json<RecordingList>, Problem> {
    let recordings = app.dao.list_call_recordings(id).await?;
    let recordings = recordings
        .ok_or_else(|| Problem::not_found("call"))?
        .into_iter()
        .map(|recording| RecordingBody {
            call_id: Some(id.to_string()),
            ..recording.into()
        })
        .collect();
    Ok(axum::Json(RecordingList { recordings }))
}

/// Read a recording
///
/// If its `status` is `completed`, `/recordings/{recording_id}/media` has the audio.
#[utoipa::path(
    get, path = "/recordings/{recording_id}", tag = "recordings", operation_id = "get_recording",
    params(("recording_id" = String, Path, description = "The recording's `id`")),
    responses((status = 200, description = "The recording", body = RecordingBody)),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn read(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(id): Id<RecordingId>,
    _: NoParameters,
) -> Result<axum::Json<RecordingBody>, Problem> {
    Ok(axum::Json(app.recording(id).await?.into()))
}

/// Delete a recording, here and at Twilio
///
/// Its transcript is deleted too. This cannot be undone. Later requests for the recording get a 404.
#[utoipa::path(
    delete, path = "/recordings/{recording_id}", tag = "recordings", operation_id = "delete_recording",
    params(("recording_id" = String, Path, description = "The recording's `id`")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 502, description = "Twilio refused (`twilio_refused`) or could not be reached (`twilio_unreachable`). Repeat the request: only the transcript may be deleted"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn delete(
    _: Caller<CallsWrite>,
    State(app): State<App>,
    Id(id): Id<RecordingId>,
    _: NoParameters,
) -> Result<StatusCode, Problem> {
    let recording = app.recording(id).await?;
    let deleting = transcripts::delete_recording(&app.dao, &app.twilio, &recording);
    deleting.await.map_err(|error| match error {
        TranscriptError::Database(error) => Problem::from(error),
        TranscriptError::Twilio(error) => Problem::from(error),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read the transcript of a recording
///
/// Twilio makes it after the call, if the call was placed with `transcribe`. Until then, `status` is `pending`.
#[utoipa::path(
    get, path = "/recordings/{recording_id}/transcript", tag = "recordings", operation_id = "get_recording_transcript",
    params(("recording_id" = String, Path, description = "The recording's `id`")),
    responses(
        (status = 200, description = "The transcript", body = TranscriptBody),
        (status = 404, description = "No such recording exists (`not_found`), or its call was placed without `transcribe` (`no_transcript`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn transcript(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(id): Id<RecordingId>,
    _: NoParameters,
) -> Result<axum::Json<TranscriptBody>, Problem> {
    let recording = app.recording(id).await?;
    if let Some(transcript) = app.dao.get_transcript(id).await? {
        return Ok(axum::Json(transcript.into()));
    }
    let call = match recording.call_uuid {
        Some(id) => app.dao.get_call(id).await?,
        None => None,
    };
    let is_wanted = call.is_some_and(|call| call.transcribe);
    let may_follow = matches!(
        recording.status,
        RecordingStatus::Processing | RecordingStatus::Completed
    );
    if is_wanted && may_follow {
        return Ok(axum::Json(TranscriptBody::pending(&recording)));
    }
    Err(Problem::no_transcript())
}

/// Fetch the audio of a recording
///
/// Redirects to a URL that is valid for five minutes and needs no API key: a WAV file, with range requests. With
/// `Accept: application/json`, the response contains the URL instead.
#[utoipa::path(
    get, path = "/recordings/{recording_id}/media", tag = "recordings", operation_id = "get_recording_media",
    params(("recording_id" = String, Path, description = "The recording's `id`")),
    responses(
        (status = 200, description = "URL of the audio, for `Accept: application/json`", body = MediaBody),
        (status = 307, description = "Redirect to the audio", headers(("Location" = String, description = "URL, valid for five minutes"))),
        (status = 409, description = "No audio, or not yet (`recording_not_ready`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn media(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(id): Id<RecordingId>,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let recording = app.recording(id).await?;
    if recording.status != RecordingStatus::Completed {
        return Err(Problem::conflict(
            "recording_not_ready",
            format!(
                "The recording has no audio: its status is {}.",
                recording.status.as_str()
            ),
        ));
    }
    let now = DateTime::now().timestamp_millis() / 1_000;
    let url = app
        .media
        .current()
        .url(&app.urls.media, &recording.twilio_sid, now);
    // The URL is a credential.
    let head = [
        (header::VARY, "accept"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    if accepts_json(&headers) {
        let expires_at = rfc3339(DateTime::from_millis((now + LIFETIME_SECONDS) * 1_000));
        let body = axum::Json(MediaBody { url, expires_at });
        return Ok((head, body).into_response());
    }
    let location = [(header::LOCATION, url)];
    Ok((StatusCode::TEMPORARY_REDIRECT, head, location).into_response())
}

/// Returns true if `Accept` contains `application/json`; `*/*` does not count.
fn accepts_json(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

impl App {
    async fn recording(&self, id: RecordingId) -> Result<Recording, Problem> {
        let recording = self.dao.get_recording(id).await?;
        let recording = recording.ok_or_else(|| Problem::not_found("recording"))?;
        if let Some(id) = recording.call_uuid {
            tracing::Span::current().record("call_id", tracing::field::display(id));
        }
        Ok(recording)
    }
}
