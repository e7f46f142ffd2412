//! Tests that the functions serve the database of the earlier service after `outdial indexes`.

use axum::Router;
use outdial::http::openapi;
use serde_json::{Value, json};
use testkit::{ACCOUNT_SID, Answer, ApiDocument, Request, Stage, Twilio};
use twilio_sim::clock::Speed;

use super::earlier_service::{EarlierData, NUMBER, URL, make_old_indexes};
use crate::{outdial, succeed};

/// The functions, connected to the database, and their API document.
struct Service {
    users: Router,
    calls: Router,
    voice: Router,
    status: Router,
    recording: Router,
    document: ApiDocument,
}

impl Service {
    fn on(stage: &Stage) -> Self {
        let settings = stage.settings();
        let parts = [
            users::openapi(),
            outbound_calls::openapi(),
            voice::openapi(),
            status::openapi(),
            recording::openapi(),
        ];
        Self {
            users: users::router(users::App::from_settings(&settings).expect("configured")),
            calls: outbound_calls::router(
                outbound_calls::App::from_settings(&settings).expect("configured"),
            ),
            voice: voice::router(voice::App::from_settings(&settings).expect("configured")),
            status: status::router(status::App::from_settings(&settings).expect("configured")),
            recording: recording::router(
                recording::App::from_settings(&settings).expect("configured"),
            ),
            document: ApiDocument::new(&openapi::document(parts)),
        }
    }

    /// Sends the request and checks the response against the document.
    async fn send(&self, request: Request) -> Answer {
        let path = request.path();
        let function = match path.as_str() {
            "/twilio/voice" => &self.voice,
            "/twilio/status" => &self.status,
            "/twilio/recording" => &self.recording,
            path if path.starts_with("/users") => &self.users,
            _ => &self.calls,
        };
        let answer = request.send(function).await;
        self.document.check(&request, &answer);
        answer
    }

    /// Reads a path that must exist.
    async fn get(&self, path: &str) -> Value {
        let answer = self.send(Request::get(path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }
}

/// A webhook whose URL does not name the call, as with the earlier service.
fn webhook(path: &str, sid: &str, more: &[(&str, &str)]) -> Request {
    let named = [("AccountSid", ACCOUNT_SID), ("CallSid", sid)];
    Request::webhook(path, &[&named, more].concat())
}

#[tokio::test]
async fn database_of_the_earlier_service_works_once_its_indexes_are_replaced() {
    let twilio = Twilio::start_at(Speed::parse("100").expect("a speed")).await;
    let recording_sid = twilio.record().await;
    let stage = Stage::new().await.playing(&twilio);
    let database = stage.database();
    database.drop().await.expect("it is empty");
    make_old_indexes(database).await;
    let left = EarlierData::store(database, &recording_sid).await;

    let uri = stage.variable("MONGO_URI").expect("it is set");
    let indexes = ["indexes", "--uri", uri, "--database", database.name()];
    let report = succeed(&mut outdial(&indexes));
    for line in [
        "users.email_lower: filled in 2",
        "recordings.call_uuid: filled in 1",
        "calls.recording_settled: filled in 1",
        "calls.twilio_sid_1: dropped",
        "recordings.twilio_sid_1: dropped",
    ] {
        assert!(report.contains(line), "{report}");
    }
    assert!(succeed(&mut outdial(&indexes)).contains("every index is there"));

    let service = Service::on(&stage);
    earlier_data_is_read(&service, &left).await;
    live_call_continues(&service, &left).await;
    new_calls_are_placed(&service, &left).await;
    earlier_data_is_changed_and_deleted(&service, &twilio, &left, &recording_sid).await;
}

async fn earlier_data_is_read(service: &Service, left: &EarlierData) {
    let [ada, _] = left.users;
    let [ended, live, nameless] = &left.calls;
    assert_eq!(
        service.get(&format!("/users/{ada}")).await["email"],
        "Ada.Lovelace@Example.com"
    );
    assert_eq!(service.get("/users").await["total"], 2);
    let found = service.get("/users?email=ada.lovelace@example.com").await;
    assert_eq!(found["users"][0]["id"], ada.to_hex());

    let listed = service.get(&format!("/users/{ada}/calls")).await;
    assert_eq!(listed["total"], 3);
    let ringing = service
        .get(&format!("/users/{ada}/calls?status=ringing"))
        .await;
    assert_eq!(ringing["calls"][0]["call_id"], **live);
    let mut seen = Vec::new();
    let mut next = format!("/users/{ada}/calls?page_size=1");
    loop {
        let page = service.get(&next).await;
        seen.push(
            page["calls"][0]["call_id"]
                .as_str()
                .expect("a call")
                .to_owned(),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        next = format!("/users/{ada}/calls?page_size=1&cursor={cursor}");
    }
    seen.sort();
    let mut all = left.calls.to_vec();
    all.sort();
    assert_eq!(seen, all);

    let call = service.get(&format!("/calls/{ended}")).await;
    assert_eq!(
        (&call["status"], &call["recording_url"]),
        (&json!("completed"), &json!(URL))
    );
    assert_eq!(
        (&call["events"], &call["dial_outcome"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(
        service.get(&format!("/calls/{nameless}")).await["twilio_sid"],
        Value::Null
    );
    let recordings = service.get(&format!("/calls/{ended}/recordings")).await;
    assert_eq!(recordings["recordings"][0]["id"], left.recording.to_hex());
    let recording = service
        .get(&format!("/recordings/{}", left.recording))
        .await;
    assert_eq!(recording["call_id"], **ended);
    let media = Request::get(&format!("/recordings/{}/media", left.recording));
    assert_eq!(service.send(media).await.status, 307);
    let hang_up =
        Request::new("POST", &format!("/calls/{ended}/hangup")).with_key(testkit::API_KEY);
    service
        .send(hang_up)
        .await
        .assert_problem(409, "call_ended");
}

async fn live_call_continues(service: &Service, left: &EarlierData) {
    let [_, live, _] = &left.calls;
    let sid = &left.live_sid;
    let answered = webhook("/twilio/voice", sid, &[("CallStatus", "in-progress")]);
    let twiml = service.send(answered).await.text();
    assert!(twiml.contains(">Hello!</Say>"), "{twiml}");
    for (status, sequence) in [("completed", "3"), ("in-progress", "2")] {
        let callback = [
            ("CallStatus", status),
            ("CallDuration", "7"),
            ("SequenceNumber", sequence),
            ("Timestamp", "Thu, 01 Jan 2026 00:00:00 +0000"),
        ];
        assert_eq!(
            service
                .send(webhook("/twilio/status", sid, &callback))
                .await
                .status,
            200
        );
    }
    let recorded = [
        ("RecordingSid", "RE00000000000000000000000000000009"),
        ("RecordingUrl", URL),
        ("RecordingStatus", "completed"),
        ("RecordingDuration", "7"),
    ];
    assert_eq!(
        service
            .send(webhook("/twilio/recording", sid, &recorded))
            .await
            .status,
        200
    );

    let call = service.get(&format!("/calls/{live}")).await;
    assert_eq!(
        (&call["status"], &call["recording_url"]),
        (&json!("completed"), &json!(URL))
    );
    let words: Vec<_> = call["events"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| &it["status"])
        .collect();
    assert_eq!(words, ["in-progress", "completed"]);
    let recordings = service.get(&format!("/calls/{live}/recordings")).await;
    assert_eq!(
        recordings["recordings"][0]["call_id"], **live,
        "{recordings}"
    );
}

async fn new_calls_are_placed(service: &Service, left: &EarlierData) {
    let [ada, _] = left.users;
    let body = json!({ "user_id": ada.to_hex(), "to_number": NUMBER, "script": "Hello!" });
    let place = || Request::post("/calls/outbound", &body).header("idempotency-key", "moved");
    let placed = service.send(place()).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let repeated = service.send(place()).await;
    assert_eq!(repeated.json()["call_id"], placed.json()["call_id"]);
    assert_eq!(
        service.get(&format!("/users/{ada}/calls")).await["total"],
        4
    );
    let taken =
        json!({ "name": "Ada", "email": "ADA.LOVELACE@example.com", "phone_number": NUMBER });
    let again = service.send(Request::post("/users", &taken)).await;
    again.assert_problem(409, "email_taken");
}

async fn earlier_data_is_changed_and_deleted(
    service: &Service,
    twilio: &Twilio,
    left: &EarlierData,
    sid: &str,
) {
    let [ada, charles] = left.users;
    let [ended, ..] = &left.calls;
    let change = Request::new("PATCH", &format!("/users/{ada}"))
        .with_key(testkit::API_KEY)
        .json(&json!({ "email": "ada@example.com" }));
    assert_eq!(
        service.send(change).await.json()["email"],
        "ada@example.com"
    );
    let delete = |path: String| Request::new("DELETE", &path).with_key(testkit::API_KEY);
    let refused = service.send(delete(format!("/users/{ada}"))).await;
    refused.assert_problem(409, "user_has_calls");
    assert_eq!(
        service
            .send(delete(format!("/users/{charles}")))
            .await
            .status,
        204
    );

    let deleted = service
        .send(delete(format!("/recordings/{}", left.recording)))
        .await;
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    let asked = twilio.requests("DELETE", &format!("/{sid}.json")).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    let call = service.get(&format!("/calls/{ended}")).await;
    assert_eq!(call["recording_url"], Value::Null);
    assert_eq!(
        service.get(&format!("/calls/{ended}/recordings")).await["recordings"],
        json!([])
    );
}
