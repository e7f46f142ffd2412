//! Recording how a dial ended.

use mongodb::bson::{DateTime, Document, doc};

use super::{Dao, DaoError, dial_pipeline, stored::find_one};
use crate::domain::{Call, DialOutcome, DialResult};

impl Dao {
    /// Records how our request to dial ended. Returns the call after that, or `None` if there is no such call. `call` is the
    /// call as it was stored: if it has not changed since, the result is known without reading it.
    ///
    /// A webhook may have arrived first, and then knows better. A call with a `CallSid` keeps it and can no longer be
    /// refused. Twilio's `queued` in the response gives way to the status in any webhook. `answered_status` is the HTTP status
    /// of our own response; `None` leaves the stored one, of a call that waited in the dial queue. A call that Twilio has not
    /// taken loses its idempotency key in the same update.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn record_dial(
        &self,
        call: &Call,
        result: &DialResult,
        answered_status: Option<u16>,
    ) -> Result<Option<Call>, DaoError> {
        let answered = answered_status.map(i32::from).or(call.answered_status);
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            if let Some(expected) = recorded(call, result, answered)
                && calls
                    .update_one(as_stored(call), changes_to(&expected))
                    .await?
                    .matched_count
                    > 0
            {
                return Ok(Some(expected));
            }
            let this = doc! { "_id": call.id };
            let stages = dial_pipeline::record(result, answered_status)?;
            calls.update_one(this.clone(), stages).await?;
            find_one(&calls, this).await
        })
        .await
    }
}

/// The call after its dial is recorded, without changes by others. `None` for a refusal, which changes more than this struct, and
/// for an end, which may have effects.
fn recorded(call: &Call, result: &DialResult, answered_status: Option<i32>) -> Option<Call> {
    let (twilio_sid, status, outcome) = match result {
        DialResult::Accepted { sid, status } => (Some(sid.clone()), *status, DialOutcome::Accepted),
        DialResult::Unknown(_) => (None, None, DialOutcome::Unknown),
        DialResult::Refused(_) | DialResult::NotTaken(_) => return None,
    };
    let status = status.unwrap_or(call.status);
    if status.is_terminal() {
        return None;
    }
    Some(Call {
        twilio_sid,
        status,
        status_rank: status.rank(),
        dial_outcome: Some(outcome),
        answered_status,
        updated_at: DateTime::now(),
        ..call.clone()
    })
}

/// The filter that finds the call only if it is unchanged. Every change sets one of these fields: a webhook with the `CallSid`
/// settles the outcome, and a requested hang-up sets `hangup_requested`.
fn as_stored(call: &Call) -> Document {
    doc! {
        "_id": call.id,
        "updated_at": call.updated_at,
        "dial_outcome": DialOutcome::Pending.as_str(),
        "hangup_requested": { "$ne": true },
    }
}

fn changes_to(expected: &Call) -> Document {
    let mut changes = doc! {
        "dial_outcome": expected.dial_outcome.map(DialOutcome::as_str),
        "answered_status": expected.answered_status,
        "updated_at": expected.updated_at,
    };
    if let Some(sid) = &expected.twilio_sid {
        changes.insert("twilio_sid", sid.as_str());
        changes.insert("status", expected.status.as_str());
        changes.insert("status_rank", expected.status_rank);
    }
    doc! { "$set": changes }
}
