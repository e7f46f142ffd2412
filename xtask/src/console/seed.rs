//! Ten thousand calls of the last month. A seed makes them the same each time, relative to now.

use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, Timelike, Utc};
use fastrand::Rng;
use mongodb::Database;
use mongodb::bson::{Bson, DateTime as BsonTime, Document, doc, oid::ObjectId};
use uuid::Builder;

use crate::Result;

/// The number of calls.
pub const CALLS: usize = 10_000;
/// The age of the calls, in milliseconds.
const AGE: Range<u64> = 15 * 60_000..30 * 86_400_000;
/// The number of calls in one insert.
const AT_ONCE: usize = 1_000;

const PEOPLE: [(&str, &str); 8] = [
    ("Ada Lovelace", "America/New_York"),
    ("Grace Hopper", "America/Chicago"),
    ("Alan Turing", ""),
    ("Katherine Johnson", "America/New_York"),
    ("Edsger Dijkstra", ""),
    ("Barbara Liskov", "America/Los_Angeles"),
    ("Annie Easley", "America/Chicago"),
    ("Radia Perlman", ""),
];
const SCRIPTS: [&str; 5] = [
    "Hello! Your order is ready to be picked up.",
    "This is a reminder of your appointment tomorrow at nine. Please call us if you cannot come.",
    "Your table for four is booked for tonight at eight. We look forward to seeing you!",
    "A parcel will be delivered to you today between two and four.",
    "The library holds the book that you have asked for until Friday.",
];
/// The ends of calls: Twilio's status, the share in percent, and the SIP response.
const ENDS: [(&str, u32, i32); 5] = [
    ("completed", 71, 200),
    ("no-answer", 13, 487),
    ("busy", 8, 486),
    ("failed", 5, 404),
    ("canceled", 3, 487),
];

/// Fills a database that has only its indexes.
///
/// # Errors
///
/// When the database does not respond.
pub async fn fill(database: &Database, seed: u64) -> Result<()> {
    let mut rng = Rng::with_seed(seed);
    let now = Utc::now();
    let people: Vec<_> = PEOPLE
        .iter()
        .enumerate()
        .map(|(nth, person)| user(&mut rng, nth, *person, now))
        .collect();
    database
        .collection::<Document>("users")
        .insert_many(&people)
        .await?;
    let mut calls: Vec<_> = (0..CALLS).map(|_| call(&mut rng, &people, now)).collect();
    calls.sort_by_key(|call| call.get_datetime("created_at").ok().copied());
    // The oldest call is of an erased person.
    if let Some(call) = calls.first_mut() {
        call.extend(doc! {
            "user_id": "", "to_number": "", "script": "", "status": "queued", "recording_enabled": true,
        });
    }
    // In the newest completed call, the apology was spoken.
    let is_completed = |call: &&mut Document| {
        let status = call.get_str("status");
        status.is_ok_and(|status| status == "completed") && !call.contains_key("voicemail")
    };
    if let Some(call) = calls.iter_mut().rev().find(is_completed) {
        call.insert("delivery", "none");
    }
    for some in calls.chunks(AT_ONCE) {
        database
            .collection::<Document>("calls")
            .insert_many(some)
            .await?;
    }
    Ok(())
}

fn user(rng: &mut Rng, nth: usize, (name, zone): (&str, &str), now: DateTime<Utc>) -> Document {
    let first = name.split(' ').next().unwrap_or_default().to_lowercase();
    let email = format!("{first}@example.com");
    let hours = 900_u64.saturating_sub(40 * nth as u64);
    let at = stored(now - Duration::from_hours(hours));
    let mut user = doc! {
        "_id": ObjectId::from_bytes(bytes(rng)), "name": name, "email": &email, "email_lower": email,
        "phone_number": format!("+1415555{:04}", rng.u32(..10_000)),
        "created_by": "backend", "created_at": at, "updated_at": at,
    };
    if !zone.is_empty() {
        user.insert("time_zone", zone);
    }
    user
}

fn call(rng: &mut Rng, people: &[Document], now: DateTime<Utc>) -> Document {
    let person = &people[rng.usize(..people.len())];
    let mut placed = now - Duration::from_millis(rng.u64(AGE));
    // Few calls are at night.
    while placed.hour() < 8 && rng.u8(..10) > 0 {
        placed = now - Duration::from_millis(rng.u64(AGE));
    }
    let mut points = rng.u32(..100);
    let (status, _, sip) = ENDS
        .into_iter()
        .find(|(_, share, _)| {
            let found = points < *share;
            points = points.saturating_sub(*share);
            found
        })
        .unwrap_or(ENDS[0]);
    let mut events = Vec::new();
    let mut at = placed;
    let mut tell = |status: &str, milliseconds: u64| {
        at += Duration::from_millis(milliseconds);
        events.push(Bson::from(doc! {
            "status": status, "at": stored(at), "source": "twilio", "sequence": i32::try_from(events.len()).unwrap_or(i32::MAX),
        }));
    };
    tell("initiated", rng.u64(200..500));
    tell("ringing", rng.u64(600..1_500));
    let talked = (status == "completed").then(|| rng.i64(4..75));
    if let Some(seconds) = talked {
        tell("in-progress", rng.u64(2_000..14_000));
        tell(status, seconds.unsigned_abs() * 1_000);
    } else {
        tell(status, rng.u64(2_000..30_000));
    }
    let id = ObjectId::from_bytes(bytes(rng));
    let mut call = doc! {
        "_id": id,
        "call_id": Builder::from_random_bytes(bytes(rng)).into_uuid().to_string(),
        "user_id": person.get_object_id("_id").map(ObjectId::to_hex).unwrap_or_default(),
        "twilio_sid": format!("CA{id}{:08x}", rng.u32(..)),
        "to_number": person.get_str("phone_number").unwrap_or_default(), "from_number": "+15005550006",
        "status": status, "status_rank": 3, "script": SCRIPTS[rng.usize(..SCRIPTS.len())],
        "recording_enabled": rng.u8(..3) > 0, "recording_settled": true,
        "dial_outcome": "accepted", "answered_status": 201, "sip_response_code": sip, "duration_seconds": talked,
        "events": events, "created_by": "backend",
        "created_at": stored(placed), "updated_at": stored(at),
    };
    if rng.u8(..3) == 0 {
        call.extend(result(rng, status));
    }
    call
}

/// The fields of a call that hangs up on machines, and so has a result.
fn result(rng: &mut Rng, status: &str) -> Document {
    let voicemail = doc! { "action": "hang_up" };
    match rng.u8(..10) {
        _ if status != "completed" => doc! { "voicemail": voicemail, "result": "not_reached" },
        0..6 => doc! {
            "voicemail": voicemail, "result": "completed", "delivery": "full", "steps_ended": true, "answered_by": "human",
        },
        6..8 => doc! {
            "voicemail": voicemail, "result": "hung_up", "delivery": "started", "answered_by": "human",
        },
        _ => doc! {
            "voicemail": voicemail, "result": "voicemail_missed", "delivery": "started", "answered_by": "machine_start",
        },
    }
}

pub(super) fn stored(time: DateTime<Utc>) -> BsonTime {
    BsonTime::from_millis(time.timestamp_millis())
}

pub(super) fn bytes<const N: usize>(rng: &mut Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill(&mut bytes);
    bytes
}
