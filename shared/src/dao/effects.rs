//! Effects of changes of calls: noting them in the update that makes the change, finding calls that have some, and noting that
//! they are done.

use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, bson, doc, oid::ObjectId};

use super::{
    Dao, DaoError,
    updates::{by_id, if_else},
};
use crate::domain::{CallId, CallStatus, EffectKind};

/// The filter of the calls with effects that are still to be done: also that of their partial index.
pub(super) fn pending() -> Document {
    doc! { "effects.n": { "$gt": 0_i64 } }
}

/// The statement that changes nothing, and matches the call if it has effects that are still to be done.
pub(super) fn statement(id: CallId) -> Document {
    let mut with_effects = by_id(id);
    with_effects.extend(pending());
    doc! { "q": with_effects, "u": [{ "$set": { "call_id": "$call_id" } }] }
}

/// The changes that note the effect of the end of a dialled call: its next attempt. Only calls whose effects are open note it.
///
/// `when` is the condition that the end is news, and `status` the call's status after it. An end that changes later is news
/// again. An effect never replaces an earlier one, because a run may be working on that one with the call as it was.
pub(super) fn note_end(when: Bson, status: impl Into<Bson>) -> Document {
    let n = bson!({ "$add": [{ "$ifNull": ["$effects_n", 0_i64] }, 1_i64] });
    let effect = bson!({
        "n": n.clone(),
        "type": EffectKind::NextAttempt.as_str(),
        "at": "$$NOW",
        "status": status.into(),
    });
    let has_effect = bson!({ "$and": [
        when,
        { "$eq": ["$effects_open", true] },
        { "$gte": ["$status_rank", CallStatus::Initiated.rank()] },
    ] });
    let noted = bson!({ "$concatArrays": [{ "$ifNull": ["$effects", []] }, [effect]] });
    doc! {
        "effects": if_else(has_effect.clone(), noted, "$effects"),
        "effects_n": if_else(has_effect, n, "$effects_n"),
    }
}

/// The changes that note the effect of an opt-out, once.
pub(super) fn note_opt_out() -> Document {
    let n = bson!({ "$add": [{ "$ifNull": ["$effects_n", 0_i64] }, 1_i64] });
    let effect = bson!({
        "n": n.clone(),
        "type": EffectKind::OptOut.as_str(),
        "at": "$$NOW",
        "status": "$status",
    });
    let is_noted = bson!({ "$eq": ["$opted_out", true] });
    let noted = bson!({ "$concatArrays": [{ "$ifNull": ["$effects", []] }, [effect]] });
    doc! {
        "effects": if_else(is_noted.clone(), "$effects", noted),
        "effects_n": if_else(is_noted.clone(), "$effects_n", n),
        "effects_open": if_else(is_noted, "$effects_open", true),
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
}
