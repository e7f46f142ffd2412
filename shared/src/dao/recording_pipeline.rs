//! The changes of a recording callback, as stages of aggregation pipelines: one for the recording, one for its call.

use mongodb::bson::{Bson, Document, bson, doc, oid::ObjectId};

use super::updates::{if_else, literal};
use crate::domain::{CallId, CallSid, RecordingSid, RecordingStatus, RecordingUpdate};

/// The call that a recording belongs to.
#[derive(Clone, Copy)]
pub(super) struct RecordingTarget {
    pub(super) object_id: ObjectId,
    pub(super) id: CallId,
    /// True if the call was read. Otherwise a stored recording keeps its call.
    pub(super) is_certain: bool,
}

/// The stage for the recording. A higher status replaces a lower one; other updates only fill in absent fields. A deleted recording
/// stays unchanged.
pub(super) fn of_recording(call: RecordingTarget, update: &RecordingUpdate) -> Document {
    let branches: Vec<_> = ALL
        .into_iter()
        .map(|status| doc! { "case": { "$eq": ["$status", status.as_str()] }, "then": status.rank() })
        .collect();
    let stored_rank = bson!({ "$switch": { "branches": branches, "default": -1 } });
    let wins = bson!({ "$gt": [update.status.rank(), stored_rank] });
    let is_deleted = bson!({ "$eq": ["$status", RecordingStatus::Deleted.as_str()] });
    let mut is_new = vec![wins.clone()];
    let facts = [
        (
            "recording_url",
            update.recording_url.clone().map(Bson::from),
        ),
        (
            "recording_status",
            Some(update.recording_status.clone().into()),
        ),
        ("duration_seconds", update.duration_seconds.map(Bson::from)),
        ("channels", update.channels.map(Bson::from)),
        ("error_code", update.error_code.map(Bson::from)),
        ("started_at", update.started_at.map(Bson::from)),
    ];
    let of_call = |name: &str, value: String| {
        if call.is_certain {
            value.into()
        } else {
            bson!({ "$ifNull": [format!("${name}"), value] })
        }
    };
    let mut changes = doc! {
        "call_id": of_call("call_id", call.object_id.to_hex()),
        "call_uuid": of_call("call_uuid", call.id.to_string()),
        "status": if_else(wins.clone(), update.status.as_str(), "$status"),
        "created_at": { "$ifNull": ["$created_at", "$$NOW"] },
    };
    for (name, value) in facts {
        let stored = format!("${name}");
        let known = bson!({ "$ifNull": [stored.clone(), Bson::Null] });
        if value.is_some() {
            is_new.push(bson!({ "$eq": [known.clone(), Bson::Null] }));
        }
        let value = literal(value.unwrap_or(Bson::Null));
        let filled = bson!({ "$ifNull": [stored.clone(), value.clone()] });
        // Null if neither is known, like an absent field that is filled in: otherwise a repeated callback would be a change.
        let newer = bson!({ "$ifNull": [value, known] });
        let updated = if_else(wins.clone(), newer, filled);
        changes.insert(name, if_else(is_deleted.clone(), stored, updated));
    }
    let is_change = bson!({ "$and": [{ "$not": [is_deleted] }, { "$or": is_new }] });
    changes.insert("updated_at", if_else(is_change, "$$NOW", "$updated_at"));
    doc! { "$set": changes }
}

/// The stage that lists a completed recording on the call, and stores the URL of the first one. Does nothing for a deleted recording.
pub(super) fn show(applies: Bson, sid: &RecordingSid, url: &str) -> Document {
    let is_deleted = bson!({ "$in": [sid.as_str(), listed(DELETED)] });
    let counts = bson!({ "$and": [applies, { "$not": [is_deleted] }] });
    let has_none = bson!({ "$eq": [{ "$ifNull": ["$recording_url", ""] }, ""] });
    let is_first = bson!({ "$and": [counts.clone(), has_none] });
    let is_known = bson!({ "$in": [sid.as_str(), each(listed(COMPLETED), "sid")] });
    let is_new = bson!({ "$and": [counts.clone(), { "$not": [is_known] }] });
    let entry = bson!({ "sid": sid.as_str(), "url": literal(url) });
    doc! { "$set": {
        COMPLETED: if_else(is_new.clone(), one_more(COMPLETED, entry), format!("${COMPLETED}")),
        "recording_url": if_else(is_first.clone(), literal(url), "$recording_url"),
        "recording_settled": if_else(counts, true, "$recording_settled"),
        // The transcript of a further recording is wanted too.
        "transcript_settled": if_else(is_new, "$$REMOVE", "$transcript_settled"),
        "updated_at": if_else(is_first, "$$NOW", "$updated_at"),
    } }
}

/// The stage that lists a deleted recording on the call. If its URL is the call's, the next completed recording's URL replaces it.
pub(super) fn hide(applies: Bson, sid: &RecordingSid, url: Option<&str>) -> Document {
    let is_known = bson!({ "$in": [sid.as_str(), listed(DELETED)] });
    let is_new = bson!({ "$and": [applies.clone(), { "$not": [is_known] }] });
    let others = bson!({ "$filter": {
        "input": listed(COMPLETED),
        "as": "one",
        "cond": { "$ne": ["$$one.sid", sid.as_str()] },
    } });
    let next = bson!({ "$arrayElemAt": [each(others.clone(), "url"), 0] });
    let shown = bson!({ "$ifNull": ["$recording_url", ""] });
    let is_shown = bson!({ "$and": [applies, { "$ne": [shown.clone(), ""] }, { "$or": [
        { "$eq": [shown.clone(), literal(url.unwrap_or_default())] },
        { "$gte": [{ "$indexOfBytes": [shown, sid.as_str()] }, 0] },
    ] }] });
    let is_change = bson!({ "$or": [is_new.clone(), is_shown.clone()] });
    let next = bson!({ "$ifNull": [next, Bson::Null] });
    doc! { "$set": {
        DELETED: if_else(is_new.clone(), one_more(DELETED, sid.as_str()), format!("${DELETED}")),
        COMPLETED: if_else(is_new, others, format!("${COMPLETED}")),
        "recording_url": if_else(is_shown, next, "$recording_url"),
        "updated_at": if_else(is_change, "$$NOW", "$updated_at"),
    } }
}

/// Matches a call with this `CallSid`.
pub(super) fn has_sid(sid: &CallSid) -> Bson {
    bson!({ "$eq": ["$twilio_sid", sid.as_str()] })
}

/// A call's completed recordings, by `sid` and `url`, in the order in which their callbacks arrived. Not a field of
/// [`Call`](crate::domain::Call).
const COMPLETED: &str = "completed_recordings";
/// The `RecordingSid`s of a call's deleted recordings. Not a field of [`Call`](crate::domain::Call).
const DELETED: &str = "deleted_recordings";
/// The length of each of the two lists, which keep the last entries. Twilio makes one recording of a call; a person may start more by
/// hand.
const LISTED_MAX: i32 = 100;

fn listed(name: &str) -> Bson {
    bson!({ "$ifNull": [format!("${name}"), []] })
}

fn one_more(name: &str, item: impl Into<Bson>) -> Bson {
    let all = bson!({ "$concatArrays": [listed(name), [item.into()]] });
    bson!({ "$slice": [all, LISTED_MAX.saturating_neg()] })
}

fn each(list: Bson, field: &str) -> Bson {
    bson!({ "$map": { "input": list, "as": "one", "in": format!("$$one.{field}") } })
}

const ALL: [RecordingStatus; 5] = [
    RecordingStatus::Processing,
    RecordingStatus::Absent,
    RecordingStatus::Failed,
    RecordingStatus::Completed,
    RecordingStatus::Deleted,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_written_as_serde_writes_them() {
        for status in ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
