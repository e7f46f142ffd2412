//! Clients of a run. Each places a call under its own idempotency key, and retries until it has a final response. Some
//! repeat their request, and some hang up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::evidence::{KeyHistory, Response as CallResponse};
use crate::plan::{Order, Plan};
use stack::Result;

/// Number of orders placed concurrently.
const CONCURRENCY: usize = 12;

/// The longest time that a client retries. An abandoned request blocks its key for half a minute.
const RETRY_TIME: Duration = Duration::from_mins(2);

/// The time limit of one request. It is longer than the API's own limit.
const TIMEOUT: Duration = Duration::from_secs(35);

/// The longest pause between two attempts, even if `Retry-After` asks for more.
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// The clients of a run.
#[derive(Clone)]
pub struct Clients {
    shared: Arc<Shared>,
}

struct Shared {
    client: reqwest::Client,
    url: String,
    api_key: String,
    user_id: String,
    begun: AtomicUsize,
    settled: AtomicUsize,
    histories: Mutex<Vec<KeyHistory>>,
    tally: Mutex<Tally>,
}

/// The number of responses to clients, by kind. Failed attempts count too.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Responses to requests to place a call.
    pub answers: BTreeMap<String, usize>,
    /// Responses to hang-ups.
    pub hang_ups: BTreeMap<String, usize>,
}

impl Clients {
    /// Creates clients of the API at this origin, and the user that all of them call for.
    ///
    /// # Errors
    ///
    /// If the API creates no user within [`RETRY_TIME`].
    pub async fn new(
        client: reqwest::Client,
        url: &str,
        api_key: &str,
        plan: &Plan,
    ) -> Result<Self> {
        let mut shared = Shared {
            client,
            url: url.to_owned(),
            api_key: api_key.to_owned(),
            user_id: String::new(),
            begun: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            histories: Mutex::default(),
            tally: Mutex::default(),
        };
        let email = format!("chaos.{}@example.com", plan.seed);
        let user = json!({ "name": "Chaos", "email": email, "phone_number": "+14155552671" });
        let deadline = Instant::now() + RETRY_TIME;
        loop {
            let response = shared.post("/users", &user, Some("chaos-user")).await;
            match response {
                Ok(response) if response.status().is_success() => {
                    let created: Value = response.json().await?;
                    created["id"]
                        .as_str()
                        .unwrap_or_default()
                        .clone_into(&mut shared.user_id);
                    return Ok(Self {
                        shared: Arc::new(shared),
                    });
                }
                Ok(response) if Instant::now() > deadline => {
                    let (status, body) = (response.status(), response.text().await?);
                    return Err(format!("POST /users returns {status}: {body}").into());
                }
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                _ => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        }
    }

    /// Returns the number of orders that have begun.
    pub fn begun(&self) -> usize {
        self.shared.begun.load(Ordering::Relaxed)
    }

    /// Returns the number of orders with a final response, or whose clients have all given up.
    pub fn settled(&self) -> usize {
        self.shared.settled.load(Ordering::Relaxed)
    }

    /// Places all calls of the plan, and waits until every client is done.
    pub async fn place(&self, plan: &Plan) -> Result<()> {
        let places = Arc::new(Semaphore::new(CONCURRENCY));
        let mut under_way = JoinSet::new();
        for order in &plan.orders {
            let place = Arc::clone(&places).acquire_owned().await?;
            let (shared, order, seed) = (Arc::clone(&self.shared), order.clone(), plan.seed);
            shared.begun.fetch_add(1, Ordering::Relaxed);
            under_way.spawn(async move {
                let mut history = shared.first_requests(&order, seed).await;
                shared.settled.fetch_add(1, Ordering::Relaxed);
                drop(place);
                shared.follow_up(&order, &mut history, seed).await;
                shared.histories.lock().await.push(history);
            });
        }
        while let Some(ended) = under_way.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Returns all final responses, and the number of responses by kind.
    pub async fn results(&self) -> (Vec<KeyHistory>, Tally) {
        let histories = self.shared.histories.lock().await.clone();
        (histories, self.shared.tally.lock().await.clone())
    }
}

impl Shared {
    /// Sends the first requests of an order, which may be several concurrent ones.
    async fn first_requests(&self, order: &Order, seed: u64) -> KeyHistory {
        let requests = (0..order.at_once).map(|nth| {
            let salt = (order.index * 64 + nth) as u64;
            self.final_response(
                order,
                Rng::with_seed(seed.wrapping_mul(31).wrapping_add(salt)),
            )
        });
        let mut history = KeyHistory {
            key: order.key.clone(),
            to: order.to.clone(),
            ..KeyHistory::default()
        };
        for response in join_all(requests).await {
            history.add(response);
        }
        history
    }

    /// Hangs up and repeats the request, as the order says.
    async fn follow_up(&self, order: &Order, history: &mut KeyHistory, seed: u64) {
        let call_id = history
            .answers
            .iter()
            .find_map(|response| response.call_id.clone());
        if let (Some(pause), Some(call_id)) = (order.hang_up_after, call_id) {
            tokio::time::sleep(pause).await;
            let path = format!("/calls/{call_id}/hangup");
            let response = self.post(&path, &json!({}), None).await;
            let kind = kind(response.as_ref().ok().map(Response::status), None);
            *self.tally.lock().await.hang_ups.entry(kind).or_default() += 1;
        }
        if let Some(pause) = order.again_after {
            tokio::time::sleep(pause).await;
            let rng = Rng::with_seed(seed.wrapping_mul(37).wrapping_add(order.index as u64));
            history.add(self.final_response(order, rng).await);
        }
    }

    /// Retries until there is a final response. `None` if the client gives up.
    async fn final_response(&self, order: &Order, mut rng: Rng) -> Option<CallResponse> {
        let body = json!({
            "user_id": self.user_id,
            "to_number": order.to,
            "script": order.script,
            "recording_enabled": order.recorded,
        });
        let deadline = Instant::now() + RETRY_TIME;
        let mut pause = Duration::from_millis(200);
        loop {
            let (response, retry_after) = self.attempt(order, &body).await;
            let status = response
                .as_ref()
                .and_then(|response| StatusCode::from_u16(response.status).ok());
            let code = response.as_ref().and_then(|response| response.code.clone());
            let kind = kind(status, code.as_deref());
            *self.tally.lock().await.answers.entry(kind).or_default() += 1;
            // A 502 with `Retry-After` has released the key.
            let is_free = |response: &CallResponse| response.status == 502 && retry_after.is_some();
            let is_final = |response: &CallResponse| response.is_final() && !is_free(response);
            if let Some(response) = response.filter(is_final) {
                return Some(response);
            }
            if Instant::now() > deadline {
                return None;
            }
            let wait = retry_after.unwrap_or(pause).min(PAUSE_MAX);
            tokio::time::sleep(wait.mul_f64(0.5 + rng.f64())).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Sends one request. Returns the response, if any, and its `Retry-After`.
    async fn attempt(
        &self,
        order: &Order,
        body: &Value,
    ) -> (Option<CallResponse>, Option<Duration>) {
        let Ok(response) = self.post("/calls/outbound", body, Some(&order.key)).await else {
            return (None, None);
        };
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after");
        let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
        let Ok(text) = response.text().await else {
            return (None, None);
        };
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let field = |name: &str| body[name].as_str().map(str::to_owned);
        let response = CallResponse {
            status,
            code: field("code"),
            call_id: field("call_id"),
        };
        (Some(response), seconds.map(Duration::from_secs))
    }

    async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> reqwest::Result<Response> {
        let mut request = self
            .client
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.api_key)
            .timeout(TIMEOUT)
            .json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        request.send().await
    }
}

impl KeyHistory {
    fn add(&mut self, response: Option<CallResponse>) {
        match response {
            Some(response) => self.answers.push(response),
            None => self.gave_up += 1,
        }
    }
}

impl CallResponse {
    /// Returns whether a client stops retrying: the call is placed, Twilio has refused it, or the request is invalid.
    fn is_final(&self) -> bool {
        match self.status {
            502 => self
                .code
                .as_deref()
                .is_some_and(|code| code.starts_with("twilio_")),
            409 | 429 => false,
            status => status < 500,
        }
    }
}

/// Returns a text such as `201`, `409 request_in_progress` or `no answer`.
fn kind(status: Option<StatusCode>, code: Option<&str>) -> String {
    let Some(status) = status else {
        return "no answer".to_owned();
    };
    [Some(status.as_str()), code]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_retries_until_the_call_is_placed_or_refused() {
        let is_final = |status, code: &str| {
            let code = Some(code.to_owned()).filter(|code| !code.is_empty());
            CallResponse {
                status,
                code,
                call_id: None,
            }
            .is_final()
        };
        for (status, code) in [(201, ""), (202, ""), (502, "twilio_refused"), (422, "x")] {
            assert!(is_final(status, code), "{status} {code}");
        }
        for (status, code) in [
            (409, "request_in_progress"),
            (502, ""),
            (503, "x"),
            (500, ""),
        ] {
            assert!(!is_final(status, code), "{status} {code}");
        }
    }
}
