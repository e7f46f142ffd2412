//! Transfers: the legs of a call, and the rules for a number that is about to be dialled.

use mongodb::bson::{Bson, RawDocumentBuf, bson, doc, serialize_to_bson};
use tokio::time::Instant;

use super::{
    BLOCKED_NUMBERS, Dao, DaoError,
    updates::{if_else, literal},
    voice::READ_TIMEOUT,
    within,
};
use crate::domain::{PhoneNumber, RefusalCode, TransferLeg};

impl Dao {
    /// Returns the rule that refuses a transfer to a number with these spellings now: the block list, or the kill switch. `None`:
    /// it may be dialled.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; [`DaoError::Unavailable`] if the database does not answer within two seconds.
    pub async fn check_transfer(
        &self,
        spellings: &[PhoneNumber],
    ) -> Result<Option<RefusalCode>, DaoError> {
        let spellings: Vec<_> = spellings.iter().map(PhoneNumber::as_str).collect();
        within(Instant::now() + READ_TIMEOUT, async {
            let blocked = async {
                let numbers = self
                    .database()
                    .await?
                    .collection::<RawDocumentBuf>(BLOCKED_NUMBERS);
                let filter = doc! { "number": { "$in": spellings } };
                let found = numbers
                    .find_one(filter)
                    .projection(doc! { "_id": 1 })
                    .await?;
                Ok(found.is_some())
            };
            let (is_blocked, switch) = tokio::try_join!(blocked, self.dialing())?;
            Ok(if is_blocked {
                Some(RefusalCode::NumberBlocked)
            } else {
                (!switch.on).then_some(RefusalCode::DialingOff)
            })
        })
        .await
    }
}

/// The expression of the call's legs with this event of one of them.
///
/// A leg keeps the data of its highest rank, of the first event of that rank, and of lower ones where it has none.
pub(super) fn with(leg: &TransferLeg) -> Result<Bson, DaoError> {
    let new = literal(serialize_to_bson(leg).map_err(|error| DaoError::of_bson(&error))?);
    let stored = bson!({ "$ifNull": ["$transfers", []] });
    let of_step = |comparison: &str| {
        bson!({ "$filter": {
            "input": stored.clone(),
            "as": "leg",
            "cond": { comparison: ["$$leg.step", leg.step.as_str()] },
        } })
    };
    let began = bson!({ "at": { "$min": ["$$leg.at", leg.at] } });
    let merged = bson!({ "$map": {
        "input": of_step("$eq"),
        "as": "leg",
        "in": if_else(
            bson!({ "$gt": [leg.rank, "$$leg.rank"] }),
            bson!({ "$mergeObjects": ["$$leg", new.clone(), began.clone()] }),
            if_else(
                bson!({ "$lt": [leg.rank, "$$leg.rank"] }),
                bson!({ "$mergeObjects": [new.clone(), "$$leg", began.clone()] }),
                bson!({ "$mergeObjects": ["$$leg", began] }),
            ),
        ),
    } });
    let is_new = bson!({ "$eq": [{ "$size": of_step("$eq") }, 0] });
    Ok(bson!({ "$sortArray": {
        "input": { "$concatArrays": [of_step("$ne"), if_else(is_new, bson!([new]), merged)] },
        "sortBy": { "at": 1, "step": 1 },
    } }))
}
