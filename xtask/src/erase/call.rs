//! One call: what Twilio has of it goes first, then our records of its recordings, then what it says of a person. Whatever ends this
//! in between, the call is found again and the rest is done.

use std::collections::BTreeSet;
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{
    DateTime, Document, RawDocumentBuf, deserialize_from_document, doc, oid::ObjectId,
};
use outbound_calls::Line;
use outdial::dao::{DaoError, ERASED_AT, number_counter};
use outdial::domain::{
    Call, CallId, CallSid, CallStatus, PhoneNumber, RecordingSid, RecordingStatus,
};
use outdial::twilio::{TwilioClient, TwilioError};
use rlibphonenumber::PHONE_NUMBER_UTIL as PLAN;

use super::kept_days;
use super::stored::Stored;

/// Why a call is not erased.
pub enum Left {
    /// Twilio has not deleted what it has of it, or something of it may still come.
    Kept(String),
    /// The database did not do what it was asked.
    Away(DaoError),
}

impl<E: Into<DaoError>> From<E> for Left {
    fn from(error: E) -> Self {
        Self::Away(error.into())
    }
}

/// Twilio keeps a call in its queue for so long.
const QUEUED: Duration = Duration::from_hours(24);
/// A recording is told of some seconds after its call; this is long.
const RECORDING_LATE: Duration = Duration::from_mins(15);

/// What stays of a call, as it is, if it can be read. Everything else goes, what later versions may add too.
const FACTS: [&str; 15] = [
    "from_number",
    "status",
    "status_rank",
    "dial_outcome",
    "answered_status",
    "error_code",
    "error_status",
    "duration_seconds",
    "answered_by",
    "sip_response_code",
    "delivery",
    "events",
    "events_dropped",
    "recording_enabled",
    "created_at",
];

/// The call's public name; its `_id`, where that cannot be read.
pub fn name(call: &Stored) -> String {
    let name = call.field::<CallId>("call_id").map(|id| id.to_string());
    let name = name.or_else(|| call.id().map(|id| format!("_id {id}")));
    name.unwrap_or_else(|| "without a readable name".to_owned())
}

/// Why the call may not have ended, if that is so. A status that cannot be read may be any, for as long as Twilio may have the
/// call in its queue.
pub fn may_go_on(call: &Stored, now: DateTime) -> Option<String> {
    let created_at = call.field::<DateTime>("created_at");
    let is_of_today = created_at.is_some_and(|at| is_younger(at, QUEUED, now));
    let Some(status) = call.field::<CallStatus>("status") else {
        return is_of_today
            .then(|| "its status cannot be read, and it is younger than a day".to_owned());
    };
    if !status.is_terminal() {
        return Some(status.as_str().to_owned());
    }
    let was_given_up = call.field::<i32>("status_rank") == Some(CallStatus::GIVEN_UP_RANK);
    (was_given_up && is_of_today)
        .then(|| "Twilio did not know it, but may have it in its queue for a day".to_owned())
}

fn is_younger(time: DateTime, age: Duration, now: DateTime) -> bool {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    now.timestamp_millis()
        .saturating_sub(time.timestamp_millis())
        < age
}

/// Erases what the call says of a person, here and at Twilio.
pub async fn erase(database: &Database, twilio: &TwilioClient, call: &Stored) -> Result<(), Left> {
    let recordings = database.collection::<RawDocumentBuf>("recordings");
    let of_call = call.id().map(|id| doc! { "call_id": id });
    if let Some(sid) = call.field::<CallSid>("twilio_sid") {
        let mut known = BTreeSet::new();
        if let Some(of_call) = &of_call {
            let mut stored = recordings.find(of_call.clone()).await?;
            while stored.advance().await? {
                let sid = stored.current().get_str("twilio_sid").ok();
                known.extend(sid.map(str::to_owned));
            }
        }
        delete_at_twilio(twilio, call, &sid, known).await?;
    }
    if let Some(of_call) = of_call {
        recordings.delete_many(of_call).await?;
    }
    let to_number = call.field::<String>("to_number").unwrap_or_default();
    forget_number(database, &to_number).await?;
    let facts = readable_facts(call);
    // What each call has is there all the same: texts without a letter, and a name that nobody has heard.
    let mut marks = doc! {
        "call_id": CallId::generate().to_string(),
        "user_id": "",
        "to_number": "",
        "script": "",
        "country": country(&to_number),
        "recording_settled": true,
        ERASED_AT: "$$NOW",
        "updated_at": "$$NOW",
    };
    if !facts.contains_key("status") {
        marks.insert("status", CallStatus::Failed.as_str());
        marks.insert("status_rank", CallStatus::Failed.rank());
    }
    for (fact, value) in [("from_number", ""), ("created_at", "$$NOW")] {
        if !facts.contains_key(fact) {
            marks.insert(fact, value);
        }
    }
    let stages = vec![doc! { "$project": facts }, doc! { "$set": marks }];
    let calls = database.collection::<Document>("calls");
    calls
        .update_one(doc! { "_id": call.value("_id") }, stages)
        .await?;
    Ok(())
}

/// The projection to the facts. One that no call could have may tell of a person, and goes too.
fn readable_facts(call: &Stored) -> Document {
    let bare = doc! {
        "_id": ObjectId::new(),
        "call_id": CallId::generate().to_string(),
        "user_id": "",
        "to_number": "",
        "from_number": "",
        "status": CallStatus::Failed.as_str(),
        "script": "",
        "created_at": DateTime::MIN,
        "updated_at": DateTime::MIN,
    };
    let mut facts = doc! { "_id": 1 };
    for fact in FACTS {
        let Some(value) = call.value(fact) else {
            continue;
        };
        let mut with_fact = bare.clone();
        with_fact.insert(fact, value);
        if deserialize_from_document::<Call>(with_fact).is_ok() {
            facts.insert(fact, 1);
        }
    }
    facts
}

/// The recordings, then the call, without which they would be found no more.
async fn delete_at_twilio(
    twilio: &TwilioClient,
    call: &Stored,
    sid: &CallSid,
    mut known: BTreeSet<String>,
) -> Result<(), Left> {
    let kept = |what: &str, error: TwilioError| Left::Kept(format!("{what}: {error}"));
    let is_there = match twilio.list_recordings(sid).await {
        Ok(listed) => {
            if listed
                .iter()
                .any(|one| one.status == RecordingStatus::Processing)
            {
                return Err(Left::Kept(
                    "a recording of it is still being made".to_owned(),
                ));
            }
            known.extend(listed.iter().map(|one| one.recording_sid.to_string()));
            true
        }
        Err(TwilioError::Refused(refusal)) if refusal.http_status == Some(404) => false,
        Err(error) => return Err(kept("its recordings at Twilio", error)),
    };
    let is_recorded = call.field("recording_enabled") == Some(true)
        && call.field("status") == Some(CallStatus::Completed);
    let updated_at = call.field::<DateTime>("updated_at");
    let is_recent = updated_at.is_some_and(|at| is_younger(at, RECORDING_LATE, DateTime::now()));
    if is_there && is_recorded && is_recent && known.is_empty() {
        let why = "its recording is not known yet; run this again in a quarter of an hour";
        return Err(Left::Kept(why.to_owned()));
    }
    for recording in known
        .iter()
        .filter_map(|sid| sid.parse::<RecordingSid>().ok())
    {
        let deleted = twilio.delete_recording(&recording).await;
        deleted.map_err(|error| kept(recording.as_str(), error))?;
    }
    let deleted = twilio.delete_call(sid).await;
    deleted.map_err(|error| kept("Twilio's record of it", error))
}

/// A blocked number stays blocked, whoever it was; why it is may tell of them. Its counters go.
pub async fn forget_number(database: &Database, number: &str) -> Result<(), DaoError> {
    let line = number.parse::<PhoneNumber>().ok();
    let line = line.map(|number| Line::of(&number));
    let spellings: Vec<_> = match &line {
        Some(line) => line.spellings().iter().map(PhoneNumber::as_str).collect(),
        None => vec![number],
    };
    let blocked = database.collection::<Document>("blocked_numbers");
    let change = doc! { "$unset": { "reason": "" } };
    blocked
        .update_many(doc! { "number": { "$in": spellings } }, change)
        .await?;
    let Some(line) = line else {
        return Ok(());
    };
    let counters: Vec<_> = kept_days()
        .map(|day| number_counter(line.key(), day))
        .collect();
    database
        .collection::<Document>("counters")
        .delete_many(doc! { "_id": { "$in": counters } })
        .await?;
    Ok(())
}

/// An ISO 3166 code; none for a number of no country's plan.
fn country(number: &str) -> Option<String> {
    let read = PLAN.parse(number, None).ok()?;
    PLAN.get_region_for_number(&read)
        .map(|region| region.to_string())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, serialize_to_raw_document_buf};

    use super::*;

    fn stored(call: &Call) -> Stored {
        Stored(serialize_to_raw_document_buf(call).unwrap())
    }

    #[test]
    fn a_call_that_was_given_up_may_go_on_for_a_day() {
        let now = DateTime::now();
        let ago = |hours: i64| DateTime::from_millis(now.timestamp_millis() - hours * 3_600_000);
        let mut call = testkit::new_call();
        call.status = CallStatus::InProgress;
        call.created_at = ago(48);
        assert_eq!(
            may_go_on(&stored(&call), now).as_deref(),
            Some("in-progress")
        );
        call.status = CallStatus::Failed;
        call.status_rank = CallStatus::GIVEN_UP_RANK;
        assert_eq!(may_go_on(&stored(&call), now), None);
        call.created_at = ago(23);
        assert!(may_go_on(&stored(&call), now).is_some());
        call.status_rank = CallStatus::Failed.rank();
        assert_eq!(may_go_on(&stored(&call), now), None);
    }

    #[test]
    fn unreadable_status_may_be_of_a_live_call_for_a_day() {
        let now = DateTime::now();
        let of = |created_at: Bson| {
            let call = doc! { "status": 17, "created_at": created_at };
            Stored(RawDocumentBuf::try_from(&call).unwrap())
        };
        assert!(may_go_on(&of(now.into()), now).is_some());
        for created_at in [DateTime::MIN.into(), Bson::from("yesterday")] {
            assert_eq!(may_go_on(&of(created_at), now), None);
        }
    }

    #[test]
    fn only_readable_facts_are_kept() {
        let call = doc! {
            "status": 17,
            "duration_seconds": 17,
            "answered_by": { "$oid": "Ada" },
            "error_code": "Ada",
            "events": [{ "status": "ringing", "at": "noon", "source": "twilio" }],
            "created_at": DateTime::now(),
            "script": "Hello, Ada.",
        };
        let kept = readable_facts(&Stored(RawDocumentBuf::try_from(&call).unwrap()));
        assert_eq!(
            kept,
            doc! { "_id": 1, "duration_seconds": 1, "created_at": 1 }
        );
    }

    #[test]
    fn of_a_number_its_country_may_be_kept() {
        for (number, told) in [
            ("+12125550123", Some("US")),
            ("+14165550123", Some("CA")),
            ("+999123456", None),
            ("", None),
        ] {
            assert_eq!(country(number).as_deref(), told);
        }
    }
}
