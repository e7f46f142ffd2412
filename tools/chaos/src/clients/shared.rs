//! The connection to the API that all clients share, and what they have done so far.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;

use super::tally::{Tally, kind};
use crate::evidence::{KeyHistory, RequestedEnd, RequestedMove};
use crate::moment::Moment;
use crate::plan::Person;

/// The longest time that a client retries. An abandoned request blocks its key for half a minute.
pub(super) const RETRY_TIME: Duration = Duration::from_mins(2);

/// The time limit of one request. It is longer than the API's own limit.
const TIMEOUT: Duration = Duration::from_secs(35);

/// Number of attempts of a request that must succeed. Each may fail because of an outage.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(500);

/// The successful requests of clients.
#[derive(Clone, Debug, Default)]
pub struct Requested {
    pub ends: Vec<RequestedEnd>,
    pub moves: Vec<RequestedMove>,
}

/// The parts that all clients share: the connection to the API, and what they have done so far.
pub(super) struct Shared {
    pub(super) client: reqwest::Client,
    pub(super) url: String,
    pub(super) api_key: String,
    pub(super) users: BTreeMap<Person, String>,
    /// The time zones of the users that have one.
    pub(super) zones: BTreeMap<Person, String>,
    pub(super) begun: AtomicUsize,
    pub(super) settled: AtomicUsize,
    pub(super) histories: Mutex<Vec<KeyHistory>>,
    pub(super) tally: Mutex<Tally>,
    pub(super) requested: Mutex<Requested>,
}

/// An order as it was first sent. Repeats have the same body.
pub(super) struct Placement {
    pub(super) body: Value,
    pub(super) at: Moment,
}

impl Shared {
    /// Returns the id of a user.
    pub(super) fn user(&self, person: Person) -> &str {
        self.users.get(&person).map_or("", String::as_str)
    }

    /// Sends one request.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> reqwest::Result<Response> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.api_key)
            .timeout(TIMEOUT)
            .json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        request.send().await
    }

    /// Repeats a request until it has a response other than a failure of the service.
    pub(super) async fn insist(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Option<(StatusCode, Value)> {
        let verb = path.rsplit('/').next().unwrap_or_default();
        let verb = if method == Method::PATCH {
            "move"
        } else {
            verb
        };
        for _ in 0..TRIES {
            if let Ok(response) = self.send(method.clone(), path, body, key).await {
                let status = response.status();
                let body: Value = response.json().await.unwrap_or_default();
                let code = body["code"].as_str();
                let what = format!("{verb} {}", kind(Some(status), code));
                *self.tally.lock().await.actions.entry(what).or_default() += 1;
                if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
                    return Some((status, body));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }
}
