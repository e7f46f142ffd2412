//! The facts about a call's user and number that decide whether the call may be placed.

use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde::Deserialize;

use super::{
    BLOCKED_NUMBERS, COUNTERS, Dao, DaoError, USERS,
    dialing::{DialingSwitch, SWITCH},
    stored,
};
use crate::domain::{PhoneNumber, User, UserId};

/// Facts that decide whether a call may be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// The user whom the call concerns.
    pub user: User,
    /// The looked-up numbers that are on the block list.
    pub blocked: Vec<PhoneNumber>,
    /// The kill switch.
    pub dialing: DialingSwitch,
}

/// The row that [`callee_stages`] gives.
#[derive(Deserialize)]
pub(super) struct FoundCallee {
    user: RawDocumentBuf,
    blocked: Vec<RawDocumentBuf>,
    dialing: Vec<RawDocumentBuf>,
}

impl FoundCallee {
    /// Reads the facts about these numbers.
    pub(super) fn read(&self, spellings: &[PhoneNumber]) -> Result<Callee, DaoError> {
        Ok(Callee {
            user: stored::read(USERS, &self.user)?,
            blocked: self.blocked(spellings),
            dialing: DialingSwitch::of(self.dialing.first().map(AsRef::as_ref)),
        })
    }

    /// An unreadable entry blocks all numbers, because it may be any of them.
    fn blocked(&self, spellings: &[PhoneNumber]) -> Vec<PhoneNumber> {
        let mut blocked = Vec::new();
        for entry in &self.blocked {
            let number = entry.get_str("number").ok();
            let is_it = |spelling: &&PhoneNumber| number == Some(spelling.as_str());
            match spellings.iter().find(is_it) {
                Some(spelling) => blocked.push(spelling.clone()),
                None => return spellings.to_vec(),
            }
        }
        blocked
    }
}

/// The stages that look up a user, the numbers that are on the block list, and the kill switch.
pub(super) fn callee_stages(id: UserId, spellings: &[PhoneNumber]) -> Vec<Document> {
    let looked_up: Vec<_> = spellings.iter().map(PhoneNumber::as_str).collect();
    let lookup = |collection: &str, value: &str, field: &str, name: &str| {
        doc! { "$lookup": { "from": collection, "localField": value, "foreignField": field, "as": name } }
    };
    vec![
        doc! { "$match": { "_id": id.object_id() } },
        doc! { "$project": {
            "_id": 0,
            "user": "$$ROOT",
            "spellings": { "$literal": looked_up },
            "switch": { "$literal": SWITCH },
        } },
        lookup(BLOCKED_NUMBERS, "spellings", "number", "blocked"),
        lookup(COUNTERS, "switch", "_id", "dialing"),
    ]
}

impl Dao {
    /// Returns the user with this id, which of the numbers are blocked, and the kill switch; `None` if there is no such user.
    /// The numbers are the spellings of all that the call may dial. One command, because a request has two connections and looks its idempotency key up concurrently.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_callee(
        &self,
        id: UserId,
        spellings: &[PhoneNumber],
    ) -> Result<Option<Callee>, DaoError> {
        let stages = callee_stages(id, spellings);
        self.with_timeout(|| async {
            let users = self.users().await?;
            let mut found = users
                .aggregate(stages.clone())
                .with_type::<FoundCallee>()
                .await?;
            if !found.advance().await? {
                return Ok(None);
            }
            found.deserialize_current()?.read(spellings).map(Some)
        })
        .await
    }
}
