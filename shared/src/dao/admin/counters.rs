//! The daily counters of calls.

use mongodb::{
    Database,
    bson::{DateTime, Document, RawBsonRef, RawDocumentBuf, doc},
};

use crate::dao::{COUNTERS, DaoError, daily_caps::day};

/// Returns how many calls are counted on the UTC day of `at`, of all users together.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn calls_of_day(database: &Database, at: DateTime) -> Result<i64, DaoError> {
    let id = format!("calls:{}", day(at));
    let counters = database.collection::<RawDocumentBuf>(COUNTERS);
    let counter = counters.find_one(doc! { "_id": id }).await?;
    let count = counter.as_ref().map(|counter| counter.get("count"));
    Ok(match count {
        Some(Ok(Some(RawBsonRef::Int64(count)))) => count,
        Some(Ok(Some(RawBsonRef::Int32(count)))) => i64::from(count),
        _ => 0,
    })
}

/// The UTC days whose counters may exist: today, four days before, and tomorrow, because clocks differ.
pub fn kept_days() -> impl Iterator<Item = DateTime> {
    let now = DateTime::now().timestamp_millis();
    (-4..=1).map(move |days| DateTime::from_millis(now + days * 86_400_000))
}

/// Deletes the counters with these `_id`s, which [`user_counter`](crate::dao::user_counter) and
/// [`number_counter`](crate::dao::number_counter) return.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn delete(database: &Database, ids: &[String]) -> Result<(), DaoError> {
    let counters = database.collection::<Document>(COUNTERS);
    counters.delete_many(doc! { "_id": { "$in": ids } }).await?;
    Ok(())
}
