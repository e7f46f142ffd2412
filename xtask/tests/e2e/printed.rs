//! What the functions print while everything happens to them that can: JSON, and nothing secret or personal, though they
//! log all that they can.

mod host;
mod lines;
mod marks;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use mongodb::bson::{DateTime, Document, doc};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{AUTH_TOKEN, Proxy, Queue, Stage, Twilio, api_key, form, new_sid};
use tokio::net::TcpListener;
use twilio_sim::clock::Speed;

use host::{Answer, Host, send};
use lines::Lines;

use crate::{succeed, xtask_on};

const FUNCTIONS: [&str; 10] = [
    "console",
    "health",
    "users",
    "outbound-calls",
    "voice",
    "status",
    "recording",
    "media",
    "replay",
    "reconcile",
];

const KEY: &str = "key-of-quicksilver-aa61";
const MEDIA_KEY: &str = "media-of-quicksilver-bb72";
const API_KEY_SECRET: &str = "secret-of-quicksilver-cc83";
const PASSWORD: &str = "password-of-quicksilver-dd94";
const NAME: &str = "Zénobie Quillfeather";
const EMAIL: &str = "zenobie.quillfeather@mail.example.com";
const NUMBER: &str = "+14153227613";
const OTHER_NUMBER: &str = "+12064418529";
const ABROAD: &str = "+442079464413";
const SCRIPT: &str = "Hello, the biopsy is benign. Goodbye.";
const NOTE: &str = "melancholia";

/// What nobody may read in a log, by what it is.
fn marks() -> Vec<(&'static str, String)> {
    let hash = api_key("", KEY, "").replace(':', "");
    [
        ("API key", KEY),
        ("API key's hash", &hash),
        ("auth token", AUTH_TOKEN),
        ("media signing key", MEDIA_KEY),
        ("API key secret", API_KEY_SECRET),
        ("database password", PASSWORD),
        ("name", "Zénobie"),
        ("surname or address", "quillfeather"),
        ("number", "3227613"),
        ("other number", "4418529"),
        ("number abroad", "9464413"),
        ("script", "biopsy"),
        ("note", NOTE),
        ("idempotency key", "idempotent-by-oath"),
    ]
    .map(|(name, mark)| (name, mark.to_owned()))
    .to_vec()
}

/// Polls until there is what is waited for.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "there is no {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn long_ago() -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() - 600_000)
}

/// A run of the whole service, and what its answers say of themselves.
struct Play {
    host: Host,
    twilio: Twilio,
    queue: Queue,
    database: Proxy,
    stage: Stage,
    /// The requests that were refused, by name, with their statuses.
    refused: Vec<(String, u16)>,
}

impl Play {
    async fn begin() -> Self {
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

    /// A request with the API key, that is answered with this status.
    async fn ask(&mut self, method: &str, path: &str, body: Value, status: u16) -> Answer {
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

    fn expect(&mut self, answer: Answer, status: u16) -> Answer {
        assert_eq!(answer.status, status, "{}", answer.text);
        if status >= 400 {
            self.refused.push((answer.field("request_id"), status));
        }
        answer
    }

    async fn users(&mut self) -> String {
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

    async fn bad_requests(&mut self) {
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

    /// A recorded call, from its dial to its audio, which is heard and deleted.
    async fn call(&mut self, user_id: &str) -> (String, String) {
        let order = |to: &str| {
            json!({
                "user_id": user_id, "to_number": to, "script": SCRIPT, "recording_enabled": true,
                "metadata": { NOTE: NAME, "secret": API_KEY_SECRET },
            })
        };
        self.ask("POST", "/calls/outbound", order(ABROAD), 422)
            .await;
        self.ask("POST", "/calls/outbound", order(testkit::FROM_NUMBER), 422)
            .await;
        let call = self
            .ask("POST", "/calls/outbound", order(NUMBER), 201)
            .await;
        self.ask("POST", "/calls/outbound", order(NUMBER), 201)
            .await;
        let id = call.field("call_id");
        let path = format!("/calls/{id}");
        let done = until("end of the call", async || {
            let call = self.ask("GET", &path, Value::Null, 200).await;
            (call.field("status") == "completed").then_some(call)
        })
        .await;
        let sid = done.field("twilio_sid");
        self.ask("POST", &format!("{path}/hangup"), json!({}), 409)
            .await;
        let recording = until("recording", async || {
            let list = self
                .ask("GET", &format!("{path}/recordings"), Value::Null, 200)
                .await;
            let first = list.json()["recordings"][0].take();
            (first["status"] == "completed").then_some(first)
        })
        .await;
        let path = format!("/recordings/{}", recording["id"].as_str().expect("a name"));
        let media = self
            .ask("GET", &format!("{path}/media"), Value::Null, 307)
            .await;
        let media = media.location.replacen(&self.host.url, "", 1);
        let heard = send(
            self.host
                .request(Method::GET, &media)
                .header("range", "bytes=0-3"),
        )
        .await;
        assert_eq!((heard.status, &heard.text[..]), (206, "RIFF"));
        let forged = send(self.host.request(Method::GET, &format!("{media}x"))).await;
        self.expect(forged, 403);
        self.ask("DELETE", &path, Value::Null, 204).await;
        (id, sid)
    }

    /// Webhooks that are repeated, of nobody's call, forged, or no webhooks.
    async fn webhooks(&mut self, id: &str, sid: &str) {
        let path = |topic: &str| format!("/twilio/{topic}?call_id={id}");
        let (status, recording, voice) = (path("status"), path("recording"), path("voice"));
        let nobodys = new_sid();
        let personal = [
            ("To", NUMBER),
            ("Called", OTHER_NUMBER),
            ("CallerName", NAME),
            ("SpeechResult", SCRIPT),
        ];
        let told =
            |sid, status| [&[("CallSid", sid), ("CallStatus", status)], &personal[..]].concat();
        for _ in 0..2 {
            let mut repeated = told(sid, "completed");
            repeated.extend([
                ("SequenceNumber", "3"),
                ("Timestamp", "Thu, 01 Jan 2026 00:00:00 +0000"),
            ]);
            let answer = self.host.webhook(&status, &repeated).await;
            self.expect(answer, 200);
        }
        let failed = [
            ("SequenceNumber", "2"),
            ("ErrorCode", "21217"),
            (
                "ErrorMessage",
                "Phone number +1 415-322-7613 does not appear to be valid",
            ),
        ];
        let failed = [&told(sid, "failed"), &failed[..]].concat();
        let (orphan, other) = (
            told(nobodys.as_str(), "ringing"),
            told(nobodys.as_str(), "ringing"),
        );
        let unreadable = [&personal[..], &[("CallStatus", NUMBER)]].concat();
        for (path, form, expected) in [
            (&status[..], &failed, 200),
            ("/twilio/status", &orphan, 200),
            (&status, &other, 200),
            (&status, &unreadable, 400),
            (&recording, &unreadable, 400),
            (&voice, &unreadable, 200),
            ("/twilio/voice", &orphan, 200),
            (&voice, &told(sid, "in-progress"), 200),
        ] {
            let answer = self.host.webhook(path, form).await;
            self.expect(answer, expected);
        }
        for path in [&status, &recording, &voice] {
            let forged = self
                .host
                .request(Method::POST, path)
                .header("x-twilio-signature", AUTH_TOKEN)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form(&personal));
            let answer = send(forged).await;
            self.expect(answer, 403);
        }
    }

    /// A dial whose answer is lost, and of which Twilio knows nothing: in the end it is given up.
    async fn lost_dial(&mut self, user_id: &str) {
        let faults = json!({ "rest": [{ "on": "create", "action": "reset" }] });
        self.twilio.faults(&faults).await;
        let order = json!({ "user_id": user_id, "to_number": OTHER_NUMBER, "script": SCRIPT });
        let call = self.ask("POST", "/calls/outbound", order, 202).await;
        self.twilio.faults(&json!({})).await;
        // What is younger than a minute waits.
        let calls = self.stage.database().collection::<Document>("calls");
        let this = doc! { "call_id": call.field("call_id") };
        let older = doc! { "$set": { "updated_at": long_ago(), "dial_deadline": long_ago() } };
        let aged = calls.update_one(this, older).await;
        assert_eq!(aged.expect("the database answers").matched_count, 1);
        let path = format!("/calls/{}", call.field("call_id"));
        until("end of the lost dial", async || {
            self.host.invoke("reconcile", &json!({})).await;
            let call = self.ask("GET", &path, Value::Null, 200).await;
            (call.field("status") == "failed").then_some(())
        })
        .await;
    }

    /// What happens while the database is away, and after it is back.
    async fn outage(&mut self, user_id: &str, id: &str, sid: &str) {
        self.database.cut();
        let status = format!("/twilio/status?call_id={id}");
        let news = [
            ("CallSid", sid),
            ("CallStatus", "busy"),
            ("SequenceNumber", "9"),
            ("To", NUMBER),
            ("CallerName", NAME),
        ];
        let answer = self.host.webhook(&status, &news).await;
        self.expect(answer, 200);
        for retry in ["", "&retry=3"] {
            let voice = format!("/twilio/voice?call_id={id}{retry}");
            let answer = self.host.webhook(&voice, &news).await;
            self.expect(answer, 200);
        }
        let user = json!({ "name": NAME, "email": format!("x{EMAIL}"), "phone_number": NUMBER });
        self.ask("POST", "/users", user, 503).await;
        self.host.invoke("reconcile", &json!({})).await;
        self.database.restore();
        let path = format!("/users/{user_id}");
        until("database", async || {
            let request = self.host.request(Method::GET, &path).bearer_auth(KEY);
            (send(request).await.status == 200).then_some(())
        })
        .await;

        let unreadable = json!({ "topic": "status", "form": SCRIPT, "call_id": NUMBER });
        self.queue.put(&unreadable.to_string()).await;
        self.queue.put(&format!("{NAME} {EMAIL}")).await;
        let batch = self.queue.event().await;
        let answer = self.host.invoke("replay", &batch).await;
        let failed = answer.json()["batchItemFailures"].take();
        assert_eq!(failed.as_array().map(Vec::len), Some(2), "{}", answer.text);
        // No batch, and no request.
        for function in ["replay", "users", "media"] {
            let event = json!({ "Records": [{ "body": { NAME: NUMBER } }], NOTE: SCRIPT });
            assert_eq!(self.host.invoke(function, &event).await.status, 502);
            let event = json!({ "Records": NUMBER, "version": EMAIL });
            assert_eq!(self.host.invoke(function, &event).await.status, 502);
        }
    }
}

#[tokio::test]
async fn nothing_secret_or_personal_is_printed_though_everything_is_logged() {
    let mut play = Play::begin().await;
    let health = send(play.host.request(Method::GET, "/health")).await;
    assert_eq!(health.status, 200, "{}", health.text);
    let page = format!("/console/{NAME}/{NUMBER}?{EMAIL}");
    let page = send(play.host.request(Method::GET, &page)).await;
    assert_eq!(page.status, 404, "{}", page.text);
    let user_id = play.users().await;
    play.bad_requests().await;
    let (call_id, sid) = play.call(&user_id).await;
    play.ask("DELETE", &format!("/users/{user_id}"), Value::Null, 409)
        .await;
    play.webhooks(&call_id, &sid).await;
    play.lost_dial(&user_id).await;
    play.outage(&user_id, &call_id, &sid).await;

    let printed = play.host.printed();
    assert_eq!(marks::find(&printed, &marks()), []);
    let lines = Lines::read(&printed);
    assert_eq!(lines.all("function"), BTreeSet::from(FUNCTIONS));
    every_line_has_its_names(&lines);
    what_helps_is_there(&lines, &play, &call_id);
    everything_is_counted(&lines);
}

fn every_line_has_its_names(lines: &Lines) {
    for line in &lines.log {
        let needed: &[_] = match line.get("name").and_then(Value::as_str) {
            Some("request") => &["request_id", "method", "route"],
            Some("message") => &["request_id", "message_id"],
            Some("call") => &["request_id", "call_id"],
            Some("invocation") => &["request_id"],
            _ => {
                let message = line["message"].as_str().unwrap_or_default();
                let is_the_runtimes = line["target"] == "lambda_runtime::layers::api_response";
                assert!(message == "starting" || is_the_runtimes, "{line:?}");
                continue;
            }
        };
        for name in needed {
            assert!(
                line.get(*name).is_some_and(Value::is_string),
                "no {name}: {line:?}"
            );
        }
    }
    for line in lines.with("message", "answered") {
        for name in ["status", "elapsed_ms"] {
            assert!(line[name].is_u64(), "no {name}: {line:?}");
        }
        let is_with_key = ["users", "outbound-calls"]
            .contains(&line["function"].as_str().unwrap_or_default())
            && ![401, 404, 405].contains(&line["status"].as_u64().unwrap_or_default());
        assert!(
            !is_with_key || line.get("api_key") == Some(&"backend".into()),
            "{line:?}"
        );
    }
}

fn what_helps_is_there(lines: &Lines, play: &Play, call_id: &str) {
    for (request_id, status) in &play.refused {
        let told = lines.with("request_id", &request_id[..]);
        let answered = told
            .iter()
            .any(|line| line.get("status") == Some(&json!(status)));
        assert!(
            answered,
            "no line of {request_id}, which was answered {status}: {told:?}"
        );
    }
    let of_the_call: BTreeSet<_> = lines
        .with("call_id", call_id)
        .iter()
        .filter_map(|line| line["function"].as_str())
        .collect();
    for function in ["outbound-calls", "voice", "status", "recording", "replay"] {
        assert!(of_the_call.contains(function), "{of_the_call:?}");
    }
    assert!(
        lines.all("to").contains("**********13"),
        "{:?}",
        lines.all("to")
    );
    assert!(lines.all("email").contains("z***@mail.example.com"));
    let messages = lines.all("message");
    for message in [
        "a user was created",
        "a stored document cannot be read",
        "dialled",
        "the outcome of the dial is unknown",
        "suspected double dial: the call has another CallSid",
        "orphan: a webhook of a call that is not known here",
        "a call that is not known here asks what to say",
        "a signed voice request could not be read",
        "the script is out of reach; redirected to try again",
        "the script is out of reach",
        "delivery none was queued",
        "a webhook was not applied; it waits in the queue",
        "a webhook from the queue was applied",
        "a webhook from the queue was not applied",
        "Twilio does not know the call: it counts as failed",
        "reconciled",
        "handled",
        "failed",
    ] {
        assert!(
            messages.contains(message),
            "no {message:?} in {messages:#?}"
        );
    }
}

fn everything_is_counted(lines: &Lines) {
    for (name, dimensions) in lines.metrics.keys() {
        let dimensions: Vec<_> = dimensions.keys().map(String::as_str).collect();
        match &name[..] {
            "RefusedCalls" => assert_eq!(dimensions, ["Rule"]),
            "DialOutcomes" => assert_eq!(dimensions, ["Outcome"]),
            _ => assert_eq!(dimensions, [""; 0], "{name}"),
        }
    }
    for (name, dimension, times) in [
        ("CallsPlaced", None, 2.0),
        ("RefusedCalls", Some(("Rule", "country_not_allowed")), 1.0),
        ("RefusedCalls", Some(("Rule", "own_number")), 1.0),
        ("DialOutcomes", Some(("Outcome", "accepted")), 1.0),
        ("DialOutcomes", Some(("Outcome", "unknown")), 1.0),
        ("ReconciledCalls", None, 1.0),
        ("SpilledWebhooks", None, 3.0),
        ("ReplayedWebhooks", None, 3.0),
        ("Apologies", None, 2.0),
        ("FailedReplays", None, 2.0),
        ("OrphanWebhooks", None, 2.0),
        ("UnreadableDocuments", None, 1.0),
        ("SuspectedDoubleDials", None, 1.0),
        ("UnauthorizedRequests", None, 3.0),
        ("BadSignatures", None, 5.0),
    ] {
        assert!(
            (lines.sum(name, dimension) - times).abs() < 0.5,
            "{name} {dimension:?} is {}",
            lines.sum(name, dimension)
        );
    }
    assert!(lines.sum("DuplicateWebhooks", None) >= 1.0);
    let (_, lags) = lines
        .metrics
        .iter()
        .find(|((name, _), _)| name == "WebhookLag")
        .expect("webhooks were applied");
    assert!(
        lags.len() >= 4 && lags.iter().all(|lag| *lag >= 0.0),
        "{lags:?}"
    );
    let of_last_year = |lag: &&f64| **lag > 1e6;
    assert!(lags.iter().filter(of_last_year).count() <= 1, "{lags:?}");
}

#[tokio::test]
async fn a_refusal_of_twilios_is_logged_without_the_number_that_it_quotes() {
    let words = format!("The 'To' number {NUMBER} is not a valid phone number.");
    let refusal = json!({ "code": 21211, "message": words, "status": 400 }).to_string();
    let router = Router::new().fallback(async move || (StatusCode::BAD_REQUEST, refusal.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let stage = Stage::new().await;
    let user_id = stage.user().await;
    let call = stage.call(|call| call.updated_at = long_ago()).await;
    let stage = stage
        .set("TWILIO_API_BASE_URL", &url)
        .set("TWILIO_API_KEY_SID", "SK0123456789abcdef0123456789abcdef")
        .set("TWILIO_API_KEY_SECRET", API_KEY_SECRET)
        .set("API_KEYS", &api_key("backend", KEY, ""))
        .set("CALL_TIME_LIMIT_SECONDS", "1")
        .set("CALL_RING_TIMEOUT_SECONDS", "1");
    let host = Host::start(&stage, "TRACE");
    let order = json!({ "user_id": user_id, "to_number": NUMBER, "script": SCRIPT });
    let request = host
        .request(Method::POST, "/calls/outbound")
        .bearer_auth(KEY);
    let refused = send(request.json(&order)).await;
    assert_eq!(
        (refused.status, refused.field("twilio_message")),
        (422, words)
    );
    let hangup = format!("/calls/{}/hangup", call.call_id);
    let hangup = host.request(Method::POST, &hangup).bearer_auth(KEY);
    assert_eq!(send(hangup).await.status, 502);
    until("question of reconcile's", async || {
        host.invoke("reconcile", &json!({})).await;
        host.printed().contains("Twilio did not tell").then_some(())
    })
    .await;

    let printed = host.printed();
    assert_eq!(marks::find(&printed, &marks()), []);
    let lines = Lines::read(&printed);
    every_line_has_its_names(&lines);
    let refused = lines.with("message", "the dial was refused");
    assert_eq!(
        refused[0]["refusal"],
        "The 'To' number +*********13 is not a valid phone number."
    );
    let answered = lines.with("twilio_code", 21211);
    let levels: Vec<_> = answered
        .iter()
        .map(|line| (&line["status"], &line["level"]))
        .collect();
    assert_eq!(
        levels,
        [
            (&json!(422), &json!("WARN")),
            (&json!(502), &json!("ERROR"))
        ]
    );
    let asked = lines.with("message", "Twilio did not tell");
    assert_eq!(asked[0]["call_id"], call.call_id.to_string());
    let outcome = Some(("Outcome", "refused"));
    assert!(lines.sum("DialOutcomes", outcome) > 0.5);
}

#[tokio::test]
async fn counts_and_names_are_there_where_errors_alone_are_logged() {
    let uri = format!("mongodb://quillfeather:{PASSWORD}@127.0.0.1:1/?directConnection=true");
    let stage = Stage::new()
        .await
        .set("API_KEYS", &api_key("backend", KEY, ""))
        .set("MONGO_URI", &uri);
    let host = Host::start(&stage, "ERROR");
    let get = || host.request(Method::GET, "/users?email=quillfeather@example.com");
    assert_eq!(send(get()).await.status, 401);
    assert_eq!(send(get().bearer_auth(KEY)).await.status, 503);
    host.invoke("reconcile", &json!({})).await;

    let printed = host.printed();
    assert_eq!(marks::find(&printed, &marks()), []);
    let lines = Lines::read(&printed);
    assert_eq!(lines.all("level"), BTreeSet::from(["ERROR"]));
    every_line_has_its_names(&lines);
    assert_eq!(lines.with("message", "answered").len(), 1);
    assert_eq!(lines.with("message", "failed").len(), 1);
    assert!(lines.sum("UnauthorizedRequests", None) > 0.5);
    let faults = lines.sum("Faults", None);
    assert!((faults - 1.0).abs() < 0.5, "one 503, and a 401: {faults}");
}

#[tokio::test]
async fn kill_switch_is_counted_as_a_rule_and_is_no_fault() {
    let stage = Stage::new()
        .await
        .set("API_KEYS", &api_key("backend", KEY, ""));
    let user_id = stage.user().await;
    succeed(&mut xtask_on(&stage, &["dialing", "off"]));
    let host = Host::start(&stage, "INFO");
    let order = json!({ "user_id": user_id, "to_number": NUMBER, "script": SCRIPT });
    let request = host
        .request(Method::POST, "/calls/outbound")
        .bearer_auth(KEY);
    let refused = send(request.json(&order)).await;
    assert_eq!(
        (refused.status, refused.field("code")),
        (503, "dialing_off".to_owned())
    );

    let lines = Lines::read(&host.printed());
    let counted: Vec<_> = lines.metrics.keys().collect();
    let rule = BTreeMap::from([("Rule".to_owned(), "dialing_off".to_owned())]);
    assert_eq!(counted, [&("RefusedCalls".to_owned(), rule)]);
}

#[test]
fn a_standard_output_that_is_closed_does_no_harm() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let ended = function("users")
        .env("LOG_LEVEL", "TRACE")
        .stdout(writer)
        .output()
        .expect("the function runs");
    assert_eq!(ended.status.code(), Some(1), "MONGO_URI is missing");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

/// A function's binary, without any variable.
fn function(name: &str) -> Command {
    let binaries = Path::new(env!("CARGO_BIN_EXE_xtask")).parent();
    let mut command = Command::new(binaries.expect("a folder").join(name));
    command.env_clear();
    command
}

#[test]
fn a_wrong_configuration_is_told_without_its_values() {
    for (name, variable, value) in [
        (
            "users",
            "MONGO_URI",
            format!("mongodb://quillfeather:{PASSWORD}"),
        ),
        ("users", "API_KEYS", format!("backend:{KEY}")),
        (
            "outbound-calls",
            "TWILIO_FROM_NUMBER",
            NUMBER.replace('+', ""),
        ),
        (
            "voice",
            "BASE_URL",
            format!("ftp://quillfeather:{PASSWORD}@{NUMBER}"),
        ),
        ("status", "WEBHOOK_QUEUE_URL", format!("{PASSWORD} {EMAIL}")),
        ("recording", "LOG_LEVEL", PASSWORD.to_owned()),
        ("users", "STACK_NAME", format!("{PASSWORD} {EMAIL}")),
        (
            "media",
            "TWILIO_API_BASE_URL",
            format!("{API_KEY_SECRET}@{NUMBER}"),
        ),
        ("replay", "TWILIO_ACCOUNT_SID", NUMBER.to_owned()),
        ("reconcile", "RECONCILE_PAGE", NUMBER.to_owned()),
        ("health", "ENVIRONMENT", NAME.to_owned()),
    ] {
        let good = [
            ("MONGO_URI", "mongodb://127.0.0.1:1"),
            ("TWILIO_ACCOUNT_SID", testkit::ACCOUNT_SID),
            ("TWILIO_AUTH_TOKEN", AUTH_TOKEN),
            ("TWILIO_FROM_NUMBER", testkit::FROM_NUMBER),
            ("BASE_URL", "https://calls.example.com"),
            ("MEDIA_SIGNING_KEY", MEDIA_KEY),
            ("ENVIRONMENT", "development"),
            ("LOG_LEVEL", "TRACE"),
        ];
        let ended = function(name)
            .envs(good)
            .env(variable, value)
            .output()
            .expect("the function runs");
        assert_eq!(ended.status.code(), Some(1), "{name}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
        let printed = String::from_utf8(ended.stdout).expect("it is UTF-8");
        assert_eq!(marks::find(&printed, &marks()), []);
        let lines = Lines::read(&printed);
        let errors = lines.with("level", "ERROR");
        assert_eq!(errors.len(), 1, "{printed}");
        assert_eq!(errors[0]["function"], name);
        assert!(
            errors[0]["message"].to_string().contains(variable),
            "{printed}"
        );
    }
}
