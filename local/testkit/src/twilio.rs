use std::net::SocketAddr;

use outdial::tls;
use serde_json::Value;
use twilio_sim::{Config, Simulator, clock::Speed};

use crate::{ACCOUNT_SID, AUTH_TOKEN};

/// A simulated Twilio that nobody else uses, for [`ACCOUNT_SID`]; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Twilio {
    address: SocketAddr,
    origin: String,
    http: reqwest::Client,
}

impl Twilio {
    /// One whose calls take as long as in life.
    ///
    /// # Panics
    ///
    /// Without a free port.
    pub async fn start() -> Self {
        Self::start_at(Speed::LIFE).await
    }

    /// One whose calls are played faster.
    ///
    /// # Panics
    ///
    /// Without a free port.
    pub async fn start_at(speed: Speed) -> Self {
        let config = Config {
            account_sid: ACCOUNT_SID.to_owned(),
            auth_token: AUTH_TOKEN.to_owned(),
            speed,
            ..Config::default()
        };
        let simulator = Simulator::bind(config).await.expect("a port is free");
        let address = simulator.address();
        tokio::spawn(simulator.run());
        tls::install_provider();
        Self {
            address,
            origin: format!("http://{address}"),
            http: reqwest::Client::new(),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `TWILIO_API_BASE_URL` must be.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.origin
    }

    /// Puts a fault plan into force.
    ///
    /// # Panics
    ///
    /// When the simulator does not take it.
    pub async fn faults(&self, plan: &Value) {
        let answer = self
            .http
            .put(format!("{}/_sim/faults", self.origin))
            .body(plan.to_string())
            .send()
            .await
            .expect("the simulator answers");
        let status = answer.status();
        let said = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{status}: {said}");
    }

    /// The calls that it has, as it knows them.
    ///
    /// # Panics
    ///
    /// When the simulator does not answer.
    pub async fn calls(&self) -> Vec<Value> {
        let mut calls: Value = serde_json::from_str(&self.get("/_sim/calls").await)
            .expect("the simulator answers JSON");
        match calls["calls"].take() {
            Value::Array(calls) => calls,
            other => panic!("no list of calls: {other}"),
        }
    }

    /// The requests of that method that its REST API has answered, under paths that end so.
    ///
    /// # Panics
    ///
    /// When the simulator does not answer.
    pub async fn requests(&self, method: &str, path_end: &str) -> Vec<Value> {
        let log = self.get("/_sim/log").await;
        log.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"))
            .filter(|entry| {
                entry["kind"] == "rest"
                    && entry["method"] == method
                    && entry["path"]
                        .as_str()
                        .unwrap_or_default()
                        .ends_with(path_end)
            })
            .collect()
    }

    /// The requests to dial, whatever their answer.
    ///
    /// # Panics
    ///
    /// When the simulator does not answer.
    pub async fn dials(&self) -> Vec<Value> {
        self.requests("POST", "/Calls.json").await
    }

    async fn get(&self, path: &str) -> String {
        let url = format!("{}{path}", self.origin);
        let answer = self.http.get(url).send().await;
        let answer = answer.expect("the simulator answers");
        answer.text().await.expect("the simulator answers text")
    }
}
