//! The simulator's record of requests to dial: when each call reached Twilio.

use std::collections::HashMap;
use std::time::Duration;

use mongodb::bson::DateTime;
use serde::Deserialize;
use serde_json::Value;
use stack::{Result, http};
use tokio::time::{Instant, sleep};

use crate::fixture::Fixture;

/// The longest wait for a dial.
const PATIENCE: Duration = Duration::from_mins(2);

/// The pause between two reads.
const PAUSE: Duration = Duration::from_millis(50);

/// The requests to dial since a moment.
pub struct Dials {
    client: reqwest::Client,
    origin: String,
    first: u64,
    next: u64,
    /// The times of arrival, by the call's id.
    seen: HashMap<String, Vec<DateTime>>,
}

#[derive(Deserialize)]
struct Dial {
    n: u64,
    at: chrono::DateTime<chrono::Utc>,
    call_id: Option<String>,
}

impl Dials {
    /// Returns the requests from now on.
    pub async fn from_now(fixture: &Fixture) -> Result<Self> {
        let origin = fixture.stage.variable("TWILIO_API_BASE_URL");
        let mut dials = Self {
            client: http::client()?,
            origin: origin.unwrap_or_default().to_owned(),
            first: 0,
            next: 0,
            seen: HashMap::new(),
        };
        let pace = dials.pace().await?;
        dials.first = pace["total"].as_u64().unwrap_or_default();
        dials.next = dials.first;
        Ok(dials)
    }

    /// Waits for the first request.
    pub async fn some(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.seen.is_empty() {
            if Instant::now() > deadline {
                return Err("no call is dialled; see target/bench/functions.log".into());
            }
            sleep(PAUSE).await;
            self.read().await?;
        }
        Ok(())
    }

    /// Waits until Twilio has got requests to dial all these calls. Returns the times of the first requests, in the order of the ids.
    ///
    /// # Errors
    ///
    /// If that takes too long, or if a call has two requests.
    pub async fn of(&mut self, calls: &[String]) -> Result<Vec<DateTime>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.read().await?;
            let found: Vec<_> = calls.iter().filter_map(|id| self.seen.get(id)).collect();
            if found.iter().any(|times| times.len() > 1) {
                return Err("a call was dialled twice".into());
            }
            if found.len() == calls.len() {
                return Ok(found.iter().map(|times| times[0]).collect());
            }
            if Instant::now() > deadline {
                let (found, all) = (found.len(), calls.len());
                return Err(format!(
                    "only {found} of {all} calls are dialled; see target/bench/functions.log"
                )
                .into());
            }
            sleep(PAUSE).await;
        }
    }

    /// Returns the most requests of any second.
    pub async fn most_in_a_second(&self) -> Result<usize> {
        let highest = self.pace().await?["highest"].as_u64();
        Ok(usize::try_from(highest.unwrap_or_default())?)
    }

    async fn pace(&self) -> Result<Value> {
        let url = format!("{}/_sim/pace?since={}", self.origin, self.first);
        Ok(self.client.get(url).send().await?.json().await?)
    }

    async fn read(&mut self) -> Result<()> {
        let url = format!("{}/_sim/dials?since={}", self.origin, self.next);
        let text = self.client.get(url).send().await?.text().await?;
        for line in text.lines() {
            let dial: Dial = serde_json::from_str(line)?;
            self.next = dial.n + 1;
            if let Some(id) = dial.call_id {
                let at = DateTime::from_millis(dial.at.timestamp_millis());
                self.seen.entry(id).or_default().push(at);
            }
        }
        Ok(())
    }
}
