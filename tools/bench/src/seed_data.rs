//! Fills databases with many calls.

use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, doc, oid::ObjectId};
use outdial::dao::{Cursor, List};
use outdial::domain::{
    Call, CallEvent, CallId, CallStatus, DialOutcome, EventSource, Recording, RecordingSid, User,
    UserId,
};
use testkit::{Stage, new_call};
use uuid::Uuid;

use crate::fixture::Fixture;
use stack::Result;

/// The default size of a page.
pub const PAGE: usize = 20;
/// Number of documents that one command stores.
const BATCH: usize = 1_000;
/// One call in so many belongs to the fixture's user, who has the most calls.
const BUSY_USER: usize = 10;
/// One call in so many has a recording.
const RECORDED: usize = 4;
/// Number of calls of each other user.
const CALLS_OF_OTHERS: usize = 100;
/// The fewest other users.
const OTHERS_MIN: usize = 100;

/// A database with many calls, and requests that read it.
pub struct SeedData {
    pub stage: Stage,
    /// The query of the first page of the user's calls.
    pub first_page: String,
    /// The query of the last full page of the user's calls.
    pub deepest_page: String,
    /// The query of the last full page of the user's completed calls.
    pub deepest_completed: String,
    /// The query of the last full page of users.
    pub deepest_users: String,
    /// A call whose `CallSid` isn't known yet.
    pub dialling: CallId,
    /// The time for storing the documents.
    pub duration: Duration,
}

/// Creates a database with the fixture's documents and this number of calls.
pub async fn seed(fixture: &Fixture, size: usize) -> Result<SeedData> {
    let begun = Instant::now();
    let stage = Stage::at(&fixture.database.uri).await;
    let database = stage.database();
    let others = (size / CALLS_OF_OTHERS).max(OTHERS_MIN);
    let users = users(fixture, others).await?;
    let now = DateTime::now();
    let stored_users = database.collection::<User>("users");
    for batch in users.chunks(BATCH) {
        stored_users.insert_many(batch).await?;
    }
    let calls = database.collection::<Call>("calls");
    let recordings = database.collection::<Recording>("recordings");
    calls.insert_many(&fixture.calls).await?;
    recordings.insert_many(&fixture.recordings).await?;
    let dialling = Call {
        twilio_sid: None,
        dial_outcome: Some(DialOutcome::Pending),
        ..new_call()
    };
    calls.insert_one(&dialling).await?;

    let more = size.saturating_sub(fixture.calls.len());
    let mut ends = Vec::new();
    for begin in (0..more).step_by(BATCH) {
        let mut batch = Vec::with_capacity(BATCH);
        for nth in begin..more.min(begin + BATCH) {
            let is_busy = nth % BUSY_USER == 0;
            let user = &users[if is_busy { 0 } else { 1 + nth % others }];
            // The oldest call comes first. There is one call each minute.
            let call = old_call(user, minutes_before(now, more - nth)?);
            if is_busy && ends.len() < PAGE + 2 {
                ends.push(Cursor::new(call.created_at, call.id));
            }
            batch.push(call);
        }
        let recorded = batch.iter().step_by(RECORDED);
        let recorded = recorded.map(|call| recording_of(&fixture.recordings[0], call));
        recordings
            .insert_many(recorded.collect::<Result<Vec<_>>>()?)
            .await?;
        calls.insert_many(&batch).await?;
    }

    let id: UserId = fixture.user.parse()?;
    // One full page and one more call follow this cursor.
    let deepest = ends.pop().ok_or("the database has too few calls")?;
    let oldest_users = &users[users.len() - PAGE - 2];
    let of_users = Cursor::new(oldest_users.created_at, oldest_users.id);
    let newest = Cursor::new(
        now.saturating_add_duration(Duration::from_hours(1)),
        ObjectId::from_bytes([0xff; 12]),
    );
    let list = List::UserCalls(id, None);
    let completed = List::UserCalls(id, Some(CallStatus::Completed));
    let query = |cursor: Cursor, list: &List| format!("?cursor={}", cursor.write(list));
    Ok(SeedData {
        first_page: query(newest, &list),
        deepest_page: query(deepest, &list),
        deepest_completed: format!("{}&status=completed", query(deepest, &completed)),
        deepest_users: query(of_users, &List::Users),
        stage: {
            let name = stage.variable("MONGO_DB").unwrap_or_default().to_owned();
            let own = fixture.stage.variables();
            let own = own.filter(|(variable, _)| *variable != "MONGO_DB");
            own.fold(stage.clone(), |stage, (variable, value)| {
                stage.set(variable, value)
            })
            .set("MONGO_DB", &name)
        },
        dialling: dialling.call_id,
        duration: begun.elapsed(),
    })
}

/// Returns the fixture's user and older copies of it.
async fn users(fixture: &Fixture, others: usize) -> Result<Vec<User>> {
    let stored = fixture.stage.database().collection::<User>("users");
    let id: UserId = fixture.user.parse()?;
    let first = stored.find_one(doc! { "_id": id.object_id() }).await?;
    let first = first.ok_or("the fixture's user is missing")?;
    let mut users = vec![first.clone()];
    for nth in 1..=others {
        let id = ObjectId::new();
        let email: outdial::domain::Email = format!("{id}@example.com").parse()?;
        users.push(User {
            id,
            email_lower: email.lower(),
            email,
            created_at: minutes_before(first.created_at, nth)?,
            ..first.clone()
        });
    }
    Ok(users)
}

fn minutes_before(time: DateTime, minutes: usize) -> Result<DateTime> {
    let millis = i64::try_from(minutes)? * 60_000;
    Ok(DateTime::from_millis(time.timestamp_millis() - millis))
}

/// Returns a completed call.
fn old_call(user: &User, created_at: DateTime) -> Call {
    let statuses = [
        CallStatus::Initiated,
        CallStatus::Ringing,
        CallStatus::InProgress,
        CallStatus::Completed,
    ];
    let events = (0..).zip(statuses).map(|(sequence, status)| CallEvent {
        status,
        at: created_at,
        source: EventSource::Twilio,
        sequence: Some(sequence),
        token: Some(Uuid::new_v4().to_string()),
    });
    Call {
        user_id: user.id.to_hex(),
        status: CallStatus::Completed,
        status_rank: CallStatus::Completed.rank(),
        duration_seconds: Some(12),
        events: events.collect(),
        created_at,
        updated_at: created_at,
        ..new_call()
    }
}

fn recording_of(like: &Recording, call: &Call) -> Result<Recording> {
    let sid: RecordingSid = format!("RE{}", Uuid::new_v4().simple()).parse()?;
    let uuid: CallId = call.call_id;
    Ok(Recording {
        id: ObjectId::new(),
        call_id: call.id.to_hex(),
        call_uuid: Some(uuid),
        twilio_sid: sid,
        created_at: call.created_at,
        updated_at: Some(call.created_at),
        ..like.clone()
    })
}
