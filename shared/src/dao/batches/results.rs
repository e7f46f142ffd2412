//! The results of a batch: one row for each recipient.

use std::collections::HashMap;

use mongodb::bson::{Document, RawDocumentBuf, bson, doc, oid::ObjectId};

use crate::{
    dao::{CALLS, Dao, DaoError, client::MAX_TIME, stored, updates::if_else},
    domain::{Attempts, BatchId, Call, CallId},
};

/// The result of the calls to a recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipientResult {
    /// The first call.
    pub call_id: CallId,
    /// The last call, without its texts and metadata.
    pub last: Call,
    /// All attempts.
    pub attempts: Attempts,
}

/// A page of results.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResultPage {
    /// The results. There may be fewer than requested, because unreadable documents are left out.
    pub results: Vec<RecipientResult>,
    /// The `_id` of the first call on the next page, if there is one.
    pub next: Option<ObjectId>,
}

/// The stages that leave out what the results do not show, and what is long. A call without its steps has a stored result.
fn without_texts() -> [Document; 2] {
    let is_settled = bson!({ "$and": [
        { "$gt": ["$result", ""] },
        { "$eq": [{ "$ifNull": ["$effects", []] }, []] },
    ] });
    let steps = if_else(is_settled, "$$REMOVE", "$steps");
    [
        doc! { "$set": { "script": "", "metadata": {}, "steps": steps } },
        doc! { "$unset": ["voicemail.message", "transfer_lines"] },
    ]
}

impl Dao {
    /// Returns a page of a batch's results, in a fixed order, from the call with the `_id` `from` on.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_batch_results(
        &self,
        id: BatchId,
        from: Option<ObjectId>,
        limit: u32,
    ) -> Result<ResultPage, DaoError> {
        let mut filter = doc! { "batch_id": id.to_string(), "attempt": 1 };
        if let Some(from) = from {
            filter.insert("_id", doc! { "$gte": from });
        }
        let mut stages = vec![
            doc! { "$match": filter },
            doc! { "$sort": { "batch_id": 1, "attempt": 1, "_id": 1 } },
            doc! { "$limit": i64::from(limit) + 1 },
        ];
        stages.extend(without_texts());
        self.with_timeout(|| async {
            let mut found = self.find_attempts(stages.clone()).await?;
            let next = found.drain(found.len().min(limit as usize)..).next();
            let first: Vec<_> = found
                .iter()
                .filter_map(|call| stored::read::<Call>(CALLS, call).ok())
                .collect();
            let mut later = self.list_later_attempts(&first).await?;
            let with_later = |first: Call| {
                let later = later.remove(&first.call_id).unwrap_or_default();
                result(first, later)
            };
            Ok(ResultPage {
                results: first.into_iter().map(with_later).collect(),
                next: next.and_then(|call| call.get_object_id("_id").ok()),
            })
        })
        .await
    }

    /// Returns the later attempts by the id of the first call, in order.
    async fn list_later_attempts(
        &self,
        first: &[Call],
    ) -> Result<HashMap<CallId, Vec<Call>>, DaoError> {
        let retried = first.iter().filter(|call| call.next_call_id.is_some());
        let ids: Vec<_> = retried.map(|call| call.call_id.to_string()).collect();
        let mut later: HashMap<_, Vec<Call>> = HashMap::new();
        if ids.is_empty() {
            return Ok(later);
        }
        let later_ones = doc! { "first_call_id": { "$in": ids }, "attempt": { "$gt": 1 } };
        let mut stages = vec![doc! { "$match": later_ones }];
        stages.extend(without_texts());
        for call in self.find_attempts(stages).await? {
            if let Ok(call) = stored::read::<Call>(CALLS, &call) {
                later.entry(call.first_call_id()).or_default().push(call);
            }
        }
        for attempts in later.values_mut() {
            attempts.sort_by_key(Call::attempt);
        }
        Ok(later)
    }

    async fn find_attempts(&self, stages: Vec<Document>) -> Result<Vec<RawDocumentBuf>, DaoError> {
        let calls = self.calls().await?;
        let mut found = calls.aggregate(stages).max_time(MAX_TIME).await?;
        let mut documents = Vec::new();
        while found.advance().await? {
            documents.push(found.current().to_owned());
        }
        Ok(documents)
    }
}

fn result(first: Call, later: Vec<Call>) -> RecipientResult {
    RecipientResult {
        call_id: first.call_id,
        attempts: Attempts::of(later.iter().chain([&first])),
        last: later.into_iter().next_back().unwrap_or(first),
    }
}
