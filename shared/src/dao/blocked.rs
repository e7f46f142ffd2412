use mongodb::{
    Collection,
    bson::{Document, RawDocumentBuf, doc},
};
use serde::Deserialize;

use super::{
    BLOCKED_NUMBERS, COUNTERS, Dao, DaoError, List, Page, PageRequest, USERS,
    dialing::{DialingSwitch, SWITCH},
    insert_once,
    page::{find_page, total},
    stored::{self, find_one},
};
use crate::domain::{BlockedNumber, PhoneNumber, User, UserId};

/// What the database says before a call is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// The user whom the call concerns.
    pub user: User,
    /// The spelling of the number that is one of `blocked_numbers`.
    pub blocked_as: Option<PhoneNumber>,
    /// Whether calls are placed at all.
    pub dialing: DialingSwitch,
}

#[derive(Deserialize)]
struct Found {
    user: RawDocumentBuf,
    blocked: Vec<RawDocumentBuf>,
    dialing: Vec<RawDocumentBuf>,
}

impl Dao {
    /// The user of that name, and what stands against a call to a number, which is blocked if one of its spellings is: in one
    /// command, for one request has two connections.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_callee(
        &self,
        id: UserId,
        spellings: &[PhoneNumber],
    ) -> Result<Option<Callee>, DaoError> {
        let looked_up: Vec<_> = spellings.iter().map(PhoneNumber::as_str).collect();
        let beside = |collection: &str, value: &str, field: &str, name: &str| {
            doc! { "$lookup": { "from": collection, "localField": value, "foreignField": field, "as": name } }
        };
        let stages = [
            doc! { "$match": { "_id": id.object_id() } },
            doc! { "$project": {
                "_id": 0,
                "user": "$$ROOT",
                "spellings": { "$literal": looked_up },
                "switch": { "$literal": SWITCH },
            } },
            beside(BLOCKED_NUMBERS, "spellings", "number", "blocked"),
            beside(COUNTERS, "switch", "_id", "dialing"),
        ];
        self.with_timeout(|| async {
            let users = self.users().await?;
            let mut found = users.aggregate(stages.clone()).with_type::<Found>().await?;
            if !found.advance().await? {
                return Ok(None);
            }
            let found = found.deserialize_current()?;
            Ok(Some(Callee {
                user: stored::read(USERS, &found.user)?,
                // An entry that cannot be read blocks all the same.
                blocked_as: found.blocked.first().and_then(|entry| {
                    let number = entry.get_str("number").ok();
                    let is_it = |spelling: &&PhoneNumber| number == Some(spelling.as_str());
                    spellings.iter().find(is_it).or(spellings.first()).cloned()
                }),
                dialing: DialingSwitch::of(found.dialing.first().map(AsRef::as_ref)),
            }))
        })
        .await
    }

    /// Blocks a number. Where it is blocked already, that stays as it is and is returned.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn block_number(
        &self,
        blocked: &BlockedNumber,
    ) -> Result<Option<BlockedNumber>, DaoError> {
        self.with_timeout(|| async {
            let numbers = self.blocked_numbers().await?;
            loop {
                match insert_once(&numbers, blocked.id, blocked).await {
                    Ok(()) => return Ok(None),
                    Err(DaoError::Duplicate(_)) => {}
                    Err(error) => return Err(error),
                }
                // One that is gone again was taken off the list in between.
                if let Some(first) = find_one(&numbers, by_number(&blocked.number)).await? {
                    return Ok(Some(first));
                }
            }
        })
        .await
    }

    /// What is known of a blocked number.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_blocked_number(
        &self,
        number: &PhoneNumber,
    ) -> Result<Option<BlockedNumber>, DaoError> {
        self.with_timeout(|| async {
            let numbers = self.blocked_numbers().await?;
            find_one(&numbers, by_number(number)).await
        })
        .await
    }

    /// A part of all blocked numbers, newest first.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn list_blocked_numbers(
        &self,
        request: &PageRequest,
    ) -> Result<Page<BlockedNumber>, DaoError> {
        self.with_timeout(|| async {
            let numbers = self.blocked_numbers().await?;
            let (list, total) = (List::BlockedNumbers, total(&numbers, doc! {}, request));
            let found = find_page(&numbers, doc! {}, doc! {}, &list, request, total).await;
            found.map(|(page, total)| Page { total, ..page })
        })
        .await
    }

    /// Takes a number off the list, and tells whether it was there.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn unblock_number(&self, number: &PhoneNumber) -> Result<bool, DaoError> {
        self.with_timeout(|| async {
            let numbers = self.blocked_numbers().await?;
            let deleted = numbers.delete_one(by_number(number)).await?;
            Ok(deleted.deleted_count > 0)
        })
        .await
    }

    async fn blocked_numbers(&self) -> Result<Collection<BlockedNumber>, DaoError> {
        Ok(self.database().await?.collection(BLOCKED_NUMBERS))
    }
}

fn by_number(number: &PhoneNumber) -> Document {
    doc! { "number": number.as_str() }
}
