use std::{
    collections::HashSet,
    env,
    sync::{Arc, Mutex, MutexGuard},
};

use mongodb::{
    Database,
    bson::{DateTime, oid::ObjectId},
    event::{EventHandler, command::CommandEvent},
};
use outdial::{
    config::MongoConfig,
    dao::{DailyCaps, Dao, indexes},
    domain::{
        Call, CallId, CallSid, CallStatus, DialOutcome, DialResult, EventSource, RecordingSid,
        RecordingStatus, RecordingUpdate, StatusUpdate, User, UserId,
    },
};
use secrecy::SecretString;
use uuid::Uuid;

/// Runs a test in a new database with all indexes, and drops that at the end of a test that passes.
pub async fn with_dao(test: impl AsyncFnOnce(&Dao)) {
    with_observed_dao(EventHandler::callback(|_| ()), test).await;
}

pub async fn with_observed_dao(observer: EventHandler<CommandEvent>, test: impl AsyncFnOnce(&Dao)) {
    with_database(async |database, config| {
        let report = indexes::ensure(database).await.unwrap();
        assert!(report.is_complete(), "{report}");
        test(&Dao::with_observer(&config, observer).unwrap()).await;
    })
    .await;
}

/// Runs a test with a DAO whose two connections are made, and with what it sends.
pub async fn with_counted_dao(test: impl AsyncFnOnce(&Dao, &Sent)) {
    let sent = Sent::default();
    let record = sent.clone();
    let observer = EventHandler::callback(move |event| record.hear(&event));
    with_observed_dao(observer, async |dao| {
        dao.warm_up().await;
        test(dao, &sent).await;
    })
    .await;
}

/// The commands that a DAO sends.
#[derive(Clone, Default)]
pub struct Sent(Arc<Mutex<Commands>>);

#[derive(Default)]
struct Commands {
    names: Vec<String>,
    steps: usize,
    /// Those that have begun since a step ended.
    begun: HashSet<i32>,
}

impl Sent {
    fn commands(&self) -> MutexGuard<'_, Commands> {
        self.0.lock().unwrap()
    }

    /// A step ends with the first command that both began and ended after the step before: so many commands, and no more, can be
    /// chosen of which each began when the one before had ended.
    fn hear(&self, event: &CommandEvent) {
        let mut commands = self.commands();
        let ended = match event {
            CommandEvent::Started(started) => {
                commands.names.push(started.command_name.clone());
                commands.begun.insert(started.request_id);
                return;
            }
            CommandEvent::Succeeded(succeeded) => succeeded.request_id,
            CommandEvent::Failed(failed) => failed.request_id,
            _ => return,
        };
        if commands.begun.contains(&ended) {
            commands.steps += 1;
            commands.begun.clear();
        }
    }

    /// What the operation ends with, in how many steps one after the other, and by which commands, in alphabetical order.
    pub async fn during<T>(&self, operation: impl Future<Output = T>) -> (T, usize, Vec<String>) {
        *self.commands() = Commands::default();
        let result = operation.await;
        let mut commands = std::mem::take(&mut *self.commands());
        commands.names.sort();
        (result, commands.steps, commands.names)
    }
}

/// Likewise, without indexes.
pub async fn with_database(test: impl AsyncFnOnce(&Database, MongoConfig)) {
    let config = config(&server());
    let dao = Dao::new(&config).unwrap();
    let database = dao.database().await.unwrap();
    test(&database, config).await;
    database.drop().await.unwrap();
}

pub fn server() -> String {
    env::var("OUTDIAL_TEST_MONGO_URI").expect(
        "OUTDIAL_TEST_MONGO_URI must name a MongoDB server to test against: `cargo xtask test` starts one",
    )
}

pub fn config(uri: &str) -> MongoConfig {
    MongoConfig {
        uri: SecretString::from(uri),
        database: format!("dao-{}", Uuid::new_v4().simple()),
        max_pool_size: 2,
    }
}

pub fn user(email: &str) -> User {
    let email: outdial::domain::Email = email.parse().unwrap();
    User {
        id: ObjectId::new(),
        name: "Ada Lovelace".parse().unwrap(),
        email_lower: email.lower(),
        idempotency_scope: None,
        request_hash: None,
        email,
        phone_number: "+12125550123".parse().unwrap(),
        time_zone: None,
        created_by: None,
        created_at: DateTime::now(),
        updated_at: DateTime::now(),
    }
}

/// A call that waits for Twilio's answer.
pub fn call() -> Call {
    call_of(UserId::generate())
}

pub fn call_of(user: UserId) -> Call {
    let call_id = CallId::generate();
    Call {
        id: call_id.object_id(),
        call_id,
        user_id: user.to_string(),
        twilio_sid: None,
        to_number: "+12125550123".parse().unwrap(),
        from_number: "+12125550100".parse().unwrap(),
        status: CallStatus::Initiated,
        status_rank: CallStatus::Initiated.rank(),
        script: "Hello.".parse().unwrap(),
        voice: None,
        language: None,
        machine_detection: None,
        metadata: outdial::domain::Metadata::default(),
        recording_enabled: false,
        recording_url: None,
        dial_outcome: Some(DialOutcome::Pending),
        dial_deadline: None,
        counted_number: None,
        announces_dial: false,
        dial_begun_at: None,
        answered_status: None,
        hangup_requested: false,
        error_code: None,
        error_message: None,
        error_status: None,
        duration_seconds: None,
        answered_by: None,
        sip_response_code: None,
        delivery: None,
        events: Vec::new(),
        events_dropped: 0,
        idempotency_scope: None,
        request_hash: None,
        created_by: None,
        created_at: DateTime::now(),
        updated_at: DateTime::from_millis(1_700_000_000_000),
    }
}

pub async fn stored_call(dao: &Dao) -> Call {
    let call = call();
    dao.create_call(&call).await.unwrap();
    call
}

/// Caps of which the number's is in nobody's way.
pub fn caps(per_user: u32, in_all: u32) -> DailyCaps {
    DailyCaps {
        per_user,
        per_number: 1_000,
        in_all,
    }
}

pub fn sid() -> CallSid {
    format!("CA{}", Uuid::new_v4().simple()).parse().unwrap()
}

pub fn recording_sid() -> RecordingSid {
    format!("RE{}", Uuid::new_v4().simple()).parse().unwrap()
}

/// Twilio's answer to a dial, as it is.
pub fn accepted(sid: &CallSid) -> DialResult {
    DialResult::Accepted {
        sid: sid.clone(),
        status: Some(CallStatus::Queued),
    }
}

/// A status callback, at second `sequence` of the call.
pub fn callback(sid: &CallSid, status: CallStatus, sequence: i64) -> StatusUpdate {
    StatusUpdate {
        call_sid: sid.clone(),
        status,
        at: second(sequence),
        source: EventSource::Twilio,
        sequence: Some(sequence),
        token: Some(format!("token {sequence}")),
        duration_seconds: None,
        answered_by: None,
        sip_response_code: None,
        error_code: None,
        error_message: None,
    }
}

/// What an answer of Twilio's REST API tells.
pub fn conclusion(sid: &CallSid, status: CallStatus, at: DateTime) -> StatusUpdate {
    StatusUpdate {
        at,
        source: EventSource::Api,
        sequence: None,
        token: None,
        ..callback(sid, status, 0)
    }
}

pub fn second(of_call: i64) -> DateTime {
    DateTime::from_millis(1_800_000_000_000 + of_call * 1_000)
}

/// Twilio's name of that call, the same for each of its recordings.
pub fn sid_of(call: &Call) -> CallSid {
    let name = call.call_id.to_string().replace('-', "");
    format!("CA{name}").parse().unwrap()
}

pub fn recording_update(
    call: &Call,
    sid: &RecordingSid,
    status: RecordingStatus,
) -> RecordingUpdate {
    let word = match status {
        RecordingStatus::Processing => "in-progress",
        RecordingStatus::Completed => "completed",
        RecordingStatus::Failed => "failed",
        RecordingStatus::Absent => "absent",
        RecordingStatus::Deleted => "deleted",
    };
    RecordingUpdate {
        call_sid: sid_of(call),
        recording_sid: sid.clone(),
        recording_url: Some(format!("https://api.twilio.com/{sid}")),
        recording_status: word.to_owned(),
        status,
        duration_seconds: (status == RecordingStatus::Completed).then_some(7),
        channels: Some(1),
        error_code: None,
        started_at: Some(second(0)),
    }
}
