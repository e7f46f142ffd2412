//! Recordings in Twilio's REST API: listing, deleting, audio.

use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{TwilioClient, TwilioError, attempt::UNREADABLE, lists::PAGE_SIZE};
use crate::domain::{CallSid, RecordingSid, RecordingStatus, RecordingUpdate, parse_rfc2822};

impl TwilioClient {
    /// Returns Twilio's URL of a recording, as in callbacks.
    #[must_use]
    pub fn get_recording_url(&self, sid: &RecordingSid) -> Url {
        self.rest.resource(&["Recordings", sid.as_str()])
    }

    /// Deletes a recording. Succeeds if Twilio has no such recording.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`].
    pub async fn delete_recording(&self, sid: &RecordingSid) -> Result<(), TwilioError> {
        self.delete(&self.recording(sid, ".json")).await
    }

    /// Requests the audio of a recording as WAV. Returns the response with status 200, 206, 404 or 416, before its body.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`], for other statuses too.
    pub async fn fetch_media(
        &self,
        sid: &RecordingSid,
        range: Option<&str>,
    ) -> Result<Response, TwilioError> {
        let url = self.recording(sid, ".wav");
        let wanted = [
            StatusCode::OK,
            StatusCode::PARTIAL_CONTENT,
            StatusCode::NOT_FOUND,
            StatusCode::RANGE_NOT_SATISFIABLE,
        ];
        Ok(self
            .rest
            .open(self.read_policy(), &url, range, &wanted)
            .await?)
    }

    /// Lists the recordings of a call, as updates like those of recording callbacks.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`].
    pub async fn list_recordings(
        &self,
        call: &CallSid,
    ) -> Result<Vec<RecordingUpdate>, TwilioError> {
        let mut url = self
            .rest
            .resource(&["Calls", call.as_str(), "Recordings.json"]);
        url.query_pairs_mut().append_pair("PageSize", PAGE_SIZE);
        let mut recordings = Vec::new();
        self.read_pages(url, |page: Vec<RecordingResource>| {
            for recording in page {
                recordings.push(self.recording_update(call, recording)?);
            }
            Ok(true)
        })
        .await?;
        Ok(recordings)
    }

    fn recording_update(
        &self,
        call: &CallSid,
        recording: RecordingResource,
    ) -> Result<RecordingUpdate, TwilioError> {
        let (Some(sid), Some(word)) = (recording.sid, recording.status) else {
            return Err(TwilioError::Unusable(UNREADABLE));
        };
        let recording_sid = sid.parse().map_err(|_| TwilioError::Unusable(UNREADABLE))?;
        let number = |value: &Value| match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_i64(),
        };
        let error_code = number(&recording.error_code).filter(|&code| code != 0);
        Ok(RecordingUpdate {
            call_sid: call.clone(),
            recording_url: Some(self.get_recording_url(&recording_sid).into()),
            recording_sid,
            status: RecordingStatus::from_twilio(&word),
            recording_status: word,
            duration_seconds: number(&recording.duration).filter(|&seconds| seconds >= 0),
            channels: number(&recording.channels).and_then(|count| count.try_into().ok()),
            error_code: error_code.and_then(|code| code.try_into().ok()),
            started_at: recording.start_time.as_deref().and_then(parse_rfc2822),
        })
    }

    /// The URL of a representation of the recording.
    fn recording(&self, sid: &RecordingSid, extension: &str) -> Url {
        let mut url = self.get_recording_url(sid);
        url.set_path(&format!("{}{extension}", url.path()));
        url
    }
}

/// A recording in the API's JSON. Some numbers are strings.
#[derive(Deserialize)]
struct RecordingResource {
    sid: Option<String>,
    status: Option<String>,
    #[serde(default)]
    duration: Value,
    #[serde(default)]
    channels: Value,
    #[serde(default)]
    error_code: Value,
    start_time: Option<String>,
}
