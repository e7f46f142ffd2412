//! Ends the calls of the database that Twilio has queued or rings. Twilio's own lists are not used: the account may have
//! other services' calls.

mod tally;

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use mongodb::Database;
use mongodb::bson::DateTime;
use outdial::dao::admin::waiting::{self, StoredSid, WaitingCall};
use outdial::dao::{CALL_TIMEOUT, Dao};
use outdial::domain::{CallSid, CallStatus};
use outdial::twilio::TwilioClient;
use tokio::time::{sleep, timeout};

use crate::error::Result;
pub use tally::Counts;
use tally::{Ending, Tally};

/// The number of calls ended concurrently. Twilio accepts a hundred concurrent requests of the whole account.
const CONCURRENCY: usize = 8;
/// The pause between two looks into the database.
const PAUSE: Duration = Duration::from_secs(1);
/// The time limit of a look, and the number of looks that may fail in a row.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);
const FAILURES_MAX: u32 = 3;
/// After this time, a request that passed the switch just before has stored its call: its commands share one time limit.
const ADMISSION: Duration = CALL_TIMEOUT.saturating_add(Duration::from_secs(1));
/// The longest wait for the `CallSid` of a call. The request that dials ends earlier.
const NAMING: Duration = Duration::from_secs(30);

/// Ends the calls, and looks again until no further call can appear.
///
/// # Errors
///
/// If the database fails to list the calls several times in a row. A failure with one call is counted.
pub async fn run(dao: &Dao, twilio: &TwilioClient) -> Result<Counts> {
    let database = dao.database().await?;
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut failures = 0;
    loop {
        let is_late = start.elapsed() >= ADMISSION;
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
            let ending = end(dao, twilio, &call).await;
            (call, ending)
        });
        let done: Vec<_> = attempts.buffer_unordered(CONCURRENCY).collect().await;
        for (call, ending) in done {
            tally.note(&call, ending);
        }
        if is_late && !tally.needs_another_look() {
            break;
        }
        sleep(PAUSE).await;
    }
    tally.print_failures();
    Ok(tally.counts())
}

async fn look(database: &Database) -> Result<Vec<WaitingCall>> {
    let listed = timeout(LOOK_TIMEOUT, waiting::list(database)).await;
    Ok(listed.map_err(|_| "the database does not list the calls in time")??)
}

async fn end(dao: &Dao, twilio: &TwilioClient, call: &WaitingCall) -> Ending {
    match &call.sid {
        StoredSid::Known(sid) => cancel(dao, twilio, sid).await,
        StoredSid::Unreadable => Ending::Failed("its twilio_sid cannot be read".to_owned()),
        StoredSid::Absent => {
            let Some(id) = call.call_id else {
                return Ending::Failed("its call_id cannot be read".to_owned());
            };
            match dao.request_hangup(id).await {
                Ok(Some(found)) => match &found.twilio_sid {
                    Some(sid) => cancel(dao, twilio, sid).await,
                    None => Ending::Requested {
                        until: named_until(call),
                    },
                },
                Ok(None) => Ending::Over,
                Err(error) => Ending::Failed(error.to_string()),
            }
        }
    }
}

/// The time until which the request that placed the call may store its `CallSid`.
fn named_until(call: &WaitingCall) -> Instant {
    let now = DateTime::now().timestamp_millis();
    let left = call
        .dial_deadline
        .and_then(|at| at.timestamp_millis().checked_sub(now))
        .and_then(|left| u64::try_from(left).ok())
        .map_or(Duration::ZERO, Duration::from_millis);
    Instant::now() + left.min(NAMING)
}

/// Cancels the call and records Twilio's answer, as a hang-up does: a queued call sends no callback.
async fn cancel(dao: &Dao, twilio: &TwilioClient, sid: &CallSid) -> Ending {
    let details = match twilio.cancel_call(sid).await {
        Ok(details) => details,
        Err(error) => return Ending::Failed(error.to_string()),
    };
    if details.status == CallStatus::InProgress {
        return Ending::Answered;
    }
    if !details.status.is_terminal() {
        return Ending::Accepted;
    }
    let update = details.to_status_update(DateTime::now());
    match dao.update_call_by_twilio_sid(sid, &update).await {
        Ok(_) => Ending::Ended,
        Err(error) => Ending::Failed(format!("it ended, but that was not stored: {error}")),
    }
}
