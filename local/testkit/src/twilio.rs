use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use outdial::tls;
use serde_json::Value;
use twilio_sim::{Config, Simulator, clock::Speed};

use crate::{ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER};

/// More than a recording of a few seconds can be late.
const PATIENCE: Duration = Duration::from_secs(20);

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
            numbers: vec![FROM_NUMBER.to_owned()],
            speed,
            ..Config::default()
        };
        let simulator = Simulator::bind(config).await.expect("a port is free");
        let address = simulator.address();
        tokio::spawn(simulator.run());
        Self::at(address)
    }

    /// One that listens there already, for the same account.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
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

    /// Plays a recorded call of somebody else's, and returns Twilio's name of its recording once that is there.
    ///
    /// # Panics
    ///
    /// When the simulator does not answer, or has no recording in time.
    pub async fn record(&self) -> String {
        let says = "<Response><Say>Hello, this is a recorded call.</Say></Response>";
        let form = [
            ("To", "+14155552671"),
            ("From", FROM_NUMBER),
            ("Twiml", says),
            ("Record", "true"),
        ];
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json",
            self.origin
        );
        let dial = self
            .http
            .post(url)
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
        let answer = dial.form(&form).send().await;
        let call: Value = answer
            .expect("the simulator answers")
            .json()
            .await
            .expect("the simulator answers JSON");
        let begun = Instant::now();
        loop {
            let calls = self.calls().await;
            let call = calls.iter().find(|known| known["sid"] == call["sid"]);
            let recording = call.map(|call| &call["recordings"][0]);
            if let Some(recording) = recording
                && recording["status"] == "completed"
                && let Some(sid) = recording["sid"].as_str()
            {
                return sid.to_owned();
            }
            assert!(begun.elapsed() < PATIENCE, "no recording: {calls:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
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
