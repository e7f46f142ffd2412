use mongodb::bson::DateTime;
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Timeouts,
    answer::{Failure, GARBLED, parse},
    rest::{Rest, RetryPolicy},
    webhook::rfc2822,
};
use crate::{
    config::{Reloadable, TwilioConfig},
    domain::{CallSid, CallStatus, EventSource, PhoneNumber, RecordingSid, Refusal, StatusUpdate},
};

/// Twilio's REST API, as much of it as we use.
#[derive(Clone)]
pub struct TwilioClient {
    pub(super) rest: Rest,
    pub(super) timeouts: Timeouts,
}

/// Twilio's error code for a change of a call whose state does not allow it: it has ended, as a rule.
pub const CALL_NOT_IN_PROGRESS: i32 = 21220;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Neither an API key nor an auth token.
    #[error("the Twilio client needs an auth token or an API key")]
    NoCredentials,
    /// The base URL has no path.
    #[error("the base URL of Twilio's API must be an http or https URL")]
    BaseUrl,
    /// The TLS stack refused its configuration.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client refused its configuration.
    #[error("the HTTP client could not be built: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a request other than dialling failed.
#[derive(Debug, thiserror::Error)]
pub enum TwilioError {
    /// Twilio has said no.
    #[error("Twilio refused: {0}")]
    Refused(Refusal),
    /// Twilio is away or slow; whether the request was done is not known.
    #[error("Twilio is unavailable: {0}")]
    Unavailable(String),
    /// Twilio has answered this request, and nothing can be made of that; others may fare better.
    #[error("Twilio's answer is of no use: {0}")]
    Unusable(&'static str),
}

impl From<Failure> for TwilioError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotTaken(refusal) if refusal.http_status.is_none() => {
                Self::Unavailable(refusal.message)
            }
            Failure::NotTaken(refusal) | Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Lost(reason) => Self::Unavailable(reason),
            Failure::Unusable(reason) => Self::Unusable(reason),
        }
    }
}

/// A call as Twilio's REST API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallDetails {
    /// Twilio's name of the call.
    pub sid: CallSid,
    /// Where it stands.
    pub status: CallStatus,
    /// Length in seconds, once it has ended.
    pub duration_seconds: Option<i64>,
    /// `human`, `machine_start`, `fax`, … where machine detection was asked for.
    pub answered_by: Option<String>,
    /// Where it comes from; none where that is no number.
    pub from_number: Option<PhoneNumber>,
    /// When Twilio made it, UTC, in whole seconds.
    pub created_at: Option<DateTime>,
    /// When it ended, UTC.
    pub ended_at: Option<DateTime>,
}

impl CallDetails {
    /// What the answer tells of the call, in the form in which callbacks are applied. `now` is when it was given.
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
    /// A client with the time-outs that the functions run with. No connection is made.
    ///
    /// # Errors
    ///
    /// Without credentials, or with a base URL that is none.
    pub fn new(config: impl Into<Reloadable<TwilioConfig>>) -> Result<Self, BuildError> {
        Self::with_timeouts(config, Timeouts::default())
    }

    /// A client with other time-outs.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn with_timeouts(
        config: impl Into<Reloadable<TwilioConfig>>,
        timeouts: Timeouts,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            rest: Rest::new(config.into(), timeouts)?,
            timeouts,
        })
    }

    /// What Twilio knows of a call.
    ///
    /// # Errors
    ///
    /// When Twilio refuses (404: it has no such call) or is unavailable.
    pub async fn get_call_details(&self, sid: &CallSid) -> Result<CallDetails, TwilioError> {
        let body = self
            .rest
            .send(self.read_policy(), Method::GET, &self.call_url(sid), &[])
            .await?;
        details(&body)
    }

    /// Ends a call: one that is answered or rings with `completed`, and where Twilio refuses that, one that still waits
    /// with `canceled`. Returns what Twilio says of the call then, which may be the status that it is about to leave.
    ///
    /// # Errors
    ///
    /// When Twilio refuses both (21220: the call has ended) or is unavailable.
    pub async fn hangup_call(&self, sid: &CallSid) -> Result<CallDetails, TwilioError> {
        match self.set_status(sid, CallStatus::Completed).await {
            Err(TwilioError::Refused(refusal)) if refusal.http_status != Some(429) => {
                self.set_status(sid, CallStatus::Canceled).await
            }
            result => result,
        }
    }

    /// Ends a call that is queued or rings. One that is answered goes on, and one that has ended stays as it is. Returns what
    /// Twilio says of the call then, which may be the status that it is about to leave.
    ///
    /// # Errors
    ///
    /// When Twilio refuses (404: it has no such call) or is unavailable.
    pub async fn cancel_call(&self, sid: &CallSid) -> Result<CallDetails, TwilioError> {
        match self.set_status(sid, CallStatus::Canceled).await {
            Err(TwilioError::Refused(refusal)) if refusal.code == Some(CALL_NOT_IN_PROGRESS) => {
                self.get_call_details(sid).await
            }
            result => result,
        }
    }

    /// Whether Twilio is there and takes our credentials, in one try.
    ///
    /// # Errors
    ///
    /// When it does not, or is unavailable.
    pub async fn ping(&self) -> Result<(), TwilioError> {
        let policy = RetryPolicy {
            tries: 1,
            budget: self.timeouts.ping,
            again: |_| false,
        };
        // A standard API key may do all that we do, but not read the account.
        let url = if self.rest.has_api_key() {
            let mut url = self.rest.resource(&["Calls.json"]);
            url.set_query(Some("PageSize=1"));
            url
        } else {
            self.rest.account()
        };
        let body = self.rest.send(policy, Method::GET, &url, &[]).await?;
        parse::<Map<String, Value>>(&body)?;
        Ok(())
    }

    /// Twilio's resource of a recording, as callbacks name it.
    #[must_use]
    pub fn get_recording_url(&self, sid: &RecordingSid) -> Url {
        self.rest.resource(&["Recordings", sid.as_str()])
    }

    /// Deletes a recording; one that is gone already is no error.
    ///
    /// # Errors
    ///
    /// When Twilio refuses or is unavailable.
    pub async fn delete_recording(&self, sid: &RecordingSid) -> Result<(), TwilioError> {
        self.delete(&self.recording(sid, ".json")).await
    }

    /// Deletes Twilio's record of an ended call, with its Events; its recordings stay. One that is gone already is no error.
    ///
    /// # Errors
    ///
    /// When Twilio refuses (20009: it has not done with the call yet) or is unavailable.
    pub async fn delete_call(&self, sid: &CallSid) -> Result<(), TwilioError> {
        self.delete(&self.call_url(sid)).await
    }

    async fn delete(&self, url: &Url) -> Result<(), TwilioError> {
        let answer = self
            .rest
            .send(self.read_policy(), Method::DELETE, url, &[])
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal)) if refusal.http_status == Some(404) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The audio of a recording as WAV, its body still to come: 200, 206 to a range, 404 or 416.
    ///
    /// # Errors
    ///
    /// When Twilio refuses otherwise or is unavailable.
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

    /// The resource in that representation.
    fn recording(&self, sid: &RecordingSid, extension: &str) -> Url {
        let mut url = self.get_recording_url(sid);
        url.set_path(&format!("{}{extension}", url.path()));
        url
    }

    fn call_url(&self, sid: &CallSid) -> Url {
        self.rest.resource(&["Calls", &format!("{sid}.json")])
    }

    /// For what may be done twice without harm.
    pub(super) fn read_policy(&self) -> RetryPolicy {
        RetryPolicy {
            tries: 3,
            budget: self.timeouts.read_budget,
            again: |failure| !matches!(failure, Failure::Refused(_)),
        }
    }
}

/// A call as the API writes it; each field may be null.
#[derive(Deserialize)]
pub(super) struct CallResource {
    sid: Option<String>,
    status: Option<String>,
    duration: Option<String>,
    answered_by: Option<String>,
    from: Option<String>,
    date_created: Option<String>,
    end_time: Option<String>,
}

fn details(body: &[u8]) -> Result<CallDetails, TwilioError> {
    parse::<CallResource>(body)?.try_into()
}

impl TryFrom<CallResource> for CallDetails {
    type Error = TwilioError;

    fn try_from(call: CallResource) -> Result<Self, TwilioError> {
        let sid = call.sid.and_then(|sid| sid.parse().ok());
        let status = call.status.as_deref().and_then(CallStatus::from_word);
        let (Some(sid), Some(status)) = (sid, status) else {
            return Err(TwilioError::Unusable(GARBLED));
        };
        let time = |text: Option<String>| text.as_deref().and_then(rfc2822);
        Ok(Self {
            sid,
            status,
            duration_seconds: call.duration.and_then(|seconds| seconds.parse().ok()),
            answered_by: call.answered_by,
            from_number: call.from.and_then(|from| from.parse().ok()),
            created_at: time(call.date_created),
            ended_at: time(call.end_time),
        })
    }
}
