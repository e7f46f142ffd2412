//! Ends the calls of the database that Twilio has queued or is ringing. Twilio's own lists are never asked: the account may have
//! other services' calls.

mod tally;

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use mongodb::Database;
use mongodb::bson::raw::{RawBsonRef, RawDocument};
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use outdial::dao::{self, CALL_TIMEOUT, Dao, DaoError, ERASED_AT};
use outdial::domain::{CallId, CallSid, CallStatus};
use outdial::twilio::TwilioClient;
use tokio::time::{sleep, timeout};

use crate::Result;
use tally::Outcome;
pub use tally::Tally;

/// How many calls are ended at once: Twilio takes a hundred requests at a time from the whole account.
const AT_ONCE: usize = 8;
/// Between two looks into the database.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a look may take, and how many may fail one after the other.
const LISTING: Duration = Duration::from_secs(30);
const FAILURES_MAX: u32 = 3;
/// A request that passed the switch just before has stored its call by then: all of its commands share one time limit.
const ADMISSION: Duration = CALL_TIMEOUT.saturating_add(Duration::from_secs(1));
/// How long a call may wait here for its `CallSid`, at most. The request to dial ends earlier.
const NAMING: Duration = Duration::from_secs(30);

/// A call that is queued or rings, or may do so soon, as it is stored.
struct Candidate {
    id: String,
    call_id: Option<CallId>,
    sid: Sid,
    deadline: Option<DateTime>,
}

enum Sid {
    Unnamed,
    Named(CallSid),
    Unreadable,
}

/// Ends the calls, and looks again until no more can come.
///
/// # Errors
///
/// When the database does not list the calls, again and again. What went wrong with one call is in the tally.
pub async fn run(dao: &Dao, twilio: &TwilioClient) -> Result<Tally> {
    let database = dao.database().await?;
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut failures = 0;
    loop {
        let is_late = begun.elapsed() >= ADMISSION;
        let found = match look(&database).await {
            Ok(found) => found,
            Err(_) if failures < FAILURES_MAX => {
                failures += 1;
                sleep(PAUSE).await;
                continue;
            }
            Err(error) => {
                tally.print_failures();
                return Err(error);
            }
        };
        failures = 0;
        tally.note_over(&found);
        let due = found.into_iter().filter(|call| tally.is_due(call));
        let attempts = stream::iter(due).map(|call| async move {
            let outcome = end(dao, twilio, &call).await;
            (call, outcome)
        });
        let done: Vec<_> = attempts.buffer_unordered(AT_ONCE).collect().await;
        for (call, outcome) in done {
            tally.note(&call, outcome);
        }
        if is_late && !tally.wants_another_look() {
            break;
        }
        sleep(PAUSE).await;
    }
    tally.print_failures();
    Ok(tally)
}

/// How many calls are in progress.
pub async fn count_in_progress(dao: &Dao) -> Result<u64, DaoError> {
    let talking = doc! { "status": CallStatus::InProgress.as_str(), ERASED_AT: Bson::Null };
    dao::with_deadline(async {
        let calls = dao.database().await?.collection::<Document>("calls");
        Ok(calls.count_documents(talking).await?)
    })
    .await
}

async fn look(database: &Database) -> Result<Vec<Candidate>> {
    let listed = timeout(LISTING, list(database)).await;
    Ok(listed.map_err(|_| "the database does not list the calls in time")??)
}

/// Lists every call that may be in Twilio's queue or ringing, from raw documents, so that an odd one stops nothing.
async fn list(database: &Database) -> Result<Vec<Candidate>, DaoError> {
    let waiting = [
        CallStatus::Initiated,
        CallStatus::Queued,
        CallStatus::Ringing,
    ]
    .map(CallStatus::as_str);
    let mut found = database
        .collection::<RawDocumentBuf>("calls")
        .find(doc! { "status": { "$in": waiting.to_vec() }, ERASED_AT: Bson::Null })
        .projection(doc! { "call_id": 1, "twilio_sid": 1, "dial_deadline": 1 })
        .await?;
    let mut calls = Vec::new();
    while found.advance().await? {
        calls.push(Candidate::read(found.current()));
    }
    Ok(calls)
}

impl Candidate {
    fn read(document: &RawDocument) -> Self {
        let id = document.get("_id").ok().flatten();
        let id = id.and_then(|id| Bson::try_from(id).ok());
        let sid = match document.get("twilio_sid") {
            Ok(None | Some(RawBsonRef::Null | RawBsonRef::String(""))) => Sid::Unnamed,
            Ok(Some(RawBsonRef::String(sid))) => sid.parse().map_or(Sid::Unreadable, Sid::Named),
            Ok(Some(_)) | Err(_) => Sid::Unreadable,
        };
        Self {
            id: id.map_or("without an _id".to_owned(), |id| id.to_string()),
            call_id: document
                .get_str("call_id")
                .ok()
                .and_then(|id| id.parse().ok()),
            sid,
            deadline: document.get_datetime("dial_deadline").ok(),
        }
    }

    /// Until when its own request to dial may bring its `CallSid`.
    fn named_until(&self) -> Instant {
        let now = DateTime::now().timestamp_millis();
        let left = self
            .deadline
            .and_then(|at| at.timestamp_millis().checked_sub(now))
            .and_then(|left| u64::try_from(left).ok())
            .map_or(Duration::ZERO, Duration::from_millis);
        Instant::now() + left.min(NAMING)
    }
}

async fn end(dao: &Dao, twilio: &TwilioClient, call: &Candidate) -> Outcome {
    match &call.sid {
        Sid::Named(sid) => cancel(dao, twilio, sid).await,
        Sid::Unreadable => Outcome::Failed("its twilio_sid cannot be read".to_owned()),
        Sid::Unnamed => {
            let Some(id) = call.call_id else {
                return Outcome::Failed("its call_id cannot be read".to_owned());
            };
            match dao.request_hangup(id).await {
                Ok(Some(found)) => match &found.twilio_sid {
                    Some(sid) => cancel(dao, twilio, sid).await,
                    None => Outcome::Awaited(call.named_until()),
                },
                Ok(None) => Outcome::Over,
                Err(error) => Outcome::Failed(error.to_string()),
            }
        }
    }
}

/// Cancels the call and records what Twilio says, as a hang-up does: a call that was queued sends no callback.
async fn cancel(dao: &Dao, twilio: &TwilioClient, sid: &CallSid) -> Outcome {
    let details = match twilio.cancel_call(sid).await {
        Ok(details) => details,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    if details.status == CallStatus::InProgress {
        return Outcome::GoesOn;
    }
    if !details.status.is_terminal() {
        return Outcome::Ending;
    }
    let update = details.to_status_update(DateTime::now());
    match dao.update_call_by_twilio_sid(sid, &update).await {
        Ok(_) => Outcome::Ended,
        Err(error) => Outcome::Failed(format!("it has ended, and that was not stored: {error}")),
    }
}
