//! Clients of a run. Each places a call under its own idempotency key, and retries until it has a final response. Some
//! repeat their request, and some hang up.

mod queueing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::evidence::{KeyHistory, Response as CallResponse};
use crate::moment::{Moment, now};
use crate::plan::{Order, Person, Plan};
use stack::Result;

pub use queueing::Requested;

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
    users: BTreeMap<Person, String>,
    /// The time zones of the users that have one.
    zones: BTreeMap<Person, String>,
    begun: AtomicUsize,
    settled: AtomicUsize,
    histories: Mutex<Vec<KeyHistory>>,
    tally: Mutex<Tally>,
    requested: Mutex<Requested>,
}

/// An order as it was first sent. Repeats have the same body.
struct Placement {
    body: Value,
    at: Moment,
}

/// The number of responses to clients, by kind. Failed attempts count too.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Responses to requests to place a call.
    pub answers: BTreeMap<String, usize>,
    /// Responses to hang-ups.
    pub hang_ups: BTreeMap<String, usize>,
    /// Responses to other changes.
    #[serde(skip)]
    pub actions: BTreeMap<String, usize>,
}

impl Clients {
    /// Creates clients of the API at this origin, and the users that they call for.
    ///
    /// # Errors
    ///
    /// If the API creates no user within [`RETRY_TIME`].
    pub async fn new(
        client: reqwest::Client,
        url: &str,
        api_key: &str,
        plan: &Plan,
        zones: BTreeMap<Person, String>,
    ) -> Result<Self> {
        let mut shared = Shared {
            client,
            url: url.to_owned(),
            api_key: api_key.to_owned(),
            users: BTreeMap::new(),
            zones,
            begun: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            histories: Mutex::default(),
            tally: Mutex::default(),
            requested: Mutex::default(),
        };
        let persons = Person::ALL.into_iter();
        for person in persons.filter(|person| *person == Person::Anywhere || plan.queue.is_some()) {
            let id = shared.create_user(person, plan.seed).await?;
            shared.users.insert(person, id);
        }
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Returns the time zone of each user, by the user's id.
    pub fn time_zones(&self) -> BTreeMap<String, Option<String>> {
        let users = self.shared.users.iter();
        users
            .map(|(person, id)| (id.clone(), self.shared.zones.get(person).cloned()))
            .collect()
    }

    /// Returns the ends and moves that clients asked for with success.
    pub async fn requested(&self) -> Requested {
        self.shared.requested.lock().await.clone()
    }

    /// Returns the id of a user.
    pub fn user(&self, person: Person) -> &str {
        self.shared.user(person)
    }

    /// Repeats a request until it has a response other than a failure of the service. `None` if it never has.
    pub async fn insist(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Option<(StatusCode, Value)> {
        self.shared.insist(method, path, body, None).await
    }

    /// [`Clients::insist`] on a POST under an idempotency key.
    pub async fn insist_as(
        &self,
        key: &str,
        path: &str,
        body: &Value,
    ) -> Option<(StatusCode, Value)> {
        self.shared
            .insist(Method::POST, path, body, Some(key))
            .await
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
                let placement = shared.placement(&order);
                let mut history = shared.first_requests(&order, &placement, seed).await;
                shared.settled.fetch_add(1, Ordering::Relaxed);
                drop(place);
                shared
                    .follow_up(&order, &placement, &mut history, seed)
                    .await;
                shared.histories.lock().await.push(history);
            });
        }
        while let Some(ended) = under_way.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Returns all final responses.
    pub async fn histories(&self) -> Vec<KeyHistory> {
        self.shared.histories.lock().await.clone()
    }

    /// Returns the number of responses by kind.
    pub async fn tally(&self) -> Tally {
        self.shared.tally.lock().await.clone()
    }
}

impl Shared {
    async fn create_user(&self, person: Person, seed: u64) -> Result<String> {
        let mut user = json!({ "name": "Chaos", "phone_number": "+14155552671" });
        let (email, key) = match person {
            Person::Anywhere => (format!("chaos.{seed}@example.com"), "chaos-user".to_owned()),
            other => (
                format!("chaos.{seed}.{other:?}@example.com").to_lowercase(),
                format!("chaos-user-{other:?}"),
            ),
        };
        user["email"] = email.into();
        if let Some(zone) = self.zones.get(&person) {
            user["time_zone"] = zone.as_str().into();
        }
        let deadline = Instant::now() + RETRY_TIME;
        loop {
            let response = self.send(Method::POST, "/users", &user, Some(&key)).await;
            match response {
                Ok(response) if response.status().is_success() => {
                    let created: Value = response.json().await?;
                    return Ok(created["id"].as_str().unwrap_or_default().to_owned());
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

    fn user(&self, person: Person) -> &str {
        self.users.get(&person).map_or("", String::as_str)
    }

    /// The request of an order that is first sent now.
    fn placement(&self, order: &Order) -> Placement {
        let at = now();
        let queueing = order.queueing.as_ref();
        let person = queueing.map_or(Person::Anywhere, |queueing| queueing.person);
        let mut body = json!({
            "user_id": self.user(person),
            "to_number": order.to,
            "script": order.script,
            "recording_enabled": order.recorded,
        });
        if let Some(queueing) = queueing {
            queueing.extend(&mut body, &order.key, at);
        }
        Placement { body, at }
    }

    /// Sends the first requests of an order, which may be several concurrent ones.
    async fn first_requests(&self, order: &Order, placement: &Placement, seed: u64) -> KeyHistory {
        let requests = (0..order.at_once).map(|nth| {
            let salt = (order.index * 64 + nth) as u64;
            self.final_response(
                order,
                placement,
                Rng::with_seed(seed.wrapping_mul(31).wrapping_add(salt)),
            )
        });
        let mut history = KeyHistory {
            key: order.key.clone(),
            to: order.to.clone(),
            attempts: order.max_attempts(),
            refusals: order.refusals(),
            ..KeyHistory::default()
        };
        for response in join_all(requests).await {
            history.add(response);
        }
        history
    }

    /// Hangs up, changes the call and repeats the request, as the order says.
    async fn follow_up(
        &self,
        order: &Order,
        placement: &Placement,
        history: &mut KeyHistory,
        seed: u64,
    ) {
        let call_id = history
            .answers
            .iter()
            .find_map(|response| response.call_id.clone());
        let change = async {
            if let Some(call_id) = &call_id {
                self.change(order, placement, call_id).await;
            }
        };
        let rest = async {
            if let (Some(pause), Some(call_id)) = (order.hang_up_after, &call_id) {
                tokio::time::sleep(pause).await;
                self.hang_up(call_id).await;
            }
            if let Some(pause) = order.again_after {
                tokio::time::sleep(pause).await;
                let rng = Rng::with_seed(seed.wrapping_mul(37).wrapping_add(order.index as u64));
                history.add(self.final_response(order, placement, rng).await);
            }
        };
        tokio::join!(change, rest);
    }

    async fn hang_up(&self, call_id: &str) {
        let path = format!("/calls/{call_id}/hangup");
        let response = self.send(Method::POST, &path, &json!({}), None).await;
        let status = response.as_ref().ok().map(Response::status);
        let kind = kind(status, None);
        *self.tally.lock().await.hang_ups.entry(kind).or_default() += 1;
        if let Ok(response) = response
            && response.status().is_success()
        {
            let body: Value = response.json().await.unwrap_or_default();
            // A dialled call may also be `canceled` at Twilio, so this needs the reason.
            let is_canceled = body["status"] == "canceled" && body["status_reason"] == "requested";
            self.note_end(call_id, is_canceled).await;
        }
    }

    /// Retries until there is a final response. `None` if the client gives up.
    async fn final_response(
        &self,
        order: &Order,
        placement: &Placement,
        mut rng: Rng,
    ) -> Option<CallResponse> {
        let deadline = Instant::now() + RETRY_TIME;
        let mut pause = Duration::from_millis(200);
        loop {
            let (response, retry_after) = self.attempt(order, &placement.body).await;
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
        let request = self.send(Method::POST, "/calls/outbound", body, Some(&order.key));
        let Ok(response) = request.await else {
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

    async fn send(
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
