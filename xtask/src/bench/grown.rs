//! Databases with many calls.

use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, doc, oid::ObjectId};
use outdial::dao::{Cursor, List};
use outdial::domain::{
    Call, CallEvent, CallId, CallStatus, DialOutcome, EventSource, Recording, RecordingSid, User,
    UserId,
};
use testkit::{Stage, new_call};
use uuid::Uuid;

use super::scene::Scene;
use crate::Result;

/// What a page has where nothing else is asked for.
pub const PAGE: usize = 20;
/// Documents that are stored at once.
const BATCH: usize = 1_000;
/// One call in so many is the scene's user's, who calls the most.
const BUSY: usize = 10;
/// One call in so many was recorded.
const RECORDED: usize = 4;
/// How many calls the other users have, and the fewest such users.
const CALLS_OF_OTHERS: usize = 100;
const FEWEST_OTHERS: usize = 100;

/// A stage with so many calls.
pub struct Grown {
    pub stage: Stage,
    /// Of the scene's user, by age: the query of the first page and that of the last whole one.
    pub first: String,
    pub deepest: String,
    /// The same, of the calls that ended well.
    pub deepest_completed: String,
    pub deepest_users: String,
    /// A call whose name at Twilio nobody has told yet.
    pub dialling: CallId,
    pub filled_in: Duration,
}

/// A new database with the scene's documents, and more of their kind.
pub async fn grow(scene: &Scene, size: usize) -> Result<Grown> {
    let begun = Instant::now();
    let stage = Stage::at(&scene.database.uri).await;
    let database = stage.database();
    let others = (size / CALLS_OF_OTHERS).max(FEWEST_OTHERS);
    let users = users(scene, others).await?;
    let now = DateTime::now();
    let stored_users = database.collection::<User>("users");
    for batch in users.chunks(BATCH) {
        stored_users.insert_many(batch).await?;
    }
    let calls = database.collection::<Call>("calls");
    let recordings = database.collection::<Recording>("recordings");
    calls.insert_many(&scene.calls).await?;
    recordings.insert_many(&scene.recordings).await?;
    let dialling = Call {
        twilio_sid: None,
        dial_outcome: Some(DialOutcome::Pending),
        ..new_call()
    };
    calls.insert_one(&dialling).await?;

    let more = size.saturating_sub(scene.calls.len());
    let mut ends = Vec::new();
    for begin in (0..more).step_by(BATCH) {
        let mut batch = Vec::with_capacity(BATCH);
        for nth in begin..more.min(begin + BATCH) {
            let is_busy = nth % BUSY == 0;
            let user = &users[if is_busy { 0 } else { 1 + nth % others }];
            // The oldest first, one each minute.
            let call = old_call(user, minutes_before(now, more - nth)?);
            if is_busy && ends.len() < PAGE + 2 {
                ends.push(Cursor::new(call.created_at, call.id));
            }
            batch.push(call);
        }
        let recorded = batch.iter().step_by(RECORDED);
        let recorded = recorded.map(|call| recording_of(&scene.recordings[0], call));
        recordings
            .insert_many(recorded.collect::<Result<Vec<_>>>()?)
            .await?;
        calls.insert_many(&batch).await?;
    }

    let id: UserId = scene.user.parse()?;
    // Behind it lie a page, and one more.
    let deepest = ends.pop().ok_or("too few calls")?;
    let oldest_users = &users[users.len() - PAGE - 2];
    let of_users = Cursor::new(oldest_users.created_at, oldest_users.id);
    let newest = Cursor::new(
        now.saturating_add_duration(Duration::from_hours(1)),
        ObjectId::from_bytes([0xff; 12]),
    );
    let list = List::UserCalls(id, None);
    let completed = List::UserCalls(id, Some(CallStatus::Completed));
    let query = |cursor: Cursor, list: &List| format!("?cursor={}", cursor.write(list));
    Ok(Grown {
        first: query(newest, &list),
        deepest: query(deepest, &list),
        deepest_completed: format!("{}&status=completed", query(deepest, &completed)),
        deepest_users: query(of_users, &List::Users),
        stage: {
            let name = stage.variable("MONGO_DB").unwrap_or_default().to_owned();
            let own = scene.stage.variables();
            let own = own.filter(|(variable, _)| *variable != "MONGO_DB");
            own.fold(stage.clone(), |stage, (variable, value)| {
                stage.set(variable, value)
            })
            .set("MONGO_DB", &name)
        },
        dialling: dialling.call_id,
        filled_in: begun.elapsed(),
    })
}

/// The scene's user, and others like them, who came earlier.
async fn users(scene: &Scene, others: usize) -> Result<Vec<User>> {
    let stored = scene.stage.database().collection::<User>("users");
    let id: UserId = scene.user.parse()?;
    let first = stored.find_one(doc! { "_id": id.object_id() }).await?;
    let first = first.ok_or("the scene has lost its user")?;
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

/// A call that has ended well.
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
