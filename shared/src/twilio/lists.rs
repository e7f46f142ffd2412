//! Lists in Twilio's REST API: the calls between two numbers, and the webhook URLs of a call.

use bson::DateTime;
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{CallDetails, TwilioClient, TwilioError, attempt::parse, calls::CallResource};
use crate::domain::{CallSid, PhoneNumber};

/// The most pages that are read. A longer list needs a person.
const PAGES_MAX: usize = 10;
/// Twilio's maximum, so that one page usually has all calls between two numbers.
const CALLS_IN_A_PAGE: &str = "1000";
/// The page size for the events and recordings of a call, of which there are few.
pub(super) const PAGE_SIZE: &str = "50";

impl TwilioClient {
    /// Lists the calls between two numbers, of every status, that Twilio created at or after `since`. The list may lag behind.
    ///
    /// The request has no time filter, because Twilio compares `StartTime`, which a queued call lacks.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`]; [`TwilioError::Unusable`] if there are more calls than ten pages.
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
            // Newest first.
            let mut continues = page.is_empty();
            for call in page {
                let call = CallDetails::try_from(call)?;
                if call.created_at.is_none_or(|created| created >= since) {
                    continues = true;
                    calls.push(call);
                }
            }
            Ok(continues)
        })
        .await?;
        Ok(calls)
    }

    /// Lists the webhook URLs of a call: those in the request that created it, and those that Twilio has requested since.
    ///
    /// Twilio publishes them some time after the call.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`].
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

    /// Reads a list page by page, while `take` returns true.
    pub(super) async fn read_pages<T: DeserializeOwned>(
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
            Some(_) => Err(TwilioError::Unusable("the list has too many pages")),
            None => Ok(()),
        }
    }
}

/// A page of a list. Twilio names the items by their type.
#[derive(Deserialize)]
struct ListPage<T> {
    #[serde(alias = "calls", alias = "events", alias = "recordings")]
    items: Vec<T>,
    next_page_uri: Option<String>,
}

/// The URLs in an event: the parameters of a request to the API, or the URL of a webhook.
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
