//! A simulator on its own port, and requests to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::Value;
use tokio::task::JoinHandle;
use twilio_sim::clock::Speed;
use twilio_sim::{Config, Simulator};

use super::{DEADLINE, FROM};

pub struct Sim {
    pub origin: String,
    pub account: String,
    pub token: String,
    pub client: reqwest::Client,
    server: JoinHandle<()>,
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Sim {
    /// Starts a simulator with a speed factor of 600: ten minutes of call time per second.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            speed: Speed::parse("600").unwrap(),
            ..Config::default()
        };
        change(&mut config);
        let (account, token) = (config.account_sid.clone(), config.auth_token.clone());
        let simulator = Simulator::bind(config).await.unwrap();
        let origin = format!("http://{}", simulator.address());
        let server = tokio::spawn(async move { simulator.run().await.unwrap() });
        Self {
            origin,
            account,
            token,
            client: client(),
            server,
        }
    }

    /// Returns the URL of a resource, for example `/Calls.json`.
    pub fn url(&self, rest: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}{rest}", self.origin, self.account)
    }

    pub async fn get(&self, rest: &str) -> (StatusCode, Value) {
        self.send(self.client.get(self.url(rest))).await
    }

    pub async fn post(&self, rest: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
        self.send(self.client.post(self.url(rest)).form(form)).await
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> (StatusCode, Value) {
        let answer = request
            .basic_auth(&self.account, Some(&self.token))
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Creates a call and returns its SID.
    pub async fn call(&self, to: &str, form: &[(&str, &str)]) -> String {
        let mut all = vec![("To", to), ("From", FROM)];
        all.extend(form);
        let (status, call) = self.post("/Calls.json", &all).await;
        assert_eq!(status, 201, "{call}");
        call["sid"].as_str().unwrap().to_owned()
    }

    pub async fn fetch(&self, sid: &str) -> Value {
        let (status, call) = self.get(&format!("/Calls/{sid}.json")).await;
        assert_eq!(status, 200, "{call}");
        call
    }

    /// Waits until the REST API reports this status.
    pub async fn wait_for_status(&self, sid: &str, status: &str) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let call = self.fetch(sid).await;
            if call["status"] == status {
                return call;
            }
            assert!(
                Instant::now() < deadline,
                "the call did not become {status}: {call}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until a log entry of the call satisfies `until`. Returns all its entries.
    pub async fn wait_for_log(&self, sid: &str, until: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let url = format!("{}/_sim/log?call_sid={sid}", self.origin);
            let text = self
                .client
                .get(url)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            let entries: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            if entries.iter().any(&until) {
                return entries;
            }
            assert!(
                Instant::now() < deadline,
                "no such entry in the log: {entries:#?}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Returns the requests to create calls, as `/_sim/dials` reports them.
    pub async fn dials(&self, query: &str) -> Vec<Value> {
        let url = format!("{}/_sim/dials{query}", self.origin);
        let answer = self.client.get(url).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
        let text = answer.text().await.unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Returns a call as `/_sim/calls` reports it.
    pub async fn report(&self, sid: &str) -> Value {
        let url = format!("{}/_sim/calls?call_sid={sid}", self.origin);
        let all: Value = self
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(all["calls"].as_array().unwrap().len(), 1);
        all["calls"][0].clone()
    }
}

pub fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()
        .unwrap()
}
