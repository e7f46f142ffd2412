//! Erases one call: first at Twilio, then our records of its recordings, then what the call says of a person. If this is
//! interrupted, the next run finds the call again and does the rest.

use std::collections::BTreeSet;
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::dao::admin::{StoredDocument, counters, erase as stored};
use outdial::dao::{DaoError, number_counter};
use outdial::domain::{CallId, CallSid, CallStatus, PhoneNumber, RecordingSid, RecordingStatus};
use outdial::service::rules::{Line, country_of};
use outdial::service::transcripts::TranscriptError;
use outdial::twilio::{TwilioClient, TwilioError};

/// The reason that a call is not erased.
pub enum EraseError {
    /// Twilio did not delete its part, or a recording may still come.
    Kept(String),
    /// The database failed.
    Database(DaoError),
}

impl From<DaoError> for EraseError {
    fn from(error: DaoError) -> Self {
        Self::Database(error)
    }
}

/// The longest time that Twilio keeps a call in its queue.
const QUEUED: Duration = Duration::from_hours(24);
/// Twilio announces a recording some seconds after the end of the call; this is long.
const RECORDING_LATE: Duration = Duration::from_mins(15);

/// The call's public id, or the `_id` if that can't be read.
pub fn name(call: &StoredDocument) -> String {
    let name = call.field::<CallId>("call_id").map(|id| id.to_string());
    let name = name.or_else(|| call.id().map(|id| format!("_id {id}")));
    name.unwrap_or_else(|| "without a readable id".to_owned())
}

/// Returns why the call may still be in progress, or `None` if it can't be. A call that waits is canceled first. An unreadable status may be any, for as long as
/// Twilio may have the call in its queue.
pub fn may_be_live(call: &StoredDocument, now: DateTime) -> Option<String> {
    let created_at = call.field::<DateTime>("created_at");
    let may_be_queued = created_at.is_some_and(|at| is_younger(at, QUEUED, now));
    let status = call.field::<CallStatus>("status");
    let Some(status) = status.filter(|status| *status != CallStatus::Unknown) else {
        return may_be_queued
            .then(|| "its status cannot be read, and it is less than a day old".to_owned());
    };
    if status == CallStatus::Scheduled {
        return None;
    }
    if !status.is_terminal() {
        return Some(status.as_str().to_owned());
    }
    let was_given_up = call.field::<i32>("status_rank") == Some(CallStatus::GIVEN_UP_RANK);
    (was_given_up && may_be_queued)
        .then(|| "Twilio did not know it, but may have it in its queue for a day".to_owned())
}

fn is_younger(time: DateTime, age: Duration, now: DateTime) -> bool {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    now.timestamp_millis()
        .saturating_sub(time.timestamp_millis())
        < age
}

/// Erases what the call says of a person, here and at Twilio.
pub async fn erase(
    database: &Database,
    twilio: &TwilioClient,
    call: &StoredDocument,
) -> Result<(), EraseError> {
    if call.field("status") == Some(CallStatus::Scheduled) {
        let why = "it waits to be dialled again; repeat the command";
        return Err(EraseError::Kept(why.to_owned()));
    }
    if let Some(sid) = call.field::<CallSid>("twilio_sid") {
        delete_at_twilio(database, twilio, call, &sid).await?;
    }
    if let Some(id) = call.id() {
        // If a function asks for a transcript now, it finds no recording, and deletes the transcript.
        stored::delete_recordings(database, id).await?;
        stored::delete_transcripts(database, id).await?;
    }
    let to_number = call.field::<String>("to_number").unwrap_or_default();
    forget_number(database, &to_number).await?;
    stored::erase_call(database, call, country_of(&to_number)).await?;
    Ok(())
}

/// Deletes the recordings, then the call, through which they are found.
async fn delete_at_twilio(
    database: &Database,
    twilio: &TwilioClient,
    call: &StoredDocument,
    sid: &CallSid,
) -> Result<(), EraseError> {
    let kept = |what: &str, error: TwilioError| EraseError::Kept(format!("{what}: {error}"));
    let mut known = known_recordings(database, call.id()).await?;
    let is_known_to_twilio = match twilio.list_recordings(sid).await {
        Ok(listed) => {
            if listed
                .iter()
                .any(|one| one.status == RecordingStatus::Processing)
            {
                return Err(EraseError::Kept(
                    "one of its recordings is still being made".to_owned(),
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
    if is_known_to_twilio && is_recorded && is_recent && known.is_empty() {
        let why = "its recording is not known yet; repeat the command in a quarter of an hour";
        return Err(EraseError::Kept(why.to_owned()));
    }
    let known: Vec<RecordingSid> = known.iter().filter_map(|sid| sid.parse().ok()).collect();
    if call.field("transcribe") == Some(true) {
        delete_transcripts(database, twilio, call.id(), &known)
            .await
            .map_err(|error| match error {
                TranscriptError::Database(error) => error.into(),
                TranscriptError::Twilio(error) => kept("its transcript at Twilio", error),
            })?;
    }
    for recording in known {
        let deleted = twilio.delete_recording(&recording).await;
        deleted.map_err(|error| kept(recording.as_str(), error))?;
    }
    let deleted = twilio.delete_call(sid).await;
    deleted.map_err(|error| kept("Twilio's record of it", error))
}

/// Deletes the transcripts of these recordings at Twilio, and those that the database has.
async fn delete_transcripts(
    database: &Database,
    twilio: &TwilioClient,
    call: Option<ObjectId>,
    recordings: &[RecordingSid],
) -> Result<(), TranscriptError> {
    let mut sids = BTreeSet::new();
    if let Some(call) = call {
        sids.extend(stored::transcript_sids(database, call).await?);
    }
    for recording in recordings {
        let listed = twilio.list_transcripts(recording).await?;
        sids.extend(listed.iter().map(|one| one.sid.to_string()));
    }
    for sid in sids.iter().filter_map(|sid| sid.parse().ok()) {
        twilio.delete_transcript(&sid).await?;
    }
    Ok(())
}

/// Twilio's ids of the call's recordings that the database has.
async fn known_recordings(
    database: &Database,
    call: Option<ObjectId>,
) -> Result<BTreeSet<String>, DaoError> {
    match call {
        Some(call) => Ok(stored::recording_sids(database, call)
            .await?
            .into_iter()
            .collect()),
        None => Ok(BTreeSet::new()),
    }
}

/// Deletes the number's counters, and the reason why it is blocked, which may name the person. The number stays blocked.
pub async fn forget_number(database: &Database, number: &str) -> Result<(), DaoError> {
    let line = number.parse::<PhoneNumber>().ok();
    let line = line.map(|number| Line::of(&number));
    let spellings: Vec<_> = match &line {
        Some(line) => line.spellings().iter().map(PhoneNumber::as_str).collect(),
        None => vec![number],
    };
    stored::remove_block_reasons(database, &spellings).await?;
    let Some(line) = line else {
        return Ok(());
    };
    let ids: Vec<_> = counters::kept_days()
        .map(|day| number_counter(line.key(), day))
        .collect();
    counters::delete(database, &ids).await
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};

    use super::*;

    fn stored(call: &Document) -> StoredDocument {
        RawDocumentBuf::try_from(call).unwrap().into()
    }

    #[test]
    fn given_up_call_may_be_live_for_a_day() {
        let now = DateTime::now();
        let ago = |hours: i64| DateTime::from_millis(now.timestamp_millis() - hours * 3_600_000);
        let live = |status: CallStatus, rank: i32, created_at: DateTime| {
            let call =
                doc! { "status": status.as_str(), "status_rank": rank, "created_at": created_at };
            may_be_live(&stored(&call), now)
        };
        let rank = CallStatus::InProgress.rank();
        assert_eq!(
            live(CallStatus::InProgress, rank, ago(48)).as_deref(),
            Some("in-progress")
        );
        let given_up = CallStatus::GIVEN_UP_RANK;
        assert_eq!(live(CallStatus::Failed, given_up, ago(48)), None);
        assert!(live(CallStatus::Failed, given_up, ago(23)).is_some());
        let failed = CallStatus::Failed.rank();
        assert_eq!(live(CallStatus::Failed, failed, ago(23)), None);
    }

    #[test]
    fn scheduled_call_is_not_live() {
        let call = doc! { "status": "scheduled", "created_at": DateTime::now() };
        assert_eq!(may_be_live(&stored(&call), DateTime::now()), None);
    }

    #[test]
    fn call_with_unreadable_status_may_be_live_for_a_day() {
        let now = DateTime::now();
        let live = |created_at: Bson| {
            may_be_live(
                &stored(&doc! { "status": 17, "created_at": created_at }),
                now,
            )
        };
        assert!(live(now.into()).is_some());
        for created_at in [DateTime::MIN.into(), Bson::from("yesterday")] {
            assert_eq!(live(created_at), None);
        }
    }
}
