//! A client of the API.

use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::Value;
use stack::http;
use stack::steps::seconds;

use crate::Result;

/// Timeout for the completed recording of a call.
const RECORDING_TIME: Duration = Duration::from_mins(3);

/// A client with an API key.
pub struct Api {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Api {
    /// A client of the API at this origin.
    pub fn new(url: &str, key: &str) -> Result<Self> {
        Ok(Self {
            client: http::client()?,
            url: url.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Sends a GET that must succeed, and returns its JSON.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.json(Method::GET, path, None).await
    }

    /// Sends a POST that must succeed, and returns its JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// Sends a GET that must redirect, and returns its `Location`.
    pub async fn location(&self, path: &str) -> Result<String> {
        let answer = self.send(Method::GET, path, None).await?;
        let location = answer.headers().get("location");
        let location = location.ok_or_else(|| format!("GET {path} returned no Location"))?;
        Ok(location.to_str()?.to_owned())
    }

    /// Downloads from a signed URL.
    pub async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let answer = self.client.get(url).send().await?;
        if !answer.status().is_success() {
            return Err(format!(
                "the download failed with {}: {}",
                answer.status(),
                answer.text().await?
            )
            .into());
        }
        Ok(answer.bytes().await?.to_vec())
    }

    /// Waits for the completed recording of a call. Twilio reports it some time after the call has ended.
    pub async fn finished_recording(&self, call_id: &str) -> Result<Value> {
        let deadline = Instant::now() + RECORDING_TIME;
        loop {
            let answer = self.get(&format!("/calls/{call_id}/recordings")).await?;
            let recordings = answer["recordings"].as_array();
            let finished = recordings
                .into_iter()
                .flatten()
                .find(|one| one["status"] == "completed");
            if let Some(recording) = finished {
                return Ok(recording.clone());
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "no finished recording after {}: {answer}",
                    seconds(RECORDING_TIME)
                )
                .into());
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        Ok(self.send(method, path, body).await?.json().await?)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.url))
            .bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(format!(
                "{method} {path} failed with {status}: {}",
                answer.text().await?
            )
            .into());
        }
        Ok(answer)
    }
}

/// The string in a field.
pub fn text<'a>(document: &'a Value, key: &str) -> Result<&'a str> {
    let value = document[key].as_str();
    value.ok_or_else(|| format!("the response has no {key}: {document}").into())
}
