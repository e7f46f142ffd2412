//! One call: what Twilio has of it goes first, then our records of its recordings, then what it says of a person. Whatever ends this
//! in between, the call is found again and the rest is done.

use std::collections::BTreeSet;
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use outdial::dao::{DaoError, ERASED_AT};
use outdial::domain::{
    Call, CallId, CallSid, CallStatus, PhoneNumber, Recording, RecordingSid, RecordingStatus,
};
use outdial::twilio::{TwilioClient, TwilioError};
use rlibphonenumber::PHONE_NUMBER_UTIL as PLAN;

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

/// What stays of a call, as it is. Everything else goes, what later versions may add too.
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

/// Why the call may not have ended, if that is so.
pub fn may_go_on(call: &Call, now: DateTime) -> Option<String> {
    if !call.status.is_terminal() {
        return Some(call.status.as_str().to_owned());
    }
    let was_given_up = call.status_rank == CallStatus::GIVEN_UP_RANK;
    (was_given_up && is_younger(call.created_at, QUEUED, now))
        .then(|| "Twilio did not know it, but may have it in its queue for a day".to_owned())
}

fn is_younger(time: DateTime, age: Duration, now: DateTime) -> bool {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    now.timestamp_millis()
        .saturating_sub(time.timestamp_millis())
        < age
}

/// Erases what the call says of a person, here and at Twilio.
pub async fn erase(database: &Database, twilio: &TwilioClient, call: &Call) -> Result<(), Left> {
    let recordings = database.collection::<Recording>("recordings");
    let of_call = doc! { "call_id": call.id.to_hex() };
    if let Some(sid) = &call.twilio_sid {
        let mut known = BTreeSet::new();
        let mut stored = recordings.find(of_call.clone()).await?;
        while stored.advance().await? {
            known.insert(stored.deserialize_current()?.twilio_sid.to_string());
        }
        delete_at_twilio(twilio, call, sid, known).await?;
    }
    recordings.delete_many(of_call).await?;
    forget_reason(database, call.to_number.as_str()).await?;
    let mut facts: Document = FACTS
        .map(|field| (field.to_owned(), Bson::Int32(1)))
        .into_iter()
        .collect();
    facts.insert("_id", 1);
    // What each call has is there all the same: texts without a letter, and a name that nobody has heard.
    let marks = doc! {
        "call_id": CallId::generate().to_string(),
        "user_id": "",
        "to_number": "",
        "script": "",
        "country": country(&call.to_number),
        "recording_settled": true,
        ERASED_AT: "$$NOW",
        "updated_at": "$$NOW",
    };
    let stages = vec![doc! { "$project": facts }, doc! { "$set": marks }];
    let calls = database.collection::<Document>("calls");
    calls.update_one(doc! { "_id": call.id }, stages).await?;
    Ok(())
}

/// The recordings, then the call, without which they would be found no more.
async fn delete_at_twilio(
    twilio: &TwilioClient,
    call: &Call,
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
    let is_recorded = call.recording_enabled && call.status == CallStatus::Completed;
    let is_recent = is_younger(call.updated_at, RECORDING_LATE, DateTime::now());
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

/// A blocked number stays blocked, whoever it was; why it is may tell of them.
pub async fn forget_reason(database: &Database, number: &str) -> Result<(), DaoError> {
    let blocked = database.collection::<Document>("blocked_numbers");
    let change = doc! { "$unset": { "reason": "" } };
    blocked
        .update_many(doc! { "number": number }, change)
        .await?;
    Ok(())
}

/// An ISO 3166 code; none for a number of no country's plan.
fn country(number: &PhoneNumber) -> Option<String> {
    let read = PLAN.parse(number.as_str(), None).ok()?;
    PLAN.get_region_for_number(&read)
        .map(|region| region.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_given_up_may_go_on_for_a_day() {
        let now = DateTime::now();
        let ago = |hours: i64| DateTime::from_millis(now.timestamp_millis() - hours * 3_600_000);
        let mut call = testkit::new_call();
        call.status = CallStatus::InProgress;
        call.created_at = ago(48);
        assert_eq!(may_go_on(&call, now).as_deref(), Some("in-progress"));
        call.status = CallStatus::Failed;
        call.status_rank = CallStatus::GIVEN_UP_RANK;
        assert_eq!(may_go_on(&call, now), None);
        call.created_at = ago(23);
        assert!(may_go_on(&call, now).is_some());
        call.status_rank = CallStatus::Failed.rank();
        assert_eq!(may_go_on(&call, now), None);
    }

    #[test]
    fn of_a_number_its_country_may_be_kept() {
        for (number, told) in [
            ("+12125550123", Some("US")),
            ("+14165550123", Some("CA")),
            ("+999123456", None),
        ] {
            assert_eq!(country(&number.parse().unwrap()).as_deref(), told);
        }
    }
}
