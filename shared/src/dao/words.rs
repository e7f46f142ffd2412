//! The words of sensitive calls, which are erased after the calls' end.

use mongodb::bson::{
    Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId, serialize_to_document,
};

use super::{CALLS, Dao, DaoError, client::MAX_TIME, stored};
use crate::domain::{Call, CallStatus};

/// The filter of the sensitive calls that have ended, or were given up, and have their words: also that of their partial index.
pub(super) fn ended() -> Document {
    doc! { "words_open": true, "status_rank": { "$gte": CallStatus::GIVEN_UP_RANK } }
}

/// The fields that an erasure changes.
const CHANGED: [&str; 7] = [
    "answers",
    "request_hash",
    "script",
    "steps",
    "voicemail",
    "words_erased_at",
    "words_open",
];

/// A sensitive call that has ended, with its words.
#[derive(Debug, Clone)]
pub struct EndedWords {
    /// The call.
    pub call: Call,
    /// Its answers as they are stored.
    answers: Bson,
}

/// A page of sensitive calls that have ended.
#[derive(Debug, Clone, Default)]
pub struct EndedWordsPage {
    /// The calls. Unreadable documents are logged and left out.
    pub calls: Vec<EndedWords>,
    /// The last `_id` of a full page: more calls may follow.
    pub more_after: Option<ObjectId>,
}

impl Dao {
    /// Returns a page of the sensitive calls with words that have ended before this time, in the order of their `_id`s, after an
    /// `_id`. Calls that were given up have ended too.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_ended_words(
        &self,
        before: DateTime,
        after: Option<ObjectId>,
        page: u32,
    ) -> Result<EndedWordsPage, DaoError> {
        let mut filter = ended();
        filter.insert("updated_at", doc! { "$lt": before });
        if let Some(after) = after {
            filter.insert("_id", doc! { "$gt": after });
        }
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let mut found = calls
                .find(filter.clone())
                .sort(doc! { "words_open": 1, "_id": 1 })
                .limit(page.into())
                .max_time(MAX_TIME)
                .await?;
            let (mut read, mut count, mut last) = (Vec::new(), 0, None);
            while found.advance().await? {
                let document = found.current();
                count += 1;
                last = document.get_object_id("_id").ok().or(last);
                if let Ok(call) = stored::read::<Call>(CALLS, document) {
                    let answers = stored::verbatim(document)?.remove("answers");
                    read.push(EndedWords {
                        call,
                        answers: answers.unwrap_or(Bson::Null),
                    });
                }
            }
            Ok(EndedWordsPage {
                calls: read,
                more_after: last.filter(|_| count >= page),
            })
        })
        .await
    }

    /// Erases the words and the keys of a sensitive call. Returns false, and changes nothing, if an answer came meanwhile, or if the
    /// call has an effect that may need them.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn erase_words(&self, ended: &EndedWords) -> Result<bool, DaoError> {
        let erased = ended.call.without_words(DateTime::now());
        let mut erased =
            serialize_to_document(&erased).map_err(|error| DaoError::of_bson(&error))?;
        let (mut set, mut unset) = (Document::new(), Document::new());
        for field in CHANGED {
            match erased.remove(field) {
                Some(value) => set.insert(field, value),
                None => unset.insert(field, ""),
            };
        }
        set.insert("updated_at", DateTime::now());
        let mut as_read = self::ended();
        as_read.extend(doc! {
            "_id": ended.call.id,
            "answers": { "$eq": ended.answers.clone() },
            "effects.0": { "$exists": false },
        });
        let changes = doc! { "$set": set, "$unset": unset };
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<Document>();
            let updated = calls.update_one(as_read.clone(), changes.clone()).await?;
            Ok(updated.matched_count > 0)
        })
        .await
    }
}
