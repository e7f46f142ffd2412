//! A batch that runs since an hour ago, with its calls. A seed makes them the same each time, relative to now.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fastrand::Rng;
use mongodb::Database;
use mongodb::bson::{Document, doc, oid::ObjectId};
use uuid::Builder;

use super::seed::{bytes, stored};
use crate::Result;

/// The number of recipients.
const RECIPIENTS: usize = 400;
/// The number of recipients that were called.
const CALLED: usize = 290;
/// The time between two calls, in milliseconds.
const PACE: u64 = 12_000;
/// Ends of calls. The first ones are more frequent.
const ENDS: [&str; 8] = [
    "completed",
    "completed",
    "completed",
    "completed",
    "no-answer",
    "no-answer",
    "busy",
    "failed",
];

/// Adds the batch for the first user of the database, and returns its id.
///
/// The calls are a month old: their time was given in advance. So they come after all others in lists.
///
/// # Errors
///
/// When the database does not respond or has no user.
pub async fn fill(database: &Database, seed: u64) -> Result<String> {
    let mut rng = Rng::with_seed(seed);
    let users = database.collection::<Document>("users");
    let user = users.find_one(doc! {}).await?.ok_or("there is no user")?;
    let user = user.get_object_id("_id").map(ObjectId::to_hex)?;
    let id = Builder::from_random_bytes(bytes(&mut rng))
        .into_uuid()
        .to_string();
    let now = Utc::now();
    let created = stored(now - Duration::from_hours(31 * 24));
    let started = now - Duration::from_millis(PACE * CALLED as u64);
    let expires = stored(now + Duration::from_hours(7 * 24));
    let script =
        "Hello {{ first_name }}! The library holds the book that you have asked for until Friday.";
    let batch = doc! {
        "_id": &id, "name": "Books to pick up", "status": "running", "user_id": &user, "script": script, "priority": "bulk",
        "scheduled_at": stored(started), "expires_at": expires, "reserved": i64::try_from(RECIPIENTS)?, "created_by": "backend",
        "created_at": created, "started_at": stored(started), "updated_at": stored(started),
    };
    let batches = database.collection::<Document>("batches");
    batches.insert_one(batch).await?;
    let common = doc! {
        "batch_id": &id, "user_id": &user, "from_number": "+15005550006", "lane": format!("bulk:{id}"), "priority": "bulk",
        "attempt": 1, "scheduled_at": stored(started), "due_at": stored(started), "expires_at": expires,
        "recording_enabled": false, "created_by": "backend", "created_at": created,
    };
    let calls: Vec<_> = (0..RECIPIENTS)
        .map(|nth| {
            let dialled = started + Duration::from_millis(PACE * nth as u64);
            let mut call = call(&mut rng, nth, (nth < CALLED).then_some(dialled));
            call.extend(common.clone());
            call
        })
        .collect();
    let collection = database.collection::<Document>("calls");
    collection.insert_many(calls).await?;
    Ok(id)
}

/// A call that was dialled at this time, or that waits.
fn call(rng: &mut Rng, nth: usize, dialled: Option<DateTime<Utc>>) -> Document {
    let id = ObjectId::from_bytes(bytes(rng));
    let call_id = Builder::from_random_bytes(bytes(rng)).into_uuid();
    let mut call = doc! {
        "_id": id, "call_id": call_id.to_string(), "first_call_id": call_id.to_string(),
        "to_number": format!("+1415555{:04}", rng.u32(..10_000)), "external_id": format!("reader-{nth}"),
        "script": "Hello Ada! The library holds the book that you have asked for until Friday.", "events": [],
    };
    let Some(dialled) = dialled else {
        let now = stored(Utc::now());
        call.extend(doc! { "status": "scheduled", "status_rank": -1, "answered_status": 202, "waiting_for": "permit", "updated_at": now });
        return call;
    };
    let status = ENDS[rng.usize(..ENDS.len())];
    let ended = dialled + Duration::from_millis(rng.u64(2_000..9_000));
    let event = doc! { "status": status, "at": stored(ended), "source": "twilio", "sequence": 0 };
    call.extend(doc! {
        "status": status, "status_rank": 4, "answered_status": 202, "twilio_sid": format!("CA{id}{:08x}", rng.u32(..)),
        "dial_outcome": "accepted", "dial_begun_at": stored(dialled), "events": [event], "updated_at": stored(ended),
        "duration_seconds": (status == "completed").then_some(5_i64),
    });
    call
}
