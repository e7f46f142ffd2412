//! The parts of updates: filters, expressions, and a command that runs several updates in one round trip.

use mongodb::bson::{Bson, Document, RawDocumentBuf, bson, deserialize_from_document, doc};
use serde::{Deserialize, de::IgnoredAny};

use super::{Dao, DaoError, DuplicateKey};
use crate::domain::{CallId, CallSid, DialOutcome};

/// The filter for the call with this `call_id`.
pub(super) fn by_id(id: CallId) -> Document {
    doc! { "call_id": id.to_string() }
}

/// The filter for the call with this `CallSid`.
pub(super) fn by_sid(sid: &CallSid) -> Document {
    doc! { "twilio_sid": sid.as_str() }
}

/// The `$cond` expression.
pub(super) fn if_else(
    condition: impl Into<Bson>,
    then: impl Into<Bson>,
    otherwise: impl Into<Bson>,
) -> Bson {
    let arms = [condition.into(), then.into(), otherwise.into()];
    bson!({ "$cond": arms.to_vec() })
}

/// A value from outside. Without `$literal`, the database would evaluate a string that starts with `$`.
pub(super) fn literal(value: impl Into<Bson>) -> Bson {
    bson!({ "$literal": value.into() })
}

/// The server's time, for comparisons with stored times.
///
/// The embedded database does not compare `$$NOW` itself with stored times correctly.
pub(super) fn server_now() -> Bson {
    bson!({ "$toDate": { "$toLong": "$$NOW" } })
}

/// The server's time in milliseconds since 1970, as a double.
pub(super) fn server_millis() -> Bson {
    bson!({ "$toDouble": { "$toLong": "$$NOW" } })
}

/// Returns whether the call has no `CallSid` yet. The earlier service may have stored an empty string.
pub(super) fn sid_is_absent() -> Bson {
    bson!({ "$eq": [{ "$ifNull": ["$twilio_sid", ""] }, ""] })
}

/// Matches a call with this `CallSid`, or without one.
pub(super) fn goes_by(sid: &CallSid) -> Bson {
    bson!({ "$in": [{ "$ifNull": ["$twilio_sid", ""] }, ["", sid.as_str()]] })
}

/// Matches a call of which it is not known yet that Twilio has it.
pub(super) fn dial_is_unsettled() -> Bson {
    bson!({ "$in": ["$dial_outcome", unsettled_outcomes().to_vec()] })
}

/// The dial outcomes of a call of which it is not known yet that Twilio has it.
pub(super) fn unsettled_outcomes() -> [&'static str; 2] {
    [DialOutcome::Pending, DialOutcome::Unknown].map(DialOutcome::as_str)
}

/// The changes that store a missing `CallSid`, and settle the dial: Twilio has the call.
pub(super) fn learn_sid(sid: &CallSid) -> Document {
    doc! {
        "twilio_sid": if_else(sid_is_absent(), literal(sid.as_str()), "$twilio_sid"),
        "dial_outcome": if_else(
            bson!({ "$and": [goes_by(sid), dial_is_unsettled()] }),
            DialOutcome::Accepted.as_str(),
            "$dial_outcome",
        ),
    }
}

/// Matches a call that [`learn_sid`] changes.
pub(super) fn learns_sid(sid: &CallSid) -> Bson {
    bson!({ "$and": [
        goes_by(sid),
        { "$or": [sid_is_absent(), dial_is_unsettled()] },
    ] })
}

/// [`learn_sid`] as a stage of its own.
pub(super) fn learn_sid_stage(sid: &CallSid) -> Document {
    let mut changes = learn_sid(sid);
    let updated_at = if_else(learns_sid(sid), "$$NOW", "$updated_at");
    changes.insert("updated_at", updated_at);
    doc! { "$set": changes }
}

/// The effects of the statements of one command.
#[derive(Debug)]
pub(super) struct Updated {
    /// The number of statements that matched, or inserted, their document.
    pub(super) matched: i64,
    /// The number of statements that changed their document.
    pub(super) modified: i64,
    /// The position of the statement that violated a unique index, and the index. Later statements were not run.
    pub(super) duplicate: Option<(usize, DuplicateKey)>,
}

impl Updated {
    /// # Errors
    ///
    /// [`DaoError::Duplicate`] if a statement violated a unique index.
    pub(super) fn without_duplicate(self) -> Result<Self, DaoError> {
        match self.duplicate {
            Some((_, key)) => Err(DaoError::Duplicate(key)),
            None => Ok(self),
        }
    }
}

/// The database's reply to the command `update`.
#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "n")]
    matched: i64,
    #[serde(rename = "nModified", default)]
    modified: i64,
    #[serde(rename = "writeErrors", default)]
    errors: Vec<WriteError>,
    #[serde(rename = "writeConcernError")]
    unconfirmed: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WriteError {
    index: usize,
    code: i32,
    #[serde(rename = "errmsg", default)]
    message: String,
    #[serde(rename = "keyPattern", default)]
    key_pattern: Document,
}

impl Dao {
    /// Runs update statements, `{q, u}` each, in order, up to the first that fails.
    ///
    /// The driver retries its own writes once, but not commands. So this retries the command once if the database was unavailable,
    /// and a statement may be applied twice.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`] except [`DaoError::Duplicate`], which [`Updated::duplicate`] reports.
    pub(super) async fn update_in_order(
        &self,
        collection: &str,
        statements: Vec<Document>,
    ) -> Result<Updated, DaoError> {
        let command = doc! {
            "update": collection,
            "updates": statements,
            "writeConcern": { "w": "majority" },
        };
        let command = RawDocumentBuf::try_from(&command).map_err(mongodb::error::Error::from)?;
        let run = || self.run_updates(command.clone());
        match self.logged_in(run).await {
            Err(DaoError::Unavailable(_)) => run().await,
            updated => updated,
        }
    }

    async fn run_updates(&self, command: RawDocumentBuf) -> Result<Updated, DaoError> {
        let reply = self.database().await?.run_raw_command(command).await?;
        let reply: Reply = deserialize_from_document(reply).map_err(mongodb::error::Error::from)?;
        let failed = reply.errors.into_iter().next();
        let refused = failed.map(|error| {
            let fields: Vec<_> = error.key_pattern.keys().cloned().collect();
            (
                error.index,
                DaoError::of_code(error.code, "", &error.message, &fields),
            )
        });
        let duplicate = match refused {
            Some((index, DaoError::Duplicate(key))) => Some((index, key)),
            Some((_, error)) => return Err(error),
            None => None,
        };
        if reply.unconfirmed.is_some() {
            return Err(DaoError::unconfirmed());
        }
        Ok(Updated {
            matched: reply.matched,
            modified: reply.modified,
            duplicate,
        })
    }
}
