//! Reading calls and lists of calls.

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    CALLS, CallFilter, Dao, DaoError, ERASED_AT, List, Page, PageRequest,
    page::find_page,
    stored::{self, find_one},
    updates::by_id,
};
use crate::domain::{Call, CallId, CallStatus, RetryRequest, UserId};

/// A user, with the number of calls. No count row if there are no calls.
#[derive(Deserialize)]
struct Counted {
    counted: Option<Vec<Count>>,
}

#[derive(Deserialize)]
struct Count {
    total: u64,
}

impl Dao {
    /// Returns the call with this `call_id`, or `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_call(&self, id: CallId) -> Result<Option<Call>, DaoError> {
        self.find_call(by_id(id)).await
    }

    /// Returns the attempts of a call with retries, in order. Leaves out those that cannot be read.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_attempts(&self, first: CallId) -> Result<Vec<Call>, DaoError> {
        let filter = doc! { "first_call_id": first.to_string() };
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let mut found = calls
                .find(filter.clone())
                .limit(RetryRequest::MAX_ATTEMPTS.into())
                .await?;
            let mut attempts: Vec<Call> = Vec::new();
            while found.advance().await? {
                attempts.extend(stored::read(CALLS, found.current()).ok());
            }
            attempts.sort_by_key(Call::attempt);
            Ok(attempts)
        })
        .await
    }

    /// Returns the call that matches the filter, with the fields of `T`, or `None`.
    pub(super) async fn find_call<T: DeserializeOwned + Send + Sync>(
        &self,
        filter: Document,
    ) -> Result<Option<T>, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<T>();
            find_one(&calls, filter.clone()).await
        })
        .await
    }

    /// Returns true if the personal data of the call with this `call_id` was erased.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn is_erased(&self, id: CallId) -> Result<bool, DaoError> {
        let erased = doc! { "_id": id.object_id(), ERASED_AT: { "$ne": Bson::Null } };
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let found = calls
                .find_one(erased.clone())
                .projection(doc! { "_id": 1 })
                .await?;
            Ok(found.is_some())
        })
        .await
    }

    /// Returns a page of a user's calls, with one status or all, newest first; `None` if there is no such user.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_user_calls(
        &self,
        user: UserId,
        status: Option<CallStatus>,
        request: &PageRequest,
    ) -> Result<Option<Page<Call>>, DaoError> {
        let mut filter = doc! { "user_id": user.to_string() };
        if let Some(status) = status {
            filter.insert("status", status.as_str());
        }
        self.with_timeout(|| async {
            let list = List::UserCalls(user, status);
            let calls = self.calls().await?;
            let counted = self.count_user_calls(user, status, request);
            let (page, counted) =
                find_page(&calls, filter.clone(), doc! {}, &list, request, counted).await?;
            Ok(counted.map(|total| Page { total, ..page }))
        })
        .await
    }

    /// Returns a page of all calls that match the filter, newest first; `None` if there is no user with the filter's id.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_calls(
        &self,
        filter: &CallFilter,
        request: &PageRequest,
    ) -> Result<Option<Page<Call>>, DaoError> {
        let (mut equal, mut also) = (Document::new(), Document::new());
        if let Some(user) = filter.user {
            equal.insert("user_id", user.to_string());
        }
        if let Some(result) = &filter.result {
            equal.insert("result", result.as_str());
        }
        if let Some(status) = filter.status {
            // Calls with the same result have few statuses.
            let place = match filter.result {
                Some(_) => &mut also,
                None => &mut equal,
            };
            place.insert("status", status.as_str());
        }
        // A daily cap bounds the calls to one number, and a call has few attempts: one index serves each with every other filter.
        let mut filters = [
            (
                "first_call_id",
                filter.first_call.map(|first| first.to_string()),
            ),
            ("batch_id", filter.batch.map(|batch| batch.to_string())),
            (
                "to_number",
                filter.to_number.as_ref().map(|it| it.as_str().to_owned()),
            ),
        ]
        .into_iter()
        .filter_map(|(field, value)| Some((field, value?)));
        if let Some((field, value)) = filters.next() {
            also.extend(std::mem::replace(&mut equal, doc! { field: value }));
            also.extend(filters.map(|(field, value)| (field.to_owned(), value.into())));
        }
        self.with_timeout(|| async {
            let list = List::Calls(filter.clone());
            let user_exists = async {
                match filter.user {
                    Some(user) => self.user_exists(user).await,
                    None => Ok(true),
                }
            };
            let calls = self.calls().await?;
            let (page, user_exists) = find_page(
                &calls,
                equal.clone(),
                also.clone(),
                &list,
                request,
                user_exists,
            )
            .await?;
            Ok(user_exists.then_some(page))
        })
        .await
    }

    async fn user_exists(&self, user: UserId) -> Result<bool, DaoError> {
        let users = self.users().await?.clone_with_type::<RawDocumentBuf>();
        let found = users
            .find_one(doc! { "_id": user.object_id() })
            .projection(doc! { "_id": 1 })
            .await?;
        Ok(found.is_some())
    }

    /// Looks the user up, and counts the calls if the request has a page number. One command, because another connection reads
    /// the page.
    async fn count_user_calls(
        &self,
        user: UserId,
        status: Option<CallStatus>,
        request: &PageRequest,
    ) -> Result<Option<Option<u64>>, DaoError> {
        let mut stages = vec![
            doc! { "$match": { "_id": user.object_id() } },
            doc! { "$project": { "_id": 0, "name": { "$toString": "$_id" } } },
        ];
        if request.number().is_some() {
            let mut counting: Vec<_> = status
                .map(|status| doc! { "$match": { "status": status.as_str() } })
                .into_iter()
                .collect();
            counting.push(doc! { "$group": { "_id": null, "total": { "$sum": 1 } } });
            stages.push(doc! { "$lookup": {
                "from": CALLS,
                "localField": "name",
                "foreignField": "user_id",
                "pipeline": counting,
                "as": "counted",
            } });
        }
        let users = self.users().await?;
        let mut found = users.aggregate(stages).with_type::<Counted>().await?;
        if !found.advance().await? {
            return Ok(None);
        }
        let counted = found.deserialize_current()?.counted;
        Ok(Some(counted.map(|counted| {
            counted.first().map_or(0, |count| count.total)
        })))
    }

    /// Returns true if a client has requested a hang-up before the `CallSid` was known.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn hangup_waits(&self, id: CallId) -> Result<bool, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let call = calls
                .find_one(by_id(id))
                .projection(doc! { "_id": 0, "hangup_requested": 1 })
                .await?;
            Ok(call.is_some_and(|call| call.get_bool("hangup_requested").unwrap_or(false)))
        })
        .await
    }
}
