//! The requests that are measured, as events.

use axum::body::Bytes;
use serde_json::json;
use testkit::{ACCOUNT_SID, Request};
use uuid::Uuid;

use super::scene::Scene;

/// A route, or a way to use it.
#[derive(Clone, Copy)]
pub struct Route {
    /// What a person calls it.
    pub name: &'static str,
    /// Whose it is.
    pub function: &'static str,
    /// What it answers when all is well.
    pub status: u16,
    request: fn(&Scene, usize) -> Request,
}

impl Route {
    /// The how-manieth request: no two are repeats of each other.
    pub fn request(&self, scene: &Scene, nth: usize) -> Request {
        (self.request)(scene, nth)
    }

    /// The same as an event.
    pub fn event(&self, scene: &Scene, nth: usize) -> Bytes {
        self.request(scene, nth).event().to_string().into()
    }
}

const fn route(
    name: &'static str,
    function: &'static str,
    status: u16,
    request: fn(&Scene, usize) -> Request,
) -> Route {
    Route {
        name,
        function,
        status,
        request,
    }
}

/// The one that asks Twilio too, once.
pub const DIALS: &str = "POST /calls/outbound";

/// All that are measured.
pub const ROUTES: [Route; 17] = [
    // With a key, for without one the last result is kept.
    route("GET /health", "health", 200, |_, _| Request::get("/health")),
    route("GET /users/{id}", "users", 200, |scene, _| {
        Request::get(&format!("/users/{}", scene.user))
    }),
    route("GET /users", "users", 200, |_, _| Request::get("/users")),
    route("GET /users/{id}/calls", "users", 200, |scene, _| {
        Request::get(&format!("/users/{}/calls", scene.user))
    }),
    route("POST /users", "users", 201, |_, nth| {
        let email = format!("{nth}-{}@example.com", Uuid::new_v4().simple());
        let user = json!({ "name": "Ada", "email": email, "phone_number": "+12125550123" });
        Request::post("/users", &user)
    }),
    route("PATCH /users/{id}", "users", 200, |scene, nth| {
        Request::new("PATCH", &format!("/users/{}", scene.user))
            .with_key(testkit::API_KEY)
            .json(&json!({ "name": format!("Ada {nth}") }))
    }),
    route(DIALS, "outbound-calls", 201, |scene, _| {
        let call =
            json!({ "user_id": scene.user, "to_number": "+12125550123", "script": "Hello." });
        Request::post("/calls/outbound", &call)
            .header("idempotency-key", &Uuid::new_v4().to_string())
    }),
    route("GET /calls", "outbound-calls", 200, |_, _| {
        Request::get("/calls")
    }),
    route("GET /stats", "outbound-calls", 200, |_, _| {
        Request::get("/stats")
    }),
    route("GET /calls/{id}", "outbound-calls", 200, |scene, nth| {
        Request::get(&format!("/calls/{}", call_id(scene, nth)))
    }),
    route(
        "GET /calls/{id}/recordings",
        "outbound-calls",
        200,
        |scene, nth| Request::get(&format!("/calls/{}/recordings", call_id(scene, nth))),
    ),
    route(
        "GET /recordings/{id}",
        "outbound-calls",
        200,
        |scene, nth| Request::get(&format!("/recordings/{}", recording_id(scene, nth))),
    ),
    route(
        "GET /recordings/{id}/media",
        "outbound-calls",
        307,
        |scene, nth| Request::get(&format!("/recordings/{}/media", recording_id(scene, nth))),
    ),
    route("POST /twilio/voice", "voice", 200, voice),
    route("POST /twilio/status", "status", 200, status),
    route("POST /twilio/recording", "recording", 200, recording),
    route("GET /media, refused", "media", 403, |_, _| {
        Request::new("GET", "/media")
    }),
];

/// The one that a function's first answer is measured with.
pub fn first_of(function: &str) -> Option<Route> {
    ROUTES.into_iter().find(|route| route.function == function)
}

fn call_id(scene: &Scene, nth: usize) -> String {
    scene.calls[nth % scene.calls.len()].call_id.to_string()
}

fn recording_id(scene: &Scene, nth: usize) -> String {
    let recording = &scene.recordings[nth % scene.recordings.len()];
    recording.recording_id().to_string()
}

/// Of the call's own `CallSid`, to one webhook.
fn webhook(scene: &Scene, nth: usize, path: &str, more: &[(&str, &str)]) -> Request {
    let call = &scene.calls[nth % scene.calls.len()];
    let sid = call.twilio_sid.as_ref().map_or("", |sid| sid.as_str());
    let params = [
        ("AccountSid", ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("Direction", "outbound-api"),
        ("From", "+12125550100"),
        ("To", "+12125550123"),
    ];
    let path = format!("{path}?call_id={}", call.call_id);
    Request::webhook(&path, &[&params, more].concat())
        .header("i-twilio-idempotency-token", &Uuid::new_v4().to_string())
}

fn voice(scene: &Scene, nth: usize) -> Request {
    webhook(
        scene,
        nth,
        "/twilio/voice",
        &[("CallStatus", "in-progress")],
    )
}

fn status(scene: &Scene, nth: usize) -> Request {
    let sequence = nth.to_string();
    let more = [
        ("CallStatus", "ringing"),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", &sequence),
        ("Timestamp", "Thu, 01 Jan 2026 00:00:00 +0000"),
    ];
    webhook(scene, nth, "/twilio/status", &more)
}

fn recording(scene: &Scene, nth: usize) -> Request {
    let sid = format!("RE{}", Uuid::new_v4().simple());
    let url = format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{sid}");
    let more = [
        ("RecordingSid", sid.as_str()),
        ("RecordingUrl", &url),
        ("RecordingStatus", "completed"),
        ("RecordingSource", "OutboundAPI"),
        ("RecordingChannels", "1"),
        ("RecordingDuration", "12"),
        ("RecordingStartTime", "Thu, 01 Jan 2026 00:00:00 +0000"),
    ];
    webhook(scene, nth, "/twilio/recording", &more)
}
