//! Clients who want their call: each asks with a key of its own until it has a final answer, and some ask more often.

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

use super::evidence::{Answer, KeyStory};
use super::plan::{Order, Plan};
use crate::Result;

/// How many orders are under way at the same moment.
const CONCURRENCY: usize = 12;

/// How long a client goes on asking. A key is free again half a minute after a request that died.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a client waits for one answer: more than the API may take.
const ANSWER: Duration = Duration::from_secs(35);

/// The longest pause between two tries, whatever the answer asks for.
const PAUSE: Duration = Duration::from_secs(3);

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
    stories: Mutex<Vec<KeyStory>>,
    tally: Mutex<Tally>,
}

/// How often the clients were answered what, tries that led nowhere included.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// To requests to place a call.
    pub answers: BTreeMap<String, usize>,
    /// To hang-ups.
    pub hang_ups: BTreeMap<String, usize>,
}

impl Clients {
    /// Clients of the API at this origin. They are one user, made with the first request.
    pub async fn begin(
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
            stories: Mutex::default(),
            tally: Mutex::default(),
        };
        let email = format!("chaos.{}@example.com", plan.seed);
        let user = json!({ "name": "Chaos", "email": email, "phone_number": "+14155552671" });
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = shared.post("/users", &user, Some("chaos-user")).await;
            match answer {
                Ok(answer) if answer.status().is_success() => {
                    let made: Value = answer.json().await?;
                    made["id"]
                        .as_str()
                        .unwrap_or_default()
                        .clone_into(&mut shared.user_id);
                    return Ok(Self {
                        shared: Arc::new(shared),
                    });
                }
                Ok(answer) if Instant::now() > deadline => {
                    return Err(format!(
                        "POST /users answers {}: {}",
                        answer.status(),
                        answer.text().await?
                    )
                    .into());
                }
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                _ => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        }
    }

    /// How many orders have begun.
    pub fn begun(&self) -> usize {
        self.shared.begun.load(Ordering::Relaxed)
    }

    /// How many orders have a final answer, or nobody who still asks.
    pub fn settled(&self) -> usize {
        self.shared.settled.load(Ordering::Relaxed)
    }

    /// Places all calls of the plan.
    pub async fn place(&self, plan: &Plan) -> Result<()> {
        let places = Arc::new(Semaphore::new(CONCURRENCY));
        let mut under_way = JoinSet::new();
        for order in &plan.orders {
            let place = Arc::clone(&places).acquire_owned().await?;
            let (shared, order, seed) = (Arc::clone(&self.shared), order.clone(), plan.seed);
            shared.begun.fetch_add(1, Ordering::Relaxed);
            under_way.spawn(async move {
                let mut story = shared.ask(&order, seed).await;
                shared.settled.fetch_add(1, Ordering::Relaxed);
                drop(place);
                shared.go_on(&order, &mut story, seed).await;
                shared.stories.lock().await.push(story);
            });
        }
        while let Some(ended) = under_way.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// What came of it.
    pub async fn stories(&self) -> (Vec<KeyStory>, Tally) {
        let stories = self.shared.stories.lock().await.clone();
        (stories, self.shared.tally.lock().await.clone())
    }
}

impl Shared {
    /// The first requests of an order, which may be several at the same moment.
    async fn ask(&self, order: &Order, seed: u64) -> KeyStory {
        let asking = (0..order.at_once).map(|nth| {
            let salt = (order.index * 64 + nth) as u64;
            self.until_final(
                order,
                Rng::with_seed(seed.wrapping_mul(31).wrapping_add(salt)),
            )
        });
        let mut story = KeyStory {
            key: order.key.clone(),
            to: order.to.clone(),
            ..KeyStory::default()
        };
        for answer in join_all(asking).await {
            story.hear(answer);
        }
        story
    }

    /// What an order still wants once it has been answered.
    async fn go_on(&self, order: &Order, story: &mut KeyStory, seed: u64) {
        let call_id = story
            .answers
            .iter()
            .find_map(|answer| answer.call_id.clone());
        if let (Some(pause), Some(call_id)) = (order.hang_up_after, call_id) {
            tokio::time::sleep(pause).await;
            let path = format!("/calls/{call_id}/hangup");
            let answer = self.post(&path, &json!({}), None).await;
            let told = described(answer.as_ref().ok().map(Response::status), None);
            *self.tally.lock().await.hang_ups.entry(told).or_default() += 1;
        }
        if let Some(pause) = order.again_after {
            tokio::time::sleep(pause).await;
            let rng = Rng::with_seed(seed.wrapping_mul(37).wrapping_add(order.index as u64));
            story.hear(self.until_final(order, rng).await);
        }
    }

    async fn until_final(&self, order: &Order, mut rng: Rng) -> Option<Answer> {
        let body = json!({
            "user_id": self.user_id,
            "to_number": order.to,
            "script": order.script,
            "recording_enabled": order.recorded,
        });
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(200);
        loop {
            let (answer, asked_for) = self.once(order, &body).await;
            let problem = answer.as_ref().and_then(|answer| answer.code.clone());
            let status = answer
                .as_ref()
                .and_then(|answer| StatusCode::from_u16(answer.status).ok());
            let told = described(status, problem.as_deref());
            *self.tally.lock().await.answers.entry(told).or_default() += 1;
            // A 502 with `Retry-After` has left the key free.
            let may_repeat = |answer: &Answer| answer.status == 502 && asked_for.is_some();
            if let Some(answer) = answer.filter(|answer| answer.is_final() && !may_repeat(answer)) {
                return Some(answer);
            }
            if Instant::now() > deadline {
                return None;
            }
            let wait = asked_for.unwrap_or(pause).min(PAUSE);
            tokio::time::sleep(wait.mul_f64(0.5 + rng.f64())).await;
            pause = (pause * 2).min(PAUSE);
        }
    }

    /// One request: the answer, if there was one, and the pause that it asks for.
    async fn once(&self, order: &Order, body: &Value) -> (Option<Answer>, Option<Duration>) {
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
        let word = |name: &str| body[name].as_str().map(str::to_owned);
        let answer = Answer {
            status,
            code: word("code"),
            call_id: word("call_id"),
        };
        (Some(answer), seconds.map(Duration::from_secs))
    }

    async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> reqwest::Result<Response> {
        let mut request = self
            .client
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.api_key)
            .timeout(ANSWER)
            .json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        request.send().await
    }
}

impl KeyStory {
    fn hear(&mut self, answer: Option<Answer>) {
        match answer {
            Some(answer) => self.answers.push(answer),
            None => self.gave_up += 1,
        }
    }
}

impl Answer {
    /// Whether a client stops asking: it has its call, or Twilio's refusal, or is at fault itself.
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

/// Such as `201`, `409 request_in_progress`, or `no answer`.
fn described(status: Option<StatusCode>, code: Option<&str>) -> String {
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
    fn a_client_asks_until_it_has_its_call_or_twilios_refusal() {
        let is_final = |status, code: &str| {
            let code = Some(code.to_owned()).filter(|code| !code.is_empty());
            Answer {
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
