//! The client for Twilio's REST API.

use reqwest::{Method, Proxy};
use serde_json::{Map, Value};
use url::Url;

use super::{
    BuildError, Timeouts, TwilioError,
    attempt::{Failure, RetryPolicy, parse},
    rest::Rest,
};
use crate::config::{Reloadable, TwilioConfig};

/// The client for Twilio's REST API.
///
/// Other files add the requests: `dial`, `calls`, `recordings`, `lists`.
#[derive(Clone)]
pub struct TwilioClient {
    pub(super) rest: Rest,
    pub(super) timeouts: Timeouts,
}

impl TwilioClient {
    /// Creates a client with the timeouts that the functions use. Connects nowhere yet.
    ///
    /// # Errors
    ///
    /// Without credentials, or with an invalid base URL.
    pub fn new(config: impl Into<Reloadable<TwilioConfig>>) -> Result<Self, BuildError> {
        Self::with_timeouts(config, Timeouts::default())
    }

    /// Creates a client with other timeouts.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn with_timeouts(
        config: impl Into<Reloadable<TwilioConfig>>,
        timeouts: Timeouts,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            rest: Rest::new(config.into(), timeouts, &[])?,
            timeouts,
        })
    }

    /// Returns a client that uses these proxies. Programs on an operator's machine need them.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn with_proxies(
        config: impl Into<Reloadable<TwilioConfig>>,
        proxies: &[Proxy],
    ) -> Result<Self, BuildError> {
        let timeouts = Timeouts::default();
        Ok(Self {
            rest: Rest::new(config.into(), timeouts, proxies)?,
            timeouts,
        })
    }

    /// Checks, in one attempt, that Twilio is reachable and accepts our credentials.
    ///
    /// # Errors
    ///
    /// Any [`TwilioError`].
    pub async fn ping(&self) -> Result<(), TwilioError> {
        let policy = RetryPolicy {
            attempts: 1,
            budget: self.timeouts.ping,
            is_retryable: |_| false,
        };
        // A standard API key can't read the account.
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

    /// Deletes a resource. One that does not exist counts as deleted.
    pub(super) async fn delete(&self, url: &Url) -> Result<(), TwilioError> {
        let response = self
            .rest
            .send(self.read_policy(), Method::DELETE, url, &[])
            .await;
        match response {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal)) if refusal.http_status == Some(404) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The policy for requests that are safe to repeat.
    pub(super) fn read_policy(&self) -> RetryPolicy {
        RetryPolicy {
            attempts: 3,
            budget: self.timeouts.read_budget,
            is_retryable: |failure| !matches!(failure, Failure::Refused(_)),
        }
    }
}
