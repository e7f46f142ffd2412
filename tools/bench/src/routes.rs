//! The measured requests.

use axum::body::Bytes;
use outdial::domain::Call;
use serde_json::json;
use testkit::{ACCOUNT_SID, Request};
use uuid::Uuid;

use crate::fixture::Fixture;

/// A measured request of a route.
#[derive(Clone, Copy)]
pub struct Route {
    /// The name in tables.
    pub name: &'static str,
    /// The function that serves it.
    pub function: &'static str,
    /// The status of a successful response.
    pub status: u16,
    request: fn(&Fixture, usize) -> Request,
}

impl Route {
    /// Returns a request. Requests with different numbers differ.
    pub fn request(&self, fixture: &Fixture, nth: usize) -> Request {
        (self.request)(fixture, nth)
    }

    /// Returns the request as an event.
    pub fn event(&self, fixture: &Fixture, nth: usize) -> Bytes {
        self.request(fixture, nth).event().to_string().into()
    }
}

const fn route(
    name: &'static str,
    function: &'static str,
    status: u16,
    request: fn(&Fixture, usize) -> Request,
) -> Route {
    Route {
        name,
        function,
        status,
        request,
    }
}

/// The route that sends one request to Twilio.
pub const DIALS: &str = "POST /calls/outbound";

/// All measured requests.
pub const ROUTES: [Route; 20] = [
    // With a key: without one the function repeats its last result.
    route("GET /health", "health", 200, |_, _| Request::get("/health")),
    route("GET /users/{id}", "users", 200, |fixture, _| {
        Request::get(&format!("/users/{}", fixture.user))
    }),
    route("GET /users", "users", 200, |_, _| Request::get("/users")),
    route("GET /users/{id}/calls", "users", 200, |fixture, _| {
        Request::get(&format!("/users/{}/calls", fixture.user))
    }),
    route("POST /users", "users", 201, |_, nth| {
        let email = format!("{nth}-{}@example.com", Uuid::new_v4().simple());
        let user = json!({ "name": "Ada", "email": email, "phone_number": "+12125550123" });
        Request::post("/users", &user)
    }),
    route("PATCH /users/{id}", "users", 200, |fixture, nth| {
        Request::new("PATCH", &format!("/users/{}", fixture.user))
            .with_key(testkit::API_KEY)
            .json(&json!({ "name": format!("Ada {nth}") }))
    }),
    route(DIALS, "outbound-calls", 201, |fixture, _| {
        let call =
            json!({ "user_id": fixture.user, "to_number": "+12125550123", "script": "Hello." });
        Request::post("/calls/outbound", &call)
            .header("idempotency-key", &Uuid::new_v4().to_string())
    }),
    route("GET /calls", "outbound-calls", 200, |_, _| {
        Request::get("/calls")
    }),
    route("GET /stats", "outbound-calls", 200, |_, _| {
        Request::get("/stats")
    }),
    route("GET /calls/{id}", "outbound-calls", 200, |fixture, nth| {
        Request::get(&format!("/calls/{}", call_id(fixture, nth)))
    }),
    route(
        "GET /calls/{id}/recordings",
        "outbound-calls",
        200,
        |fixture, nth| Request::get(&format!("/calls/{}/recordings", call_id(fixture, nth))),
    ),
    route(
        "GET /recordings/{id}",
        "outbound-calls",
        200,
        |fixture, nth| Request::get(&format!("/recordings/{}", recording_id(fixture, nth))),
    ),
    route(
        "GET /recordings/{id}/media",
        "outbound-calls",
        307,
        |fixture, nth| Request::get(&format!("/recordings/{}/media", recording_id(fixture, nth))),
    ),
    route("POST /twilio/voice", "voice", 200, voice),
    route("POST /twilio/voice, steps", "voice", 200, |fixture, nth| {
        listening(fixture, nth, "step=start", &[])
    }),
    route("POST /twilio/voice, a key", "voice", 200, |fixture, nth| {
        let place = "step=confirm&try=1&tries=3&repeats=0&from=0&keys=12";
        listening(fixture, nth, place, &[("Digits", "1")])
    }),
    route("POST /twilio/fallback", "fallback", 200, |fixture, nth| {
        webhook(fixture, nth, "/twilio/fallback", &[("ErrorCode", "11200")])
    }),
    route("POST /twilio/status", "status", 200, status),
    route("POST /twilio/recording", "recording", 200, recording),
    route("GET /media, refused", "media", 403, |_, _| {
        Request::new("GET", "/media")
    }),
];

/// Returns the first of a function's routes.
pub fn first_route_of(function: &str) -> Option<Route> {
    ROUTES.into_iter().find(|route| route.function == function)
}

/// Returns the event that a function's first response is measured with, and the expected status if it has one. The event
/// makes the function use the database, if it has one.
pub fn first_event(fixture: &Fixture, function: &str, nth: usize) -> (Bytes, Option<u16>) {
    match (function, first_route_of(function)) {
        // The first route of this function dials.
        ("outbound-calls", _) => {
            let call = &fixture.calls[nth % fixture.calls.len()];
            let request = Request::get(&format!("/calls/{}", call.call_id));
            (request.event().to_string().into(), Some(200))
        }
        ("media", _) => (
            Request::new("GET", "/media").event().to_string().into(),
            None,
        ),
        (_, Some(route)) => (route.event(fixture, nth), Some(route.status)),
        ("console", None) => (
            Request::new("GET", "/console").event().to_string().into(),
            Some(200),
        ),
        ("batches", None) => (
            Request::new("GET", "/batches").event().to_string().into(),
            None,
        ),
        ("replay" | "dial", None) => (Bytes::from_static(b"{\"Records\":[]}"), None),
        ("reconcile" | "dispatch" | "effects", None) => (Bytes::from_static(b"{}"), None),
        _ => (
            Request::new("GET", "/").event().to_string().into(),
            Some(200),
        ),
    }
}

fn call_id(fixture: &Fixture, nth: usize) -> String {
    fixture.calls[nth % fixture.calls.len()].call_id.to_string()
}

fn recording_id(fixture: &Fixture, nth: usize) -> String {
    let recording = &fixture.recordings[nth % fixture.recordings.len()];
    recording.recording_id().to_string()
}

/// Returns a webhook of one of the fixture's calls.
fn webhook(fixture: &Fixture, nth: usize, path: &str, more: &[(&str, &str)]) -> Request {
    let call = &fixture.calls[nth % fixture.calls.len()];
    webhook_of(call, &format!("{path}?call_id={}", call.call_id), more)
}

/// Returns a voice request of a call that listens, at a place of its steps.
fn listening(fixture: &Fixture, nth: usize, place: &str, more: &[(&str, &str)]) -> Request {
    let call = &fixture.listening[nth % fixture.listening.len()];
    let path = format!("/twilio/voice?call_id={}&{place}", call.call_id);
    webhook_of(
        call,
        &path,
        &[&[("CallStatus", "in-progress")], more].concat(),
    )
}

fn webhook_of(call: &Call, path: &str, more: &[(&str, &str)]) -> Request {
    let sid = call.twilio_sid.as_ref().map_or("", |sid| sid.as_str());
    let params = [
        ("AccountSid", ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("Direction", "outbound-api"),
        ("From", "+12125550100"),
        ("To", "+12125550123"),
    ];
    Request::webhook(path, &[&params, more].concat())
        .header("i-twilio-idempotency-token", &Uuid::new_v4().to_string())
}

fn voice(fixture: &Fixture, nth: usize) -> Request {
    webhook(
        fixture,
        nth,
        "/twilio/voice",
        &[("CallStatus", "in-progress")],
    )
}

fn status(fixture: &Fixture, nth: usize) -> Request {
    let sequence = nth.to_string();
    let more = [
        ("CallStatus", "ringing"),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", &sequence),
        ("Timestamp", "Thu, 01 Jan 2026 00:00:00 +0000"),
    ];
    webhook(fixture, nth, "/twilio/status", &more)
}

fn recording(fixture: &Fixture, nth: usize) -> Request {
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
    webhook(fixture, nth, "/twilio/recording", &more)
}
