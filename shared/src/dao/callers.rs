//! People who call back: the last call to their number, and that they want no further calls.

use std::time::Duration;

use mongodb::bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};

use super::{Dao, DaoError, effects::note_caller_opt_out};
use crate::domain::{Language, PhoneNumber};

/// A person may call back for this long after a call. Later, somebody else may have the number, or only pretend to have it.
const CALLS_BACK_WITHIN: Duration = Duration::from_hours(90 * 24);
/// The longest time from the creation of a call to its dial.
const LONGEST_WAIT: Duration = Duration::from_hours(366 * 24);

impl Dao {
    /// Returns the language of the last call to one of these spellings of a number, if it has one.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn language_of_caller(
        &self,
        spellings: &[PhoneNumber],
    ) -> Result<Option<Language>, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let found = calls
                .find_one(dialled_before(spellings, DateTime::now()))
                .sort(newest_first())
                .projection(doc! { "_id": 0, "language": 1 })
                .await?;
            Ok(found.and_then(|call| read(&call, "language")))
        })
        .await
    }

    /// Notes the effect of an opt-out on the last call to one of these spellings of a number. Returns the number as that call
    /// has it; `None`: none of them was dialled in the 90 days before the person called.
    ///
    /// The call keeps its result. The function `effects` blocks the number, and cancels the calls to it that wait.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn opt_caller_out(
        &self,
        spellings: &[PhoneNumber],
        called_at: DateTime,
    ) -> Result<Option<PhoneNumber>, DaoError> {
        let noted = doc! { "$set": note_caller_opt_out() };
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let found = calls
                .find_one_and_update(dialled_before(spellings, called_at), vec![noted.clone()])
                .sort(newest_first())
                .projection(doc! { "_id": 0, "to_number": 1 })
                .await?;
            Ok(found.and_then(|call| read(&call, "to_number")))
        })
        .await
    }
}

/// The filter of the calls to a number that Twilio had in the 90 days before this time.
fn dialled_before(spellings: &[PhoneNumber], called_at: DateTime) -> Document {
    let spellings: Vec<_> = spellings.iter().map(PhoneNumber::as_str).collect();
    let since = before(called_at, CALLS_BACK_WITHIN);
    doc! {
        "to_number": { "$in": spellings },
        "created_at": { "$gte": before(since, LONGEST_WAIT) },
        "twilio_sid": { "$gt": "" },
        "$or": [
            { "dial_begun_at": { "$gte": since } },
            { "dial_begun_at": Bson::Null, "created_at": { "$gte": since } },
        ],
    }
}

fn before(time: DateTime, by: Duration) -> DateTime {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(time.timestamp_millis().saturating_sub(by))
}

fn newest_first() -> Document {
    doc! { "created_at": -1, "_id": -1 }
}

/// A malformed value counts as absent.
fn read<T: std::str::FromStr>(call: &RawDocument, field: &str) -> Option<T> {
    call.get_str(field).ok()?.parse().ok()
}
