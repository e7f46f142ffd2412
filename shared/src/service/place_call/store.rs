//! Storing a new call within the daily caps, beginning its dial, and undoing both.

use std::time::Duration;

use bson::DateTime;
use tokio::time::{Instant, sleep};

use crate::{
    dao::{CapCheck, DailyCaps, Dao, DaoError, Permit, within},
    domain::Call,
};

/// Number of times that a call with an idempotency key is counted again after it met a cap.
const RECOUNTS: u32 = 3;
/// Time after which repeats of a request have undone their counts.
const RECOUNT_AFTER: Duration = Duration::from_millis(100);
/// Time limit for undoing, after the deadline of the request: the API promises a 503 within 5 s.
const UNDO_BUDGET: Duration = Duration::from_millis(700);

/// Stores a new call and counts it against the caps of its day, concurrently. Every result but [`CapCheck::Admitted`] is
/// undone, within 0.7 s after the deadline. After [`CapCheck::NoPermit`] the call stays stored, and the caller queues or
/// withdraws it.
///
/// Without an idempotency key the call may then be dialled; with one only after [`begin_dial`]. Repeats with one key count
/// until they find their key taken. So a call with a key that meets a cap is counted again a few times.
///
/// # Errors
///
/// [`DaoError::Duplicate`] if the call's idempotency key is taken; [`DaoError::Unavailable`] if the database has not
/// acknowledged both by the deadline.
pub async fn store_and_count(
    dao: &Dao,
    call: &Call,
    caps: DailyCaps,
    permit: Option<Permit>,
    deadline: Instant,
) -> Result<CapCheck, DaoError> {
    let count = || within(deadline, dao.count_call(call, caps, permit));
    let store = within(deadline, dao.create_call(call));
    let (stored, mut counted) = tokio::join!(store, count());
    if stored.is_ok() && call.idempotency_scope.is_some() {
        for _ in 0..RECOUNTS {
            if !is_capped(&counted) {
                break;
            }
            sleep(RECOUNT_AFTER).await;
            counted = count().await;
        }
    }
    let admitted = stored.and(counted);
    if !matches!(admitted, Ok(CapCheck::Admitted | CapCheck::NoPermit)) {
        // Boxed: rare, and as large as the rest.
        Box::pin(undo(dao, call, !is_capped(&admitted), deadline)).await;
    }
    admitted
}

/// Stores a call that waits in the dial queue. The caps count it when it is dialled.
///
/// # Errors
///
/// [`DaoError::Duplicate`] if the call's idempotency key is taken; [`DaoError::Unavailable`] if the database has not
/// acknowledged it by the deadline: then it is undone as in [`store_and_count`], unless its dial has begun.
pub async fn store_waiting(dao: &Dao, call: &Call, deadline: Instant) -> Result<(), DaoError> {
    let stored = within(deadline, dao.create_call(call)).await;
    if let Err(DaoError::Unavailable(_)) = &stored {
        Box::pin(undo(dao, call, false, deadline)).await;
    }
    stored
}

/// Withdraws a stored call that will not be dialled and is not counted.
pub(super) async fn withdraw(dao: &Dao, call: &Call, deadline: Instant) {
    undo(dao, call, false, deadline).await;
}

/// Stores that the dial of a stored call begins. Returns the call with these changes, or `None` if it was withdrawn
/// ([`withdraw_undialled`]) and must not be dialled.
///
/// # Errors
///
/// [`DaoError::Unavailable`] if the database has not acknowledged it by the deadline. The call must not be dialled; it is
/// undone as in [`store_and_count`].
pub async fn begin_dial(
    dao: &Dao,
    call: &Call,
    dial_deadline: DateTime,
    deadline: Instant,
) -> Result<Option<Call>, DaoError> {
    let begun = within(deadline, dao.begin_dial(call, dial_deadline)).await;
    if begun.is_err() {
        Box::pin(undo(dao, call, true, deadline)).await;
    }
    begun
}

/// Deletes a call whose request has ended before it asked Twilio to dial, and removes it from the caps. Returns true if the
/// call was still there and undialled. Its request can no longer begin to dial then.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn withdraw_undialled(dao: &Dao, call: &Call) -> Result<bool, DaoError> {
    let is_withdrawn = dao.withdraw_undialled(call).await?;
    if is_withdrawn {
        dao.uncount_call(call).await?;
    }
    Ok(is_withdrawn)
}

/// Undoes what the request that stored the call has done; it will not dial the call.
///
/// The database may still apply commands later that it has not acknowledged. A late count has no effect then. A late insert
/// leaves an undialled call, which a repeat or the reconciler withdraws.
async fn undo(dao: &Dao, call: &Call, may_be_counted: bool, deadline: Instant) {
    let uncount = async {
        if may_be_counted {
            dao.uncount_call(call).await?;
        }
        Ok(())
    };
    let undoing = async {
        let (withdrawn, uncounted) = tokio::join!(dao.withdraw_call(call), uncount);
        withdrawn.and(uncounted)
    };
    if let Err(error) = within(deadline + UNDO_BUDGET, undoing).await {
        tracing::warn!(%error, "admission not undone");
    }
}

fn is_capped(counted: &Result<CapCheck, DaoError>) -> bool {
    matches!(
        counted,
        Ok(CapCheck::UserCapReached | CapCheck::NumberCapReached | CapCheck::CapReached)
    )
}
