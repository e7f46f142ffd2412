//! What Twilio's REST API tells of calls that no webhook has told enough of.

use mongodb::bson::DateTime;
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{
    CallDetails, TwilioClient, TwilioError,
    answer::{GARBLED, parse},
    client::CallResource,
    webhook::rfc2822,
};
use crate::domain::{CallSid, PhoneNumber, RecordingStatus, RecordingUpdate};

/// Some pages of a list are enough, or somebody else has to look.
const PAGES_MAX: usize = 10;
/// The most that Twilio takes. One page has all the calls between two numbers, but for a strange number.
const CALLS_IN_A_PAGE: &str = "1000";
/// A call has a handful of events, and hardly ever a second recording.
const PAGE_SIZE: &str = "50";

impl TwilioClient {
    /// The calls between the numbers, of every status, that Twilio has made at or after `since`. Twilio's lists may lag behind.
    ///
    /// Twilio is not asked by time: it compares `StartTime`, which a call in its queue does not have yet.
    ///
    /// # Errors
    ///
    /// When Twilio refuses or is unavailable, or there are more newer calls between the numbers than are read.
    pub async fn list_calls(
        &self,
        from: &PhoneNumber,
        to: &PhoneNumber,
        since: DateTime,
    ) -> Result<Vec<CallDetails>, TwilioError> {
        let mut url = self.rest.resource(&["Calls.json"]);
        url.query_pairs_mut()
            .append_pair("To", to.as_str())
            .append_pair("From", from.as_str())
            .append_pair("PageSize", CALLS_IN_A_PAGE);
        let mut calls = Vec::new();
        self.read_pages(url, |page: Vec<CallResource>| {
            // The newest come first.
            let mut goes_on = page.is_empty();
            for call in page {
                let call = CallDetails::try_from(call)?;
                if call.created_at.is_none_or(|created| created >= since) {
                    goes_on = true;
                    calls.push(call);
                }
            }
            Ok(goes_on)
        })
        .await?;
        Ok(calls)
    }

    /// The URLs of a call's webhooks: those that the request which made it has named, and those that Twilio has requested
    /// since. Twilio tells them some time after the call.
    ///
    /// # Errors
    ///
    /// When Twilio refuses or is unavailable.
    pub async fn list_webhook_urls(&self, sid: &CallSid) -> Result<Vec<String>, TwilioError> {
        let mut url = self.rest.resource(&["Calls", sid.as_str(), "Events.json"]);
        url.query_pairs_mut().append_pair("PageSize", PAGE_SIZE);
        let mut urls = Vec::new();
        self.read_pages(url, |events: Vec<Value>| {
            urls.extend(events.iter().flat_map(webhook_urls));
            Ok(true)
        })
        .await?;
        Ok(urls)
    }

    /// The recordings of a call, in the form in which callbacks are applied.
    ///
    /// # Errors
    ///
    /// When Twilio refuses or is unavailable.
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
            return Err(garbled());
        };
        let recording_sid = sid.parse().map_err(|_| garbled())?;
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
            started_at: recording.start_time.as_deref().and_then(rfc2822),
        })
    }

    /// Reads a list page by page while `take` wants more.
    async fn read_pages<T: DeserializeOwned>(
        &self,
        first: Url,
        mut take: impl FnMut(Vec<T>) -> Result<bool, TwilioError>,
    ) -> Result<(), TwilioError> {
        let mut next = Some(first);
        for _ in 0..PAGES_MAX {
            let Some(url) = next else {
                return Ok(());
            };
            let body = self
                .rest
                .send(self.read_policy(), Method::GET, &url, &[])
                .await?;
            let page: ListPage<T> = parse(&body)?;
            if !take(page.items)? {
                return Ok(());
            }
            let follows = page.next_page_uri.as_deref();
            next = follows.map(|path| self.rest.follow(path)).transpose()?;
        }
        match next {
            Some(_) => Err(TwilioError::Unusable(
                "the list is longer than is read here",
            )),
            None => Ok(()),
        }
    }
}

/// A page of a list. Twilio calls the items by what they are.
#[derive(Deserialize)]
struct ListPage<T> {
    #[serde(alias = "calls", alias = "events", alias = "recordings")]
    items: Vec<T>,
    next_page_uri: Option<String>,
}

/// Of a request to the API its parameters, of a webhook itself.
fn webhook_urls(event: &Value) -> Vec<String> {
    let request = &event["request"];
    let parameters = &request["parameters"];
    let url = request["url"].as_str();
    let is_api = url.is_some_and(|url| url.contains("/2010-04-01/Accounts/"));
    if is_api {
        let named = ["url", "status_callback", "recording_status_callback"];
        let named = named.iter().filter_map(|name| parameters[name].as_str());
        named.map(str::to_owned).collect()
    } else {
        url.map(str::to_owned).into_iter().collect()
    }
}

fn garbled() -> TwilioError {
    TwilioError::Unusable(GARBLED)
}

/// Twilio writes some of the numbers as texts.
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
