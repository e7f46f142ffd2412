//! A simulated Twilio for one test.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use outdial::tls;
use serde_json::{Map, Value, json};
use twilio_sim::{
    Config, Simulator,
    clock::Speed,
    intelligence::{Intelligence, parse_service},
    scripted::Scripted,
};

use crate::identity::{ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER};

/// The longest wait for a recording of a few seconds.
const RECORDING_TIMEOUT: Duration = Duration::from_secs(20);

/// The service of a simulated Twilio that transcribes recordings in `en-US`.
const SERVICE: &str = "GAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// A value of `TRANSCRIPTION_SERVICES` for a simulated Twilio.
pub const TRANSCRIPTION_SERVICES: &str = r#"{"en-US": "GAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#;

/// A simulated Twilio with the account [`ACCOUNT_SID`]. It ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Twilio {
    address: SocketAddr,
    origin: String,
    http: reqwest::Client,
}

impl Twilio {
    /// Starts a Twilio that plays calls in real time.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start() -> Self {
        Self::start_at(Speed::REAL_TIME).await
    }

    /// Starts a Twilio that plays calls at this speed.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start_at(speed: Speed) -> Self {
        Self::start_with(speed, &Value::Object(Map::new())).await
    }

    /// Starts a Twilio that plays calls at this speed, with these called parties: the content of a `--callees` file.
    ///
    /// # Panics
    ///
    /// If no port is free, or the called parties are malformed.
    pub async fn start_with(speed: Speed, callees: &Value) -> Self {
        let callees = Scripted::parse(callees.to_string().as_bytes());
        let config = Config {
            account_sid: ACCOUNT_SID.to_owned(),
            auth_token: AUTH_TOKEN.to_owned(),
            numbers: vec![FROM_NUMBER.to_owned()],
            speed,
            callees: callees.expect("the called parties are well formed"),
            intelligence: Intelligence {
                services: vec![parse_service(&format!("{SERVICE},en-US")).expect("a service")],
                ..Intelligence::default()
            },
            ..Config::default()
        };
        let simulator = Simulator::bind(config).await.expect("a port is free");
        let address = simulator.address();
        tokio::spawn(simulator.run());
        Self::at(address)
    }

    /// Returns the Twilio that already listens at this address, with the same account.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        tls::install_provider();
        Self {
            address,
            origin: format!("http://{address}"),
            http: reqwest::Client::new(),
        }
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the value of `TWILIO_API_BASE_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.origin
    }

    /// Replaces the fault plan.
    ///
    /// # Panics
    ///
    /// If the simulator refuses the plan.
    pub async fn faults(&self, plan: &Value) {
        let answer = self
            .http
            .put(format!("{}/_sim/faults", self.origin))
            .body(plan.to_string())
            .send()
            .await
            .expect("the simulator answers");
        let status = answer.status();
        let body = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{status}: {body}");
    }

    /// Lets the simulator report transcripts to the functions at this origin.
    ///
    /// # Panics
    ///
    /// If the simulator refuses.
    pub async fn report_transcripts(&self, origin: &str) {
        let path = outdial::config::WebhookKind::Transcript.path();
        let answer = self
            .http
            .post(format!("{}/v2/Services/{SERVICE}", self.origin))
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN))
            .form(&[("WebhookUrl", format!("{origin}{path}"))])
            .send()
            .await
            .expect("the simulator answers");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// Lets the simulator ask the functions at this origin what to say to people who call `FROM_NUMBER`.
    ///
    /// # Panics
    ///
    /// If the simulator refuses.
    pub async fn answer_callbacks(&self, origin: &str) {
        let numbers = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers",
            self.origin
        );
        let listing = self.http.get(format!("{numbers}.json"));
        let listing = listing.basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN)).send();
        let listed: Value = listing
            .await
            .expect("the simulator answers")
            .json()
            .await
            .expect("the simulator answers JSON");
        let sid = listed["incoming_phone_numbers"][0]["sid"].as_str();
        let path = outdial::config::WebhookKind::Inbound.path();
        let answer = self
            .http
            .post(format!("{numbers}/{}.json", sid.expect("a number")))
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN))
            .form(&[("VoiceUrl", format!("{origin}{path}"))])
            .send()
            .await
            .expect("the simulator answers");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// Makes a person call the account's number and press these keys at each Gather. Returns the `CallSid`.
    ///
    /// # Panics
    ///
    /// If the simulator refuses.
    pub async fn call_back(&self, from: &str, presses: &[&str]) -> String {
        let body = json!({ "from": from, "presses": presses });
        let answer = self
            .http
            .post(format!("{}/_sim/inbound", self.origin))
            .body(body.to_string())
            .send()
            .await
            .expect("the simulator answers");
        assert_eq!(answer.status(), 201);
        let call: Value = answer.json().await.expect("the simulator answers JSON");
        call["sid"].as_str().expect("a CallSid").to_owned()
    }

    /// Returns the transcripts at Twilio.
    ///
    /// # Panics
    ///
    /// If the simulator doesn't answer.
    pub async fn transcripts(&self) -> Vec<Value> {
        let request = self
            .http
            .get(format!("{}/v2/Transcripts", self.origin))
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
        let answer = request.send().await.expect("the simulator answers");
        let mut list: Value = answer.json().await.expect("the simulator answers JSON");
        match list["transcripts"].take() {
            Value::Array(transcripts) => transcripts,
            other => panic!("not a list of transcripts: {other}"),
        }
    }

    /// Returns all calls with their true state.
    ///
    /// # Panics
    ///
    /// If the simulator doesn't answer.
    pub async fn calls(&self) -> Vec<Value> {
        let mut calls: Value = serde_json::from_str(&self.get("/_sim/calls").await)
            .expect("the simulator answers JSON");
        match calls["calls"].take() {
            Value::Array(calls) => calls,
            other => panic!("not a list of calls: {other}"),
        }
    }

    /// Plays a recorded call that no function knows, and returns the `RecordingSid` of its completed recording.
    ///
    /// # Panics
    ///
    /// If the simulator doesn't answer, or the recording takes too long.
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
            let elapsed = begun.elapsed();
            assert!(elapsed < RECORDING_TIMEOUT, "no recording: {calls:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the answered REST requests with this method whose path ends in `path_end`.
    ///
    /// # Panics
    ///
    /// If the simulator doesn't answer.
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

    /// Returns the requests to dial, with any response.
    ///
    /// # Panics
    ///
    /// If the simulator doesn't answer.
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
