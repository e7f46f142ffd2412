//! The API as a caller sees it.

use reqwest::{Method, Response};
use serde_json::Value;

use crate::Result;
use crate::http;

/// A caller with a key.
pub struct Api {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Api {
    /// `url` is the API's origin.
    pub fn new(url: &str, key: &str) -> Result<Self> {
        Ok(Self {
            client: http::client()?,
            url: url.to_owned(),
            key: key.to_owned(),
        })
    }

    /// GET, which must succeed.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.json(Method::GET, path, None).await
    }

    /// POST, which must succeed.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// GET of something that is elsewhere: the answer's `Location`.
    pub async fn location(&self, path: &str) -> Result<String> {
        let answer = self.send(Method::GET, path, None).await?;
        let location = answer.headers().get("location");
        let location = location.ok_or_else(|| format!("GET {path} named no Location"))?;
        Ok(location.to_str()?.to_owned())
    }

    /// Downloads from a URL that carries its own permission.
    pub async fn download(&self, url: &str) -> Result<Vec<u8>> {
        let answer = self.client.get(url).send().await?;
        if !answer.status().is_success() {
            return Err(format!(
                "the download answered {}: {}",
                answer.status(),
                answer.text().await?
            )
            .into());
        }
        Ok(answer.bytes().await?.to_vec())
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
                "{method} {path} answered {status}: {}",
                answer.text().await?
            )
            .into());
        }
        Ok(answer)
    }
}
