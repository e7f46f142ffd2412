//! Calls in Twilio's REST API: reading, ending, deleting.

use std::time::Duration;

use bson::DateTime;
use reqwest::Method;
use serde::Deserialize;
use url::Url;

use super::{
    TwilioClient, TwilioError,
    attempt::{UNREADABLE, parse},
};
use crate::domain::{CallSid, CallStatus, EventSource, PhoneNumber, StatusUpdate, parse_rfc2822};

/// Twilio's error code for a change that the call's state does not allow, usually because the call has ended.
pub const CALL_NOT_IN_PROGRESS: i32 = 21220;

/// The direction of a call that a request to the API created.
const OUTBOUND_API: &str = "outbound-api";

/// A call as Twilio's REST API returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallDetails {
    /// Twilio's `CallSid`.
    pub sid: CallSid,
    /// The status.
    pub status: CallStatus,
    /// Length in seconds, once the call has ended.
    pub duration_seconds: Option<i64>,
    /// The result of answering machine detection: `human`, `machine_start`, `fax`, …
    pub answered_by: Option<String>,
    /// The caller ID, or `None` if it is not a phone number.
    pub from_number: Option<PhoneNumber>,
    /// True for a call that another call dialled, or that came in: not one that was created by a request to the API.
    pub is_other_direction: bool,
    /// When Twilio created the call, UTC, in whole seconds.
    pub created_at: Option<DateTime>,
    /// When the call ended, UTC.
    pub ended_at: Option<DateTime>,
    /// How long the call waited in Twilio's own queue.
    pub queued_for: Option<Duration>,
}

impl CallDetails {
    /// Converts the response, received at `now`, into an update like that of a status callback.
    #[must_use]
    pub fn to_status_update(&self, now: DateTime) -> StatusUpdate {
        StatusUpdate {
            call_sid: self.sid.clone(),
            status: self.status,
            at: self.ended_at.unwrap_or(now),
            source: EventSource::Api,
            sequence: None,
            token: None,
            duration_seconds: self.duration_seconds,
            answered_by: self.answered_by.clone(),
            sip_response_code: None,
            error_code: None,
            error_message: None,
        }
    }
}

impl TwilioClient {
    /// Returns a call.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`]. Twilio refuses with 404 if it has no such call.
    pub async fn get_call_details(&self, sid: &CallSid) -> Result<CallDetails, TwilioError> {
        let body = self
            .rest
            .send(self.read_policy(), Method::GET, &self.call_url(sid), &[])
            .await?;
        details(&body)
    }

    /// Ends a call. Sets `completed`, which ends a ringing or answered call. If Twilio refuses, sets `canceled`, which ends a queued
    /// one.
    ///
    /// Returns the call in Twilio's response. Its status may not have changed yet.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`]. Twilio refuses both with code 21220 if the call has ended.
    pub async fn hangup_call(&self, sid: &CallSid) -> Result<CallDetails, TwilioError> {
        match self.set_status(sid, CallStatus::Completed).await {
            Err(TwilioError::Refused(refusal)) if refusal.http_status != Some(429) => {
                self.set_status(sid, CallStatus::Canceled).await
            }
            result => result,
        }
    }

    /// Ends a queued or ringing call. An answered call continues.
    ///
    /// Returns the call in Twilio's response. Its status may not have changed yet.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`]. Twilio refuses with 404 if it has no such call.
    pub async fn cancel_call(&self, sid: &CallSid) -> Result<CallDetails, TwilioError> {
        match self.set_status(sid, CallStatus::Canceled).await {
            Err(TwilioError::Refused(refusal)) if refusal.code == Some(CALL_NOT_IN_PROGRESS) => {
                self.get_call_details(sid).await
            }
            result => result,
        }
    }

    /// Deletes Twilio's record of an ended call and its Events, but not its recordings. Succeeds if Twilio has no such call.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`]. Twilio refuses with code 20009 while it is still processing the call.
    pub async fn delete_call(&self, sid: &CallSid) -> Result<(), TwilioError> {
        self.delete(&self.call_url(sid)).await
    }

    async fn set_status(
        &self,
        sid: &CallSid,
        status: CallStatus,
    ) -> Result<CallDetails, TwilioError> {
        let form = [("Status", status.as_str().to_owned())];
        let body = self
            .rest
            .send(self.read_policy(), Method::POST, &self.call_url(sid), &form)
            .await?;
        details(&body)
    }

    fn call_url(&self, sid: &CallSid) -> Url {
        self.rest.resource(&["Calls", &format!("{sid}.json")])
    }
}

/// A call in the API's JSON. Each field may be null.
#[derive(Deserialize)]
pub(super) struct CallResource {
    sid: Option<String>,
    status: Option<String>,
    duration: Option<String>,
    answered_by: Option<String>,
    from: Option<String>,
    date_created: Option<String>,
    end_time: Option<String>,
    queue_time: Option<String>,
    direction: Option<String>,
}

fn details(body: &[u8]) -> Result<CallDetails, TwilioError> {
    parse::<CallResource>(body)?.try_into()
}

impl TryFrom<CallResource> for CallDetails {
    type Error = TwilioError;

    fn try_from(call: CallResource) -> Result<Self, TwilioError> {
        let sid = call.sid.and_then(|sid| sid.parse().ok());
        let status = call.status.as_deref().and_then(CallStatus::of_twilio);
        let (Some(sid), Some(status)) = (sid, status) else {
            return Err(TwilioError::Unusable(UNREADABLE));
        };
        let time = |text: Option<String>| text.as_deref().and_then(parse_rfc2822);
        Ok(Self {
            sid,
            status,
            duration_seconds: call.duration.and_then(|seconds| seconds.parse().ok()),
            answered_by: call.answered_by,
            from_number: call.from.and_then(|from| from.parse().ok()),
            is_other_direction: call.direction.is_some_and(|it| it != OUTBOUND_API),
            created_at: time(call.date_created),
            ended_at: time(call.end_time),
            // In milliseconds.
            queued_for: call
                .queue_time
                .and_then(|millis| millis.parse().ok())
                .map(Duration::from_millis),
        })
    }
}
