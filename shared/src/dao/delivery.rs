//! Storing what the person heard of a call's script.

use mongodb::bson::{Bson, Document, bson, doc};

use super::{
    Applied, Dao, DaoError,
    calls::{by_id, by_sid},
    expr::if_else,
    status::{goes_by, learn},
    with_deadline,
};
use crate::domain::{CallId, CallSid, Delivery};

impl Dao {
    /// Stores `delivery: none` on the call with this `call_id`, else on the one with this `CallSid`. Does nothing if a delivery
    /// is stored already, or if the call has another `CallSid`. Never touches the status.
    ///
    /// # Errors
    ///
    /// When the database is away. Both look-ups together have the time of one.
    pub async fn record_undelivered(
        &self,
        id: Option<CallId>,
        sid: Option<&CallSid>,
    ) -> Result<Applied, DaoError> {
        with_deadline(async {
            if let Some(id) = id {
                let applied = self.apply(by_id(id), sid, undelivered(sid)).await?;
                if applied != Applied::UnknownCall {
                    return Ok(applied);
                }
            }
            match sid {
                Some(known) => self.apply(by_sid(known), sid, undelivered(sid)).await,
                None => Ok(Applied::UnknownCall),
            }
        })
        .await
    }
}

/// Stores the `CallSid` first, so that the apology to one of Twilio's calls is never recorded for another.
fn undelivered(sid: Option<&CallSid>) -> Vec<Document> {
    let is_unknown = bson!({ "$eq": [{ "$ifNull": ["$delivery", ""] }, ""] });
    let applies = match sid {
        Some(sid) => bson!({ "$and": [is_unknown, goes_by(sid)] }),
        None => is_unknown,
    };
    let change = |then: Bson, otherwise: &str| if_else(applies.clone(), then, otherwise);
    let stored = doc! { "$set": {
        "delivery": change(Delivery::None.as_str().into(), "$delivery"),
        "updated_at": change("$$NOW".into(), "$updated_at"),
    } };
    sid.map(learn).into_iter().chain([stored]).collect()
}
