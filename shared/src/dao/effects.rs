//! Effects of changes of calls: noting them in the update that makes the change, finding calls that have some, and noting that
//! they are done.

use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, bson, doc, oid::ObjectId};

use super::{
    Dao, DaoError,
    updates::{by_id, if_else},
};
use crate::domain::{Call, CallId, CallStatus, EffectKind};

/// The filter of the calls with effects that are still to be done: also that of their partial index.
pub(super) fn pending() -> Document {
    doc! { "effects.n": { "$gt": 0_i64 } }
}

/// The filter of the calls with a stored result: also that of their partial indexes.
pub(super) fn with_stored_result() -> Document {
    doc! { "result": { "$gt": "" } }
}

/// The statement that changes nothing, and matches the call if it has effects that are still to be done.
pub(super) fn statement(id: CallId) -> Document {
    let mut with_effects = by_id(id);
    with_effects.extend(pending());
    doc! { "q": with_effects, "u": [{ "$set": { "call_id": "$call_id" } }] }
}

/// The changes that note the effects of news that a dialled call has ended: its next attempt, if it has retries, and its result,
/// if it has one.
///
/// `when` is the condition that the end is news, and `status` the call's status after it. An end that changes later is news
/// again.
pub(super) fn note_end(when: Bson, status: impl Into<Bson>) -> Document {
    let was_dialled = at_least(CallStatus::Initiated.rank());
    let next_attempt = bson!({ "$and": [when.clone(), has_retries(), was_dialled.clone()] });
    let result = bson!({ "$and": [when, has_result(), was_dialled] });
    let effects = [
        (EffectKind::NextAttempt, next_attempt),
        (EffectKind::Result, result),
    ];
    note(effects, &status.into())
}

/// The changes that note the effect of the conclusion that a call has failed because Twilio does not know it. No attempt follows
/// it.
pub(super) fn note_given_up(when: Bson, status: impl Into<Bson>) -> Document {
    let result = bson!({ "$and": [when, has_result()] });
    note([(EffectKind::Result, result)], &status.into())
}

/// The changes that note the effects of late news about a call, if it has ended: the decision about a next attempt, and the
/// result, did not know of it.
pub(super) fn note_late_news(when: Bson) -> Document {
    let has_ended = at_least(CallStatus::ENDED_RANK);
    let next_attempt = bson!({ "$and": [when.clone(), has_retries(), has_ended] });
    let effects = [
        (EffectKind::NextAttempt, next_attempt),
        (EffectKind::Result, late_result(when)),
    ];
    note(effects, &"$status".into())
}

/// The changes that note the effects of an opt-out: its own, once, which also ends the next attempt, and the result of a call
/// that has ended.
pub(super) fn note_opt_out(when: Bson) -> Document {
    let is_first = bson!({ "$and": [when.clone(), { "$ne": ["$opted_out", true] }] });
    let effects = [
        (EffectKind::OptOut, is_first),
        (EffectKind::Result, late_result(when)),
    ];
    note(effects, &"$status".into())
}

/// The changes that note the effect of an opt-out of a person who has called back, unless one is still to be done. The call keeps
/// its result.
pub(super) fn note_caller_opt_out() -> Document {
    let is_news = bson!({ "$not": [is_pending(EffectKind::OptOut)] });
    note([(EffectKind::OptOut, is_news)], &"$status".into())
}

/// Matches a call with an effect of this kind that is still to be done.
pub(super) fn is_pending(kind: EffectKind) -> Bson {
    // `$effects.type` would do in `MongoDB`, but not in every server with its protocol.
    bson!({ "$anyElementTrue": [{ "$map": {
        "input": { "$ifNull": ["$effects", []] },
        "as": "effect",
        "in": { "$eq": ["$$effect.type", kind.as_str()] },
    } }] })
}

/// The condition that late news changes the result of a call: one that has ended, or was given up.
fn late_result(when: Bson) -> Bson {
    bson!({ "$and": [when, has_result(), at_least(CallStatus::GIVEN_UP_RANK)] })
}

fn at_least(rank: i32) -> Bson {
    bson!({ "$gte": ["$status_rank", rank] })
}

fn has_retries() -> Bson {
    bson!({ "$and": [{ "$eq": ["$effects_open", true] }, is_there("$retry")] })
}

/// Matches a call with a result: [`Call::has_flow`](crate::domain::Call::has_flow).
pub(super) fn has_result() -> Bson {
    bson!({ "$or": [is_there("$steps"), is_there("$voicemail")] })
}

fn is_there(field: &str) -> Bson {
    bson!({ "$ne": [{ "$ifNull": [field, Bson::Null] }, Bson::Null] })
}

/// The changes that note these effects, each if its condition holds, on a call with this status.
///
/// An effect never replaces an earlier one, because a run may be working on that one with the call as it was. Effects that are
/// noted together have different numbers, so that each can be done alone. Some numbers are left out.
fn note<const N: usize>(effects: [(EffectKind, Bson); N], status: &Bson) -> Document {
    let mut all = vec![bson!({ "$ifNull": ["$effects", []] })];
    let mut last = Bson::from("$effects_n");
    let mut any = Vec::new();
    for (place, (kind, when)) in (1_i64..).zip(effects) {
        let n = bson!({ "$add": [{ "$ifNull": ["$effects_n", 0_i64] }, place] });
        let effect = bson!({
            "n": n.clone(),
            "type": kind.as_str(),
            "at": "$$NOW",
            "status": status.clone(),
        });
        all.push(if_else(when.clone(), bson!([effect]), bson!([])));
        last = if_else(when.clone(), n, last);
        any.push(when);
    }
    let any = bson!({ "$or": any });
    doc! {
        "effects": if_else(any.clone(), bson!({ "$concatArrays": all }), "$effects"),
        "effects_n": last,
        "effects_open": if_else(any, true, "$effects_open"),
    }
}

/// A page of calls with effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallsWithEffects {
    /// The calls, in the order of their `_id`s. A document whose `call_id` cannot be read is skipped.
    pub calls: Vec<CallId>,
    /// The last `_id` of a full page: more calls may follow.
    pub more_after: Option<ObjectId>,
}

impl Dao {
    /// Returns a page of the calls with effects that were noted before this time, in the order of their `_id`s, after an `_id`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_calls_with_effects(
        &self,
        before: DateTime,
        after: Option<ObjectId>,
        page: u32,
    ) -> Result<CallsWithEffects, DaoError> {
        let mut filter = pending();
        filter.extend(doc! { "effects_open": true, "effects.at": { "$lt": before } });
        if let Some(after) = after {
            filter.insert("_id", doc! { "$gt": after });
        }
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let mut found = calls
                .find(filter.clone())
                .projection(doc! { "call_id": 1 })
                .sort(doc! { "effects_open": 1, "_id": 1 })
                .limit(page.into())
                .await?;
            let (mut ids, mut count, mut last) = (Vec::new(), 0, None);
            while found.advance().await? {
                let call = found.current();
                count += 1;
                last = call.get_object_id("_id").ok().or(last);
                let id = call.get_str("call_id").ok();
                ids.extend(id.and_then(|id| id.parse::<CallId>().ok()));
            }
            Ok(CallsWithEffects {
                calls: ids,
                more_after: last.filter(|_| count >= page),
            })
        })
        .await
    }

    /// Notes that these effects of the call are done.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn finish_effects(&self, id: CallId, numbers: &[i64]) -> Result<(), DaoError> {
        let done = doc! { "$pull": { "effects": { "n": { "$in": numbers } } } };
        self.with_timeout(|| async {
            self.calls()
                .await?
                .update_one(by_id(id), done.clone())
                .await?;
            Ok(())
        })
        .await
    }

    /// Stores the result of a call as it was read, and notes that its effects of this kind are done. Returns false, and changes
    /// nothing, if the call has changed since.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn store_result(&self, call: &Call) -> Result<bool, DaoError> {
        let mut as_read = by_id(call.call_id);
        // A change of the result has a later effect. A call that was given up goes on without one.
        as_read.extend(doc! { "effects_n": call.effects_n, "status": call.status.as_str() });
        let done = call.effects_of(EffectKind::Result);
        let mut changes = call.result().map_or_else(
            || doc! { "$unset": { "result": "" } },
            |result| doc! { "$set": { "result": result } },
        );
        changes.insert("$pull", doc! { "effects": { "n": { "$in": done } } });
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls.update_one(as_read.clone(), changes.clone()).await?;
            Ok(updated.matched_count > 0)
        })
        .await
    }
}
