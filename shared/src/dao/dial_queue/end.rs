//! The ends of calls that wait: canceled by a client or a rule, or expired.

use mongodb::{
    Collection,
    bson::{Bson, DateTime, Document, RawDocumentBuf, bson, doc},
};

use super::{still_waits, waiting, without_lease};
use crate::{
    dao::{
        Dao, DaoError,
        effects::has_result,
        status_pipeline::{StatusPipeline, applies},
        stored::verbatim,
        updates::{if_else, server_now, sid_is_absent},
    },
    domain::{
        Call, CallEvent, CallStatus, DialOutcome, EventSource, OwnResult, PhoneNumber, StatusReason,
    },
    telemetry::metrics::{self, Count},
};

/// Maximum number of calls that one operation ends.
const PAGE: i64 = 200;

/// The stages that end a waiting call. A call that waits no longer stays unchanged.
pub(in crate::dao) fn end(
    status: CallStatus,
    source: EventSource,
    reason: Option<&str>,
) -> Result<Vec<Document>, DaoError> {
    // It has certainly reached nobody, so its result needs no effect.
    let has_result = bson!({ "$and": [applies(), has_result()] });
    let not_reached = if_else(has_result, OwnResult::NotReached.as_str(), "$result");
    let also = doc! { "result": not_reached };
    end_if(still_waits(), status, source, reason, also)
}

/// The stages that end a call for which `condition` holds, and then also make these changes.
fn end_if(
    condition: Bson,
    status: CallStatus,
    source: EventSource,
    reason: Option<&str>,
    also: Document,
) -> Result<Vec<Document>, DaoError> {
    let event = CallEvent {
        status,
        at: DateTime::now(),
        source,
        sequence: None,
        token: None,
    };
    let pipeline = StatusPipeline::new(&event, CallStatus::ENDED_RANK, &[], condition)?;
    let removed = |field: &str| if_else(applies(), "$$REMOVE", format!("${field}"));
    let mut changes = doc! {
        "lease_id": removed("lease_id"),
        "lease_until": removed("lease_until"),
        "waiting_for": removed("waiting_for"),
    };
    if let Some(reason) = reason {
        changes.insert(
            "status_reason",
            if_else(applies(), reason, "$status_reason"),
        );
    }
    changes.extend(also);
    Ok(pipeline.stages(changes))
}

impl Dao {
    /// Cancels a waiting call for a rule. `reason` is the rule's code. Does nothing if the call waits no longer.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn cancel_by_rule(&self, call: &Call, reason: &str) -> Result<(), DaoError> {
        let stages = end(CallStatus::Canceled, EventSource::Queue, Some(reason))?;
        let mut this = doc! { "_id": call.id };
        this.extend(waiting());
        self.with_timeout(|| async {
            self.calls()
                .await?
                .update_one(this.clone(), stages.clone())
                .await?;
            Ok(())
        })
        .await
    }

    /// Cancels a call whose dial has begun, of which Twilio certainly knows nothing, and which a client wants to end. Returns
    /// false, and does nothing, otherwise.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn cancel_untaken(&self, call: &Call) -> Result<bool, DaoError> {
        let untaken = bson!({ "$and": [
            { "$eq": ["$dial_outcome", DialOutcome::Pending.as_str()] },
            { "$eq": [{ "$ifNull": ["$counted_as", Bson::Null] }, call.counted_as] },
            sid_is_absent(),
            { "$eq": ["$hangup_requested", true] },
        ] });
        let mut also = doc! {
            "dial_outcome": if_else(applies(), DialOutcome::Refused.as_str(), "$dial_outcome"),
        };
        if let Some(answered) = call.answered_status {
            also.insert(
                "answered_status",
                if_else(applies(), answered, "$answered_status"),
            );
        }
        let stages = end_if(
            untaken,
            CallStatus::Canceled,
            EventSource::Api,
            Some(StatusReason::Requested.as_str()),
            also,
        )?;
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls
                .update_one(doc! { "_id": call.id }, stages.clone())
                .await?;
            Ok(updated.modified_count > 0)
        })
        .await
    }

    /// Ends up to 200 waiting calls whose `expires_at` has passed. Returns their number.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn expire_calls(&self) -> Result<u64, DaoError> {
        let mut expired = doc! { "expires_at": { "$lte": DateTime::now() } };
        expired.extend(waiting());
        let status = CallStatus::Expired;
        let stages = end(status, EventSource::Queue, None)?;
        let still = bson!({ "$lte": ["$expires_at", server_now()] });
        let by_end = doc! { "expires_at": 1, "_id": 1 };
        self.end_page(expired, by_end, status, &stages, Some(still))
            .await
    }

    /// Cancels up to 200 waiting calls to a number with one of these spellings, for this reason. Returns their number.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. Some may be canceled then.
    pub async fn cancel_calls_to(
        &self,
        spellings: &[PhoneNumber],
        reason: &str,
    ) -> Result<u64, DaoError> {
        let numbers: Vec<_> = spellings.iter().map(PhoneNumber::as_str).collect();
        let mut to_number = doc! { "to_number": { "$in": numbers } };
        to_number.extend(waiting());
        let status = CallStatus::Canceled;
        let stages = end(status, EventSource::Queue, Some(reason))?;
        let newest_first = doc! { "to_number": 1, "created_at": -1, "_id": -1 };
        self.end_page(to_number, newest_first, status, &stages, None)
            .await
    }

    /// Ends a page of the waiting calls that match a filter, in this order. The expression `also` is evaluated when each one is
    /// changed.
    pub(in crate::dao) async fn end_page(
        &self,
        filter: Document,
        order: Document,
        status: CallStatus,
        stages: &[Document],
        also: Option<Bson>,
    ) -> Result<u64, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let mut found = calls
                .find(filter.clone())
                .projection(doc! { "_id": 1 })
                .sort(order.clone())
                .limit(PAGE)
                .await?;
            let mut ids = Vec::new();
            while found.advance().await? {
                ids.extend(verbatim(found.current())?.remove("_id"));
            }
            end_these(&calls, ids, also.as_ref(), status, stages).await
        })
        .await
    }
}

/// Ends those of the documents that still wait, and for which the expression `also` holds. Returns their number, without those
/// that ended in the same command before one with an odd field.
///
/// `stages` are those of [`end`] with this status. If an odd field makes them fail, the document ends without an event. It is
/// logged and counted.
pub(in crate::dao) async fn end_these<T: Send + Sync>(
    calls: &Collection<T>,
    ids: Vec<Bson>,
    also: Option<&Bson>,
    status: CallStatus,
    stages: &[Document],
) -> Result<u64, DaoError> {
    let still: Vec<_> = [still_waits()].into_iter().chain(also.cloned()).collect();
    let mut ended = 0;
    let mut parts = vec![ids];
    while let Some(mut part) = parts.pop().filter(|part| !part.is_empty()) {
        let these = doc! { "_id": { "$in": &part }, "$expr": { "$and": &still } };
        let updated = calls.update_many(these.clone(), stages.to_vec()).await;
        match updated.map_err(DaoError::from) {
            Ok(updated) => ended += updated.modified_count,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) if part.len() == 1 => {
                tracing::error!(%error, "waiting call has odd fields, ended without an event");
                metrics::count(Count::UnreadableDocument);
                let updated = calls.update_many(these, without_event(status)).await?;
                ended += updated.modified_count;
            }
            Err(_) => {
                let rest = part.split_off(part.len() / 2);
                parts.extend([rest, part]);
            }
        }
    }
    Ok(ended)
}

/// The update that ends a waiting call whatever its other fields are.
fn without_event(status: CallStatus) -> Document {
    let mut removed = without_lease();
    removed.insert("waiting_for", "");
    doc! {
        "$set": {
            "status": status.as_str(),
            "status_rank": status.rank(),
            "updated_at": DateTime::now(),
        },
        "$unset": removed,
    }
}
