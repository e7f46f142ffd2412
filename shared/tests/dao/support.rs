//! Databases, documents and updates for the tests.

use std::env;

use mongodb::{
    Database,
    bson::DateTime,
    event::{EventHandler, command::CommandEvent},
};
use outdial::{
    config::MongoConfig,
    dao::{DailyCaps, Dao, DueCall, LookRequest, indexes},
    domain::{
        Call, CallSid, CallStatus, DialOutcome, DialResult, EventSource, Lane, Priority,
        RecordingSid, RecordingStatus, RecordingUpdate, StatusUpdate, UserId,
    },
};
use secrecy::SecretString;
pub use testkit::{SentCommands as Sent, new_sid as sid, new_user as user};
use uuid::Uuid;

/// Runs a test in a new database with all indexes. Drops the database if the test passes.
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

/// Runs a test with a DAO that has made its two connections, and with a record of its commands.
pub async fn with_counted_dao(test: impl AsyncFnOnce(&Dao, &Sent)) {
    let sent = Sent::default();
    with_observed_dao(sent.observer(), async |dao| {
        dao.warm_up().await;
        test(dao, &sent).await;
    })
    .await;
}

/// Returns the calls of the normal lane that are due at this time, and that no claim holds.
pub async fn due_at(dao: &Dao, now: DateTime) -> Vec<DueCall> {
    let request = LookRequest {
        lanes: &[(Lane::of(Priority::Normal, None), 100)],
        leased_max: 1,
        with_batches: false,
    };
    let mut look = dao.look(&request, now).await.unwrap();
    look.lanes.remove(0).due
}

/// Runs a test in a new database without indexes. Drops the database if the test passes.
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

/// Returns a call whose dial is pending.
pub fn call() -> Call {
    call_of(UserId::generate())
}

/// Returns a call of this user whose dial is pending.
pub fn call_of(user: UserId) -> Call {
    Call {
        user_id: user.to_string(),
        twilio_sid: None,
        dial_outcome: Some(DialOutcome::Pending),
        answered_status: None,
        updated_at: DateTime::from_millis(1_700_000_000_000),
        ..testkit::new_call()
    }
}

pub async fn stored_call(dao: &Dao) -> Call {
    let call = call();
    dao.create_call(&call).await.unwrap();
    call
}

/// Returns caps for a user and for all calls. The cap for a number is never reached.
pub fn caps(per_user: u32, in_all: u32) -> DailyCaps {
    DailyCaps {
        per_user,
        per_number: 1_000,
        in_all,
    }
}

pub fn recording_sid() -> RecordingSid {
    format!("RE{}", Uuid::new_v4().simple()).parse().unwrap()
}

/// Returns Twilio's usual response to a dial.
pub fn accepted(sid: &CallSid) -> DialResult {
    DialResult::Accepted {
        sid: sid.clone(),
        status: Some(CallStatus::Queued),
    }
}

/// Returns a status callback at second `sequence` of the call.
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

/// Returns an update as a response from Twilio's REST API brings it.
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

/// Returns a `CallSid` that derives from the call, so that all its updates have the same one.
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
