//! The indexes. An operator's command creates them, never a function.
//!
//! A new index is created before the one that it replaces is dropped, so no query is ever without one. Functions of an earlier
//! version can use the new indexes too.

mod backfill;
mod index;
mod list;
mod replaced;
mod report;

use mongodb::Database;

use super::{
    BATCHES, BLOCKED_NUMBERS, CALLS, COUNTERS, DaoError, RECORDINGS, TRANSCRIPTS, USERS, permits,
};
use index::Index;
use list::{INDEXES, REPLACED};
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
    for collection in [
        USERS,
        CALLS,
        RECORDINGS,
        TRANSCRIPTS,
        COUNTERS,
        BLOCKED_NUMBERS,
        BATCHES,
    ] {
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
