use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, bson, doc};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    CALLS, CallFilter, Dao, DaoError, DuplicateKey, ERASED_AT, List, Page, PageRequest,
    expr::{if_else, sid_is_absent},
    insert_once,
    page::find_page,
    status,
    stored::find_one,
};
use crate::domain::{
    Call, CallId, CallSid, CallStatus, DialOutcome, DialResult, StatusUpdate, UserId,
};

/// What an update from Twilio did to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The call has changed.
    Changed,
    /// Everything was known already; nothing has changed.
    Duplicate,
    /// There is no such call.
    UnknownCall,
    /// The call goes by another `CallSid`, or the `CallSid` is another call's: perhaps it was dialled twice. Nothing
    /// has changed.
    OtherCall,
}

/// A user, and how many calls there are: of none no number is told.
#[derive(Deserialize)]
struct Counted {
    counted: Option<Vec<Count>>,
}

#[derive(Deserialize)]
struct Count {
    total: u64,
}

impl Dao {
    /// Stores a new call.
    ///
    /// # Errors
    ///
    /// [`DaoError::Duplicate`] when its idempotency key, its `call_id` or its `twilio_sid` is another call's.
    pub async fn create_call(&self, call: &Call) -> Result<(), DaoError> {
        self.with_timeout(|| async { insert_once(&self.calls().await?, call.id, call).await })
            .await
    }

    /// The call of that public name.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_call(&self, id: CallId) -> Result<Option<Call>, DaoError> {
        self.find_call(by_id(id)).await
    }

    /// The call of that name of Twilio's.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_call_by_twilio_sid(&self, sid: &CallSid) -> Result<Option<Call>, DaoError> {
        self.find_call(by_sid(sid)).await
    }

    /// The call that was placed with that idempotency key: [`Call::idempotency_scope`].
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_call_by_idempotency_scope(
        &self,
        scope: &str,
    ) -> Result<Option<Call>, DaoError> {
        self.find_call(doc! { "idempotency_scope": scope }).await
    }

    /// The call that passes the filter, or what of it `T` has.
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

    /// Whether there was a call of that name, whose person was erased.
    ///
    /// # Errors
    ///
    /// When the database is away.
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

    /// A part of a user's calls, newest first, of one status or of all; none where there is no such user.
    ///
    /// # Errors
    ///
    /// When the database is away.
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

    /// A part of everybody's calls that pass the filter, newest first; none where that names a user who does not exist.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn list_calls(
        &self,
        filter: &CallFilter,
        request: &PageRequest,
    ) -> Result<Option<Page<Call>>, DaoError> {
        let mut equal = Document::new();
        if let Some(user) = filter.user {
            equal.insert("user_id", user.to_string());
        }
        if let Some(status) = filter.status {
            equal.insert("status", status.as_str());
        }
        // A daily cap bounds the calls to one number, so one index serves it with every other filter.
        let (equal, also) = match &filter.to_number {
            Some(number) => (doc! { "to_number": number.as_str() }, equal),
            None => (equal, Document::new()),
        };
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

    /// Looks for the user and, for a page by number, counts the calls: one command, for the calls are read beside it.
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

    /// Applies what Twilio tells of a call. Any order and any repetition of updates end in the same call: a status never
    /// gives way to a lower one, and a callback that was heard before changes nothing.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn update_call(
        &self,
        id: CallId,
        update: &StatusUpdate,
    ) -> Result<Applied, DaoError> {
        let stages = status::apply(update)?;
        self.apply(by_id(id), Some(&update.call_sid), stages).await
    }

    /// [`Dao::update_call`] for a callback that does not carry our name of the call.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn update_call_by_twilio_sid(
        &self,
        sid: &CallSid,
        update: &StatusUpdate,
    ) -> Result<Applied, DaoError> {
        let stages = status::apply(update)?;
        self.apply(by_sid(sid), Some(&update.call_sid), stages)
            .await
    }

    /// Stores Twilio's name of a call where there is none yet.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn record_call_sid(&self, id: CallId, sid: &CallSid) -> Result<Applied, DaoError> {
        self.apply(by_id(id), Some(sid), vec![status::learn(sid)])
            .await
    }

    /// Runs the stages on a call; `sid` is the name that the update came under, if it had one.
    pub(super) async fn apply(
        &self,
        this: Document,
        sid: Option<&CallSid>,
        stages: Vec<Document>,
    ) -> Result<Applied, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls.update_one(this.clone(), stages.clone()).await;
            match updated.map_err(DaoError::from) {
                Err(DaoError::Duplicate(DuplicateKey::CallSid)) => Ok(Applied::OtherCall),
                Err(error) => Err(error),
                Ok(result) if result.matched_count == 0 => Ok(Applied::UnknownCall),
                Ok(result) if result.modified_count > 0 => Ok(Applied::Changed),
                Ok(_) => match sid {
                    Some(sid) => self.why_unchanged(this.clone(), sid).await,
                    None => Ok(Applied::Duplicate),
                },
            }
        })
        .await
    }

    /// The stages leave a call alone that goes by another `CallSid`; only where nothing was changed a look tells why.
    pub(super) async fn why_unchanged(
        &self,
        this: Document,
        sid: &CallSid,
    ) -> Result<Applied, DaoError> {
        let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
        let unchanged = calls
            .find_one(this)
            .projection(doc! { "_id": 0, "twilio_sid": 1 })
            .await?;
        let is_other = unchanged
            .as_ref()
            .and_then(|call| call.get_str("twilio_sid").ok())
            .is_some_and(|known| known != sid.as_str());
        Ok(if is_other {
            Applied::OtherCall
        } else {
            Applied::Duplicate
        })
    }

    /// Records how our request to dial ended, and returns the call as it is then; none where there is no such call. `call` is
    /// as it was stored: while nobody has changed it, what it is then is known, and not read.
    ///
    /// Webhooks may have been faster, and know better: a call that goes by a `CallSid` keeps it, and is not refused any
    /// more; and Twilio's word in the answer, `queued`, gives way to any word of a webhook. `answered_status` is the HTTP status
    /// that the caller of our API gets. A call that Twilio has not taken gives its idempotency key free in the same update.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn record_dial(
        &self,
        call: &Call,
        result: &DialResult,
        answered_status: u16,
    ) -> Result<Option<Call>, DaoError> {
        let answered = i32::from(answered_status);
        let stages = match result {
            DialResult::Accepted { sid, status } => {
                vec![status::accept(sid, *status, answered_status)]
            }
            DialResult::Refused(refusal) => {
                status::refuse(refusal, answered_status, DateTime::now())?
            }
            DialResult::NotTaken(refusal) => {
                status::not_taken(refusal, answered_status, DateTime::now())?
            }
            DialResult::Unknown(_) => {
                let is_pending = bson!({ "$eq": ["$dial_outcome", DialOutcome::Pending.as_str()] });
                let outcome = if_else(is_pending, DialOutcome::Unknown.as_str(), "$dial_outcome");
                vec![doc! { "$set": {
                    "dial_outcome": outcome,
                    "answered_status": answered,
                    "updated_at": "$$NOW",
                } }]
            }
        };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            if let Some(expected) = recorded(call, result, answered)
                && calls
                    .update_one(as_stored(call), changes_to(&expected))
                    .await?
                    .matched_count
                    > 0
            {
                return Ok(Some(expected));
            }
            let this = doc! { "_id": call.id };
            calls.update_one(this.clone(), stages.clone()).await?;
            find_one(&calls, this).await
        })
        .await
    }

    /// Asks whoever learns Twilio's name of the call to hang up, unless the name is known or the call has ended; returns
    /// the call as it is then.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn request_hangup(&self, id: CallId) -> Result<Option<Call>, DaoError> {
        let going_on: Vec<_> = CallStatus::ALL
            .into_iter()
            .filter(|status| !status.is_terminal())
            .map(CallStatus::as_str)
            .collect();
        let waits = bson!({ "$and": [
            sid_is_absent(),
            { "$in": ["$status", going_on] },
        ] });
        let request = vec![doc! { "$set": {
            "hangup_requested": if_else(waits.clone(), true, "$hangup_requested"),
            "updated_at": if_else(waits, "$$NOW", "$updated_at"),
        } }];
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            calls.update_one(by_id(id), request.clone()).await?;
            find_one(&calls, by_id(id)).await
        })
        .await
    }

    /// Whether a hang-up waits for whoever learns Twilio's name of the call.
    ///
    /// # Errors
    ///
    /// When the database is away.
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

/// The call as it is told once its dial is recorded, if nobody else changes it. Of a refusal more becomes than the call tells.
fn recorded(call: &Call, result: &DialResult, answered_status: i32) -> Option<Call> {
    let (twilio_sid, told, outcome) = match result {
        DialResult::Accepted { sid, status } => (Some(sid.clone()), *status, DialOutcome::Accepted),
        DialResult::Unknown(_) => (None, None, DialOutcome::Unknown),
        DialResult::Refused(_) | DialResult::NotTaken(_) => return None,
    };
    let status = told.unwrap_or(call.status);
    Some(Call {
        twilio_sid,
        status,
        status_rank: status.rank(),
        dial_outcome: Some(outcome),
        answered_status: Some(answered_status),
        updated_at: DateTime::now(),
        ..call.clone()
    })
}

/// Whatever changes a call changes one of these: a webhook that names it settles the outcome, and a hang-up is no webhook.
fn as_stored(call: &Call) -> Document {
    doc! {
        "_id": call.id,
        "updated_at": call.updated_at,
        "dial_outcome": DialOutcome::Pending.as_str(),
        "hangup_requested": { "$ne": true },
    }
}

fn changes_to(expected: &Call) -> Document {
    let mut changes = doc! {
        "dial_outcome": expected.dial_outcome.map(DialOutcome::as_str),
        "answered_status": expected.answered_status,
        "updated_at": expected.updated_at,
    };
    if let Some(sid) = &expected.twilio_sid {
        changes.insert("twilio_sid", sid.as_str());
        changes.insert("status", expected.status.as_str());
        changes.insert("status_rank", expected.status_rank);
    }
    doc! { "$set": changes }
}

pub(super) fn by_id(id: CallId) -> Document {
    doc! { "call_id": id.to_string() }
}

pub(super) fn by_sid(sid: &CallSid) -> Document {
    doc! { "twilio_sid": sid.as_str() }
}
