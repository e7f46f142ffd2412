//! A run of the whole service with every kind of request: users, and malformed or unauthorized requests.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, doc};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Proxy, Queue, Stage, Twilio, api_key};
use twilio_sim::clock::Speed;

use super::host::{Answer, Host, send};
use super::marks::{EMAIL, KEY, MEDIA_KEY, NAME, NOTE, NUMBER, OTHER_NUMBER, PASSWORD, SCRIPT};

/// Polls until `look` returns something.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "there is no {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A time before the last minute, which reconcile leaves alone.
pub fn long_ago() -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() - 600_000)
}

/// A run of the whole service.
pub struct Scenario {
    pub host: Host,
    pub twilio: Twilio,
    pub queue: Queue,
    pub database: Proxy,
    pub stage: Stage,
    /// The `request_id` and status of each refused request.
    pub refused: Vec<(String, u16)>,
}

impl Scenario {
    pub async fn begin() -> Self {
        let twilio = Twilio::start_at(Speed::parse("50").expect("a factor")).await;
        let queue = Queue::new().await;
        let stage = Stage::new().await.playing(&twilio).spilling_into(&queue);
        let users = stage.database().collection("users");
        let odd = doc! { "name": { NAME: NUMBER }, "email": 17, "script": SCRIPT, "created_at": DateTime::now() };
        users.insert_one(odd).await.expect("it is stored");
        let (stage, database) = stage.behind_proxy().await;
        let endpoint = std::env::var("OUTDIAL_TEST_SQS_ENDPOINT").unwrap_or_default();
        let stage = stage
            .set("API_KEYS", &api_key("backend", KEY, ""))
            .set("MEDIA_SIGNING_KEY", MEDIA_KEY)
            .set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1")
            .set("AWS_ENDPOINT_URL", &endpoint);
        Self {
            host: Host::start(&stage, "TRACE"),
            twilio,
            queue,
            database,
            stage,
            refused: Vec::new(),
        }
    }

    /// Sends a request with the API key, and expects this status.
    pub async fn ask(&mut self, method: &str, path: &str, body: Value, status: u16) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut hasher = DefaultHasher::new();
        (path, body.to_string()).hash(&mut hasher);
        let key = format!("idempotent-by-oath-{}", hasher.finish());
        let request = self.host.request(method, path).bearer_auth(KEY);
        let mut request = request.header("idempotency-key", key);
        if !body.is_null() {
            request = request.json(&body);
        }
        self.expect(send(request).await, status)
    }

    pub fn expect(&mut self, answer: Answer, status: u16) -> Answer {
        assert_eq!(answer.status, status, "{}", answer.text);
        if status >= 400 {
            self.refused.push((answer.field("request_id"), status));
        }
        answer
    }

    pub async fn users(&mut self) -> String {
        let user = json!({ "name": NAME, "email": EMAIL, "phone_number": NUMBER });
        let created = self.ask("POST", "/users", user.clone(), 201).await;
        let id = created.field("id");
        let path = format!("/users/{id}");
        let query = "/users?email=zenobie.quillfeather%40mail.example.com";
        self.ask("GET", query, Value::Null, 200).await;
        self.ask("GET", "/users", Value::Null, 200).await;
        self.ask("GET", &path, Value::Null, 200).await;
        let change = json!({ "phone_number": OTHER_NUMBER });
        self.ask("PATCH", &path, change, 200).await;
        let taken = json!({ "name": "Ada", "email": EMAIL.to_uppercase(), "phone_number": NUMBER });
        self.ask("POST", "/users", taken, 409).await;
        for bad in [
            json!({ "name": NAME, "email": EMAIL, "phone_number": NUMBER, "quillfeather": 1, NUMBER: {} }),
            json!({ "name": { NAME: NUMBER }, "email": "quillfeather at home", "phone_number": "(415) 322-7613" }),
            json!({ "name": "Ada", "email": [EMAIL], "phone_number": 14_153_227_613_u64 }),
        ] {
            self.ask("POST", "/users", bad, 422).await;
        }
        id
    }

    pub async fn bad_requests(&mut self) {
        let post = |path: &str| self.host.request(Method::POST, path).bearer_auth(KEY);
        let json_of = |path: &str, body: String| {
            post(path)
                .header("content-type", "application/json")
                .body(body)
        };
        let get = |path: &str| self.host.request(Method::GET, path);
        let requests = [
            (
                json_of("/users", format!("{{\"name\": \"{NAME} {NUMBER}")),
                400,
            ),
            (json_of("/users", format!("[\"{EMAIL}\"]")), 400),
            (json_of("/users", SCRIPT.repeat(3_000)), 413),
            (post("/users").body(EMAIL), 415),
            (get("/users").bearer_auth("wrong key of quillfeather"), 401),
            (get("/users").header("x-api-key", PASSWORD), 401),
            (get(&format!("/users?email={EMAIL}")), 401),
            (get(&format!("/users/{NUMBER}")).bearer_auth(KEY), 404),
            (
                get(&format!("/users/{NUMBER}/{EMAIL}/{NOTE}")).bearer_auth(KEY),
                404,
            ),
            (
                get(&format!("/{NUMBER}/{EMAIL}?{NOTE}")).bearer_auth(KEY),
                404,
            ),
            (
                get(&format!("/users?cursor={NOTE}&page=quillfeather")).bearer_auth(KEY),
                422,
            ),
            (
                self.host.request(Method::PUT, "/users").bearer_auth(KEY),
                405,
            ),
            (
                get(&format!("/media?signature={MEDIA_KEY}&to={NUMBER}")),
                403,
            ),
        ];
        for (request, status) in requests {
            let answer = send(request).await;
            self.expect(answer, status);
        }
    }
}
