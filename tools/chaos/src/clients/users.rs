//! The users of a run.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use stack::Result;

use super::shared::{RETRY_TIME, Shared};
use crate::plan::Person;

impl Shared {
    /// Creates a user, and returns its id.
    pub(super) async fn create_user(&self, person: Person, seed: u64) -> Result<String> {
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
}
