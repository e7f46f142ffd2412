//! No caller can choose a URL that a function fetches (server-side request forgery).

use std::time::Duration;

use routers::Routers;
use serde_json::json;
use testkit::{API_KEY, Answer, Request, Stage, Twilio};
use twilio_sim::clock::Speed;

use crate::{functions_on, honeypot::Honeypot};

impl Honeypot {
    /// Returns the request with this server's URL in every header that a function could take for a URL to fetch.
    fn bait(&self, request: Request) -> Request {
        let host = self.host();
        [
            "forwarded",
            "location",
            "origin",
            "referer",
            "x-callback-url",
            "x-forwarded-prefix",
            "x-original-url",
            "x-rewrite-url",
        ]
        .into_iter()
        .fold(request, |request, name| request.header(name, &self.url))
        .header("host", host)
        .header("x-forwarded-host", host)
        .header("x-forwarded-proto", "http")
    }

    /// Returns the path with this server's URL in every query parameter that a function could take for a URL to fetch.
    fn bait_query(&self, path: &str) -> String {
        let url: String = form_urlencoded::byte_serialize(self.url.as_bytes()).collect();
        let names = [
            "url",
            "next",
            "callback",
            "media_url",
            "recording_url",
            "cursor",
        ];
        let query = names.map(|name| format!("{name}={url}")).join("&");
        let and = if path.contains('?') { '&' } else { '?' };
        format!("{path}{and}{query}")
    }
}

/// A recorded call that has the honeypot's URL in each of its text fields.
struct BaitedCall {
    functions: Routers,
    twilio: Twilio,
    honeypot: Honeypot,
    call_id: String,
    call_sid: String,
    recording_sid: String,
}

impl BaitedCall {
    async fn place(stage: &Stage, twilio: Twilio) -> Self {
        let honeypot = Honeypot::start().await;
        let functions = functions_on(stage);
        let url = honeypot.url.as_str();
        let user = json!({"name": url, "email": "ada@example.com", "phone_number": "+12125550123"});
        let user = honeypot.bait(Request::post("/users", &user));
        let user = user.send(functions.router("users")).await;
        assert_eq!(user.status, 201, "{}", user.text());
        let call = json!({
            "user_id": user.json()["id"],
            "to_number": "+12125550109",
            "script": url,
            "recording_enabled": true,
            "metadata": {url: url, "StatusCallback": url, "Url": url},
        });
        let call = Request::post("/calls/outbound", &call).header("idempotency-key", url);
        let call = honeypot
            .bait(call)
            .send(functions.router("outbound-calls"))
            .await;
        assert_eq!(call.status, 201, "{}", call.text());
        let call = call.json();
        Self {
            call_id: call["call_id"].as_str().unwrap().to_owned(),
            call_sid: call["twilio_sid"].as_str().unwrap().to_owned(),
            recording_sid: twilio.record().await,
            functions,
            twilio,
            honeypot,
        }
    }

    /// Returns a request with an API key and with the URL in its headers.
    fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, path);
        self.honeypot.bait(request.with_key(API_KEY))
    }

    /// Sends a GET request. The same request with the URL in its query must be refused.
    async fn get(&self, path: &str) -> Answer {
        let function = self.functions.router("outbound-calls");
        let with_query = self.request("GET", &self.honeypot.bait_query(path));
        assert_eq!(with_query.send(function).await.status, 422, "{path}");
        self.request("GET", path).send(function).await
    }

    /// Sends webhooks, signed and unsigned, with the URL in each field that could hold one.
    async fn send_webhooks(&self) {
        let functions = &self.functions;
        let url = self.honeypot.url.as_str();
        let fields = [
            ("AccountSid", url),
            ("CallSid", &self.call_sid),
            ("CallStatus", "completed"),
            ("ErrorMessage", url),
            ("ErrorUrl", url),
            ("From", url),
            ("RecordingSid", &self.recording_sid),
            ("RecordingStatus", "completed"),
            ("RecordingUrl", url),
            ("StatusCallback", url),
            ("TranscriptionUrl", url),
            ("Url", url),
        ];
        for (function, path) in [
            (functions.router("voice"), "/twilio/voice"),
            (functions.router("status"), "/twilio/status"),
            (functions.router("recording"), "/twilio/recording"),
        ] {
            let path = format!("{path}?call_id={}", self.call_id);
            let path = self.honeypot.bait_query(&path);
            let webhook = self.honeypot.bait(Request::webhook(&path, &fields));
            let answer = webhook.send(function).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            let unsigned = self.request("POST", &path).send(function).await;
            assert_eq!(unsigned.status, 403);
        }
    }

    /// Downloads the audio of the recording that the webhook reported, and returns the path of the recording.
    async fn download_recording(&self) -> String {
        let recordings = format!("/calls/{}/recordings", self.call_id);
        let recordings = self.get(&recordings).await.json();
        let recording = &recordings["recordings"][0];
        let url = &recording["recording_url"];
        assert_eq!(*url, self.honeypot.url, "stored as received");
        let path = format!("/recordings/{}", recording["id"].as_str().unwrap());
        let signed = self.get(&format!("{path}/media")).await;
        assert_eq!(signed.status, 307);
        let signed = signed.header("location");
        let signed = signed.strip_prefix(testkit::BASE_URL).expect("our URL");
        let audio = self.request("GET", &self.honeypot.bait_query(signed));
        let audio = audio.send(self.functions.router("media")).await;
        assert_eq!(audio.status, 200);
        assert!(audio.body.starts_with(b"RIFF"));
        let end = format!("/Recordings/{}.wav", self.recording_sid);
        let downloads = self.twilio.requests("GET", &end).await.len();
        assert_eq!(downloads, 1, "Twilio has served the audio");
        path
    }
}

#[tokio::test]
async fn url_in_a_request_is_never_fetched() {
    let twilio = Twilio::start_at(Speed::parse("1000").unwrap()).await;
    let stage = Stage::new().await.playing(&twilio);
    let baited = BaitedCall::place(&stage, twilio).await;
    baited.send_webhooks().await;
    let recording = baited.download_recording().await;

    let call = format!("/calls/{}", baited.call_id);
    let url = baited.honeypot.url.as_str();
    let encoded: String = form_urlencoded::byte_serialize(url.as_bytes()).collect();
    for (method, path) in [
        ("GET", call.clone()),
        ("POST", format!("{call}/hangup")),
        ("DELETE", recording),
        ("GET", format!("/calls/{encoded}")),
        ("POST", format!("/calls/{encoded}/hangup")),
        ("GET", format!("/recordings/{encoded}/media")),
        ("DELETE", "/recordings/..%2F..%2F..".to_owned()),
        ("GET", format!("/{url}")),
        ("CONNECT", url.replace("http:", "")),
    ] {
        for path in [baited.honeypot.bait_query(&path), path] {
            let request = baited.request(method, &path);
            let answer = request
                .send(baited.functions.router("outbound-calls"))
                .await;
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text());
        }
    }
    let functions = &baited.functions;
    for function in [
        functions.router("users"),
        functions.router("media"),
        functions.router("health"),
    ] {
        for path in ["/users", "/media", "/health", "/docs", &format!("/{url}")] {
            for path in [path, &baited.honeypot.bait_query(path)] {
                baited.request("GET", path).send(function).await;
            }
        }
    }
    let app = reconcile::App::from_settings(&stage.settings()).unwrap();
    reconcile::reconcile(&app, Duration::from_secs(10))
        .await
        .unwrap();

    let requests = baited.twilio.requests("GET", "").await;
    let paths = requests
        .iter()
        .map(|request| request["path"].as_str().unwrap());
    for path in paths {
        assert!(path.starts_with("/2010-04-01/Accounts/"), "{path}");
    }
    let connections = baited.honeypot.connections().await;
    assert_eq!(connections, 0, "a function has fetched the URL");
}
