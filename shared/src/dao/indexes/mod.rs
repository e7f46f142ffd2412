//! The indexes. An operator's command creates them, never a function.
//!
//! A new index is created before the one that it replaces is dropped, so no query is ever without one. Functions of an earlier
//! version can use the new indexes too.

mod backfill;
mod index;
mod report;

use mongodb::{
    Database, IndexModel,
    bson::{Document, doc},
};

use super::{
    BATCHES, BLOCKED_NUMBERS, CALLS, COUNTERS, DaoError, RECORDINGS, ReconcileKind, USERS,
    batches::{at_work, of_any_batch},
    dial_queue, effects, permits,
};
use index::{Index, Kind, index, same_keys};
use report::Line;

pub(super) use index::stored_indexes;
pub use report::Report;

/// Creates missing indexes, drops replaced ones of earlier versions, and fills in missing fields of their documents.
///
/// It can be repeated at any time. Duplicate values that prevent a unique index are reported, and the other indexes are still
/// created.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn ensure(database: &Database) -> Result<Report, DaoError> {
    let mut report = Report::default();
    for filled in backfill::run(database).await? {
        if filled.count > 0 {
            report.lines.push(Line::FilledIn {
                field: filled.field,
                count: filled.count,
            });
        }
        if !filled.conflicts.is_empty() {
            report.lines.push(Line::Blocked {
                what: filled.field.to_owned(),
                documents: filled.conflicts,
            });
        }
    }
    for index in INDEXES {
        let line = index.ensure(database).await?;
        report.lines.extend(line);
    }
    permits::create(database).await?;
    for (old, successor) in REPLACED {
        if report.blocks(&successor.full_name()) {
            continue;
        }
        let line = old.drop(database, successor).await?;
        report.lines.extend(line);
    }
    Ok(report)
}

/// The changes that [`ensure`] would make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// The indexes that it would create, such as `users.email_lower_unique`.
    pub missing: Vec<String>,
    /// The indexes of earlier versions that it would drop.
    pub replaced: Vec<String>,
}

/// Compares the indexes with those that must exist. Changes nothing.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn check(database: &Database) -> Result<Check, DaoError> {
    let mut check = Check::default();
    for collection in [USERS, CALLS, RECORDINGS, COUNTERS, BLOCKED_NUMBERS, BATCHES] {
        let stored = stored_indexes(database, collection).await?;
        let missing = INDEXES
            .iter()
            .filter(|index| index.collection == collection)
            .filter(|index| !stored.iter().any(|model| index.is(model)));
        check.missing.extend(missing.map(Index::full_name));
        let replaced = REPLACED
            .iter()
            .filter(|(old, _)| old.collection == collection)
            .filter_map(|(old, successor)| old.name_among(&stored, successor));
        check
            .replaced
            .extend(replaced.map(|name| format!("{collection}.{name}")));
    }
    Ok(check)
}

const USERS_OF_NUMBER: Index = index(
    USERS,
    "phone_number_created_at",
    &[("phone_number", 1), ("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const CALL_SID: Index = index(
    CALLS,
    "twilio_sid_unique",
    &[("twilio_sid", 1)],
    Kind::UniqueTexts,
);
const CALLS_OF_USER: Index = index(
    CALLS,
    "user_id_created_at",
    &[("user_id", 1), ("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const CALLS_BY_AGE: Index = index(
    CALLS,
    "created_at_id",
    &[("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const CALLS_BY_STATUS: Index = index(
    CALLS,
    "status_created_at",
    &[("status", 1), ("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const OPEN_DIALS: Index = open_calls("open_dials", || ReconcileKind::Dial.filter());
const OPEN_ENDS: Index = open_calls("open_ends", || ReconcileKind::End.filter());
const OPEN_RECORDINGS: Index = open_calls("open_recordings", || ReconcileKind::Recording.filter());
const RECORDING_SID: Index = index(
    RECORDINGS,
    "twilio_sid_unique",
    &[("twilio_sid", 1)],
    Kind::Unique,
);
const RECORDINGS_OF_CALL: Index = index(
    RECORDINGS,
    "call_id_created_at",
    &[("call_id", 1), ("created_at", 1), ("_id", 1)],
    Kind::Plain,
);

const INDEXES: &[Index] = &[
    index(USERS, "email_1", &[("email", 1)], Kind::Unique),
    USERS_OF_NUMBER,
    index(
        USERS,
        "email_lower_unique",
        &[("email_lower", 1)],
        Kind::Unique,
    ),
    index(
        USERS,
        "idempotency_scope_unique",
        &[("idempotency_scope", 1)],
        Kind::UniqueSparse,
    ),
    index(
        USERS,
        "created_at_id",
        &[("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(CALLS, "call_id_unique", &[("call_id", 1)], Kind::Unique),
    CALL_SID,
    index(
        CALLS,
        "idempotency_scope_unique",
        &[("idempotency_scope", 1)],
        Kind::UniqueSparse,
    ),
    CALLS_OF_USER,
    index(
        CALLS,
        "user_id_status_created_at",
        &[
            ("user_id", 1),
            ("status", 1),
            ("created_at", -1),
            ("_id", -1),
        ],
        Kind::Plain,
    ),
    CALLS_BY_AGE,
    CALLS_BY_STATUS,
    index(
        CALLS,
        "to_number_created_at",
        &[("to_number", 1), ("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(
        CALLS,
        "batch_id_created_at",
        &[("batch_id", 1), ("created_at", -1), ("_id", -1)],
        Kind::Partial(of_any_batch),
    ),
    index(
        CALLS,
        "waiting_by_lane",
        &[("lane", 1), ("due_at", 1), ("_id", 1)],
        Kind::Partial(dial_queue::waiting),
    ),
    index(
        CALLS,
        "waiting_by_end",
        &[("expires_at", 1), ("_id", 1)],
        Kind::Partial(dial_queue::waiting),
    ),
    OPEN_DIALS,
    OPEN_ENDS,
    OPEN_RECORDINGS,
    index(
        CALLS,
        "open_effects",
        &[("effects_open", 1), ("_id", 1)],
        Kind::Partial(effects::pending),
    ),
    index(
        CALLS,
        "first_call_id_created_at",
        &[("first_call_id", 1), ("created_at", -1), ("_id", -1)],
        Kind::Partial(|| doc! { "first_call_id": { "$gt": "" } }),
    ),
    RECORDING_SID,
    RECORDINGS_OF_CALL,
    index(
        COUNTERS,
        "expires_at_ttl",
        &[("expires_at", 1)],
        Kind::Expiring,
    ),
    index(
        BLOCKED_NUMBERS,
        "number_unique",
        &[("number", 1)],
        Kind::Unique,
    ),
    index(
        BLOCKED_NUMBERS,
        "created_at_id",
        &[("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(
        BATCHES,
        "created_at_id",
        &[("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(
        BATCHES,
        "user_id_status",
        &[("user_id", 1), ("status", 1)],
        Kind::Plain,
    ),
    index(
        BATCHES,
        "idempotency_scope_unique",
        &[("idempotency_scope", 1)],
        Kind::UniqueSparse,
    ),
    index(
        BATCHES,
        "open_batches",
        &[("status", 1), ("_id", 1)],
        Kind::Partial(at_work),
    ),
    index(
        CALLS,
        "batch_counts",
        &[
            ("batch_id", 1),
            ("status", 1),
            ("outcome", 1),
            ("attempt", 1),
            ("next_call_id", 1),
        ],
        Kind::Partial(of_any_batch),
    ),
    index(
        CALLS,
        "batch_results",
        &[("batch_id", 1), ("attempt", 1), ("_id", 1)],
        Kind::Partial(of_any_batch),
    ),
];

/// The index of open calls of one kind, in the order of [`Dao::list_open_calls`](super::Dao::list_open_calls).
///
/// The change that closes a call removes it from the index.
const fn open_calls(name: &'static str, filter: fn() -> Document) -> Index {
    let keys = &[("updated_at", 1), ("_id", 1)];
    index(CALLS, name, keys, Kind::Partial(filter))
}

/// An index of an earlier version, under any name.
struct Old {
    collection: &'static str,
    keys: &'static [(&'static str, i32)],
}

const fn old(collection: &'static str, keys: &'static [(&'static str, i32)]) -> Old {
    Old { collection, keys }
}

const REPLACED: &[(Old, &Index)] = &[
    (old(USERS, &[("phone_number", 1)]), &USERS_OF_NUMBER),
    (old(CALLS, &[("user_id", 1)]), &CALLS_OF_USER),
    (old(CALLS, &[("twilio_sid", 1)]), &CALL_SID),
    (old(CALLS, &[("created_at", 1)]), &CALLS_BY_AGE),
    (old(CALLS, &[("status", 1)]), &CALLS_BY_STATUS),
    (old(CALLS, &[("status", 1), ("updated_at", 1)]), &OPEN_ENDS),
    (
        old(CALLS, &[("recording_settled", 1), ("updated_at", 1)]),
        &OPEN_RECORDINGS,
    ),
    (old(RECORDINGS, &[("call_id", 1)]), &RECORDINGS_OF_CALL),
    (old(RECORDINGS, &[("twilio_sid", 1)]), &RECORDING_SID),
];

impl Old {
    async fn drop(&self, database: &Database, successor: &Index) -> Result<Option<Line>, DaoError> {
        let stored = stored_indexes(database, self.collection).await?;
        let Some(name) = self.name_among(&stored, successor) else {
            return Ok(None);
        };
        let collection = database.collection::<Document>(self.collection);
        collection.drop_index(name.as_str()).await?;
        Ok(Some(Line::Dropped {
            index: format!("{}.{name}", self.collection),
            successor: successor.name.to_owned(),
        }))
    }

    fn name_among(&self, stored: &[IndexModel], successor: &Index) -> Option<String> {
        let backwards: Vec<_> = self
            .keys
            .iter()
            .map(|(field, order)| (*field, -order))
            .collect();
        let old = stored.iter().find(|model| {
            let either = [self.keys, &backwards];
            either.iter().any(|keys| same_keys(&model.keys, keys)) && !successor.is(model)
        });
        old?.options.as_ref()?.name.clone()
    }
}
