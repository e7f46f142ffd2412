use std::time::Duration;

use serde_json::json;
use testkit::{API_KEY, Answer, Request, Stage, Twilio};
use twilio_sim::clock::Speed;

use crate::{Functions, trap::Trap};

impl Trap {
    /// The request, with the URL wherever a header or a parameter could be taken for one to be fetched.
    fn baited(&self, request: Request) -> Request {
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

    fn in_query(&self, path: &str) -> String {
        let url: String = form_urlencoded::byte_serialize(self.url.as_bytes()).collect();
        let baits = [
            "url",
            "next",
            "callback",
            "media_url",
            "recording_url",
            "cursor",
        ];
        let query = baits.map(|name| format!("{name}={url}")).join("&");
        let and = if path.contains('?') { '&' } else { '?' };
        format!("{path}{and}{query}")
    }
}

/// A recorded call whose every text is the trap's URL.
struct Baited {
    functions: Functions,
    twilio: Twilio,
    trap: Trap,
    call_id: String,
    call_sid: String,
    recording_sid: String,
}

impl Baited {
    async fn place(stage: &Stage, twilio: Twilio) -> Self {
        let trap = Trap::set().await;
        let functions = Functions::of(stage);
        let url = trap.url.as_str();
        let user = json!({"name": url, "email": "ada@example.com", "phone_number": "+12125550123"});
        let user = trap.baited(Request::post("/users", &user));
        let user = user.send(&functions.users).await;
        assert_eq!(user.status, 201, "{}", user.text());
        let call = json!({
            "user_id": user.json()["id"],
            "to_number": "+12125550109",
            "script": url,
            "recording_enabled": true,
            "metadata": {url: url, "StatusCallback": url, "Url": url},
        });
        let call = Request::post("/calls/outbound", &call).header("idempotency-key", url);
        let call = trap.baited(call).send(&functions.outbound_calls).await;
        assert_eq!(call.status, 201, "{}", call.text());
        let call = call.json();
        Self {
            call_id: call["call_id"].as_str().unwrap().to_owned(),
            call_sid: call["twilio_sid"].as_str().unwrap().to_owned(),
            recording_sid: twilio.record().await,
            functions,
            twilio,
            trap,
        }
    }

    /// A request with a key and the URL in its headers.
    fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, path);
        self.trap.baited(request.with_key(API_KEY))
    }

    /// The answer of a route that refuses the URL in its query.
    async fn get(&self, path: &str) -> Answer {
        let function = &self.functions.outbound_calls;
        let in_query = self.request("GET", &self.trap.in_query(path));
        assert_eq!(in_query.send(function).await.status, 422, "{path}");
        self.request("GET", path).send(function).await
    }

    /// Webhooks whose every field that could be a URL is this one, signed and not.
    async fn tell(&self) {
        let functions = &self.functions;
        let url = self.trap.url.as_str();
        let told = [
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
            (&functions.voice, "/twilio/voice"),
            (&functions.status, "/twilio/status"),
            (&functions.recording, "/twilio/recording"),
        ] {
            let path = format!("{path}?call_id={}", self.call_id);
            let path = self.trap.in_query(&path);
            let hook = self.trap.baited(Request::webhook(&path, &told));
            let answer = hook.send(function).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            let forged = self.request("POST", &path).send(function).await;
            assert_eq!(forged.status, 403);
        }
    }

    /// The audio of the recording that was told of, as a caller gets it: the path of its record.
    async fn listen(&self) -> String {
        let recordings = format!("/calls/{}/recordings", self.call_id);
        let recordings = self.get(&recordings).await.json();
        let recording = &recordings["recordings"][0];
        assert_eq!(recording["recording_url"], self.trap.url, "stored, as told");
        let path = format!("/recordings/{}", recording["id"].as_str().unwrap());
        let signed = self.get(&format!("{path}/media")).await;
        assert_eq!(signed.status, 307);
        let signed = signed.header("location");
        let signed = signed.strip_prefix(testkit::BASE_URL).expect("our URL");
        let audio = self.request("GET", &self.trap.in_query(signed));
        let audio = audio.send(&self.functions.media).await;
        assert_eq!(audio.status, 200);
        assert!(audio.body.starts_with(b"RIFF"));
        let end = format!("/Recordings/{}.wav", self.recording_sid);
        assert_eq!(self.twilio.requests("GET", &end).await.len(), 1, "Twilio's");
        path
    }
}

#[tokio::test]
async fn no_request_makes_a_function_fetch_what_the_caller_has_chosen() {
    let twilio = Twilio::start_at(Speed::parse("1000").unwrap()).await;
    let stage = Stage::new().await.playing(&twilio);
    let baited = Baited::place(&stage, twilio).await;
    baited.tell().await;
    let recording = baited.listen().await;

    let call = format!("/calls/{}", baited.call_id);
    let url = baited.trap.url.as_str();
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
        for path in [baited.trap.in_query(&path), path] {
            let request = baited.request(method, &path);
            let answer = request.send(&baited.functions.outbound_calls).await;
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text());
        }
    }
    let functions = &baited.functions;
    for function in [&functions.users, &functions.media, &functions.health] {
        for path in ["/users", "/media", "/health", "/docs", &format!("/{url}")] {
            for path in [path, &baited.trap.in_query(path)] {
                baited.request("GET", path).send(function).await;
            }
        }
    }
    let schedule = reconcile::App::from_settings(&stage.settings()).unwrap();
    reconcile::reconcile(&schedule, Duration::from_secs(10))
        .await
        .unwrap();

    let asked = baited.twilio.requests("GET", "").await;
    let paths = asked
        .iter()
        .map(|request| request["path"].as_str().unwrap());
    for path in paths {
        assert!(path.starts_with("/2010-04-01/Accounts/"), "{path}");
    }
    assert_eq!(
        baited.trap.sprung().await,
        0,
        "somebody has fetched the URL"
    );
}
