//! What a recording callback changes, as stages of aggregation pipelines: of the recording, and at the same time of its call.

use mongodb::bson::{Bson, Document, bson, doc, oid::ObjectId};

use super::expr::{if_else, literal};
use crate::domain::{CallId, CallSid, RecordingSid, RecordingStatus, RecordingUpdate};

/// A recording's call.
#[derive(Clone, Copy)]
pub(super) struct RecordingTarget {
    pub(super) object_id: ObjectId,
    pub(super) id: CallId,
    /// Whether it has been looked at; else what is stored of a recording's call stays.
    pub(super) is_certain: bool,
}

/// A status gives way to a higher one alone, and other updates only fill in what is absent. A deleted recording stays as it
/// is.
pub(super) fn of_recording(call: RecordingTarget, update: &RecordingUpdate) -> Document {
    let branches: Vec<_> = ALL
        .into_iter()
        .map(|status| doc! { "case": { "$eq": ["$status", status.as_str()] }, "then": status.rank() })
        .collect();
    let stored_rank = bson!({ "$switch": { "branches": branches, "default": -1 } });
    let wins = bson!({ "$gt": [update.status.rank(), stored_rank] });
    let is_deleted = bson!({ "$eq": ["$status", RecordingStatus::Deleted.as_str()] });
    let mut is_new = vec![wins.clone()];
    let told = [
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
    for (name, value) in told {
        let stored = format!("${name}");
        let known = bson!({ "$ifNull": [stored.clone(), Bson::Null] });
        if value.is_some() {
            is_new.push(bson!({ "$eq": [known.clone(), Bson::Null] }));
        }
        let value = literal(value.unwrap_or(Bson::Null));
        let filled = bson!({ "$ifNull": [stored.clone(), value.clone()] });
        // Null where neither is known, as it is when it is filled in: or a repeat would be a change.
        let newer = bson!({ "$ifNull": [value, known] });
        let told = if_else(wins.clone(), newer, filled);
        changes.insert(name, if_else(is_deleted.clone(), stored, told));
    }
    let has_news = bson!({ "$and": [{ "$not": [is_deleted] }, { "$or": is_new }] });
    changes.insert("updated_at", if_else(has_news, "$$NOW", "$updated_at"));
    doc! { "$set": changes }
}

/// Notes on the call that a recording is completed, and gives it its URL where it has none. For a deleted one it is too late.
pub(super) fn show(applies: Bson, sid: &RecordingSid, url: &str) -> Document {
    let is_deleted = bson!({ "$in": [sid.as_str(), listed(DELETED)] });
    let counts = bson!({ "$and": [applies, { "$not": [is_deleted] }] });
    let has_none = bson!({ "$eq": [{ "$ifNull": ["$recording_url", ""] }, ""] });
    let is_first = bson!({ "$and": [counts.clone(), has_none] });
    let is_known = bson!({ "$in": [sid.as_str(), each(listed(COMPLETED), "sid")] });
    let is_new = bson!({ "$and": [counts.clone(), { "$not": [is_known] }] });
    let entry = bson!({ "sid": sid.as_str(), "url": literal(url) });
    doc! { "$set": {
        COMPLETED: if_else(is_new, one_more(COMPLETED, entry), format!("${COMPLETED}")),
        "recording_url": if_else(is_first.clone(), literal(url), "$recording_url"),
        "recording_settled": if_else(counts, true, "$recording_settled"),
        "updated_at": if_else(is_first, "$$NOW", "$updated_at"),
    } }
}

/// Notes on the call that a recording was deleted. If its URL is the call's, the next completed one's takes its place.
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

/// Whether the call goes by that name.
pub(super) fn is_named(sid: &CallSid) -> Bson {
    bson!({ "$eq": ["$twilio_sid", sid.as_str()] })
}

/// On a call, and no part of [`Call`](crate::domain::Call): which of its recordings are completed, by `sid` and `url`, in the
/// order in which we heard of them.
const COMPLETED: &str = "completed_recordings";
/// Likewise: the names of those that were deleted.
const DELETED: &str = "deleted_recordings";
/// The last so many are kept. Twilio makes one recording of a call, unless somebody records it by hand too.
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
    fn the_words_are_those_that_serde_writes() {
        for status in ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
