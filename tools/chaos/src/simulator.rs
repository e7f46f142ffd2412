//! The simulated Twilio of a run: its fault plan, its calls, and the requests to dial that it got.

use serde_json::Value;
use stack::Result;

use crate::evidence::{Dial, TwilioCall};
use crate::moment::{Moment, parse};

/// The simulated Twilio. Clones are the same one.
#[derive(Clone)]
pub struct Simulator {
    /// Its origin.
    pub origin: String,
    client: reqwest::Client,
}

impl Simulator {
    pub fn new(origin: String, client: reqwest::Client) -> Self {
        Self { origin, client }
    }

    /// Replaces the fault plan.
    pub async fn set_faults(&self, plan: &Value) -> Result<()> {
        let url = format!("{}/_sim/faults", self.origin);
        let response = self.client.put(url).body(plan.to_string()).send().await?;
        if !response.status().is_success() {
            let reason = response.text().await?;
            return Err(format!("the simulator refuses the fault plan: {reason}").into());
        }
        Ok(())
    }

    /// Returns the accepted calls.
    pub async fn calls(&self) -> Result<Vec<TwilioCall>> {
        let mut calls: Value = serde_json::from_str(&self.text("calls").await?)?;
        Ok(serde_json::from_value(calls["calls"].take())?)
    }

    /// Returns all requests to dial, in the order of arrival.
    pub async fn dials(&self) -> Result<Vec<Dial>> {
        let lines = self.text("dials").await?;
        Ok(lines.lines().filter_map(Dial::read).collect())
    }

    /// Returns the most requests to dial within a second, and when that second began. `None` without any.
    pub async fn busiest_second(&self) -> Result<Option<(usize, Moment)>> {
        let pace: Value = serde_json::from_str(&self.text("pace").await?)?;
        let highest = pace["highest"].as_u64();
        let highest = highest.and_then(|most| usize::try_from(most).ok());
        Ok(highest.zip(pace["at"].as_str().and_then(parse)))
    }

    async fn text(&self, path: &str) -> Result<String> {
        let url = format!("{}/_sim/{path}", self.origin);
        let response = self.client.get(url).send().await?.error_for_status()?;
        Ok(response.text().await?)
    }
}
