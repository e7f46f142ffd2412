//! Several updates in one round trip.

use mongodb::bson::{Document, RawDocumentBuf, deserialize_from_document, doc};
use serde::{Deserialize, de::IgnoredAny};

use super::{Dao, DaoError, DuplicateKey};

/// What the statements of a command have done.
#[derive(Debug)]
pub(super) struct Updated {
    /// How many of them have found, or made, their document.
    pub(super) matched: i64,
    /// How many of them have changed it.
    pub(super) modified: i64,
    /// The statement that has met a value which a unique index holds already, by its place. Those after it were not run.
    pub(super) duplicate: Option<(usize, DuplicateKey)>,
}

impl Updated {
    /// # Errors
    ///
    /// [`DaoError::Duplicate`] where a statement has met one.
    pub(super) fn without_duplicate(self) -> Result<Self, DaoError> {
        match self.duplicate {
            Some((_, key)) => Err(DaoError::Duplicate(key)),
            None => Ok(self),
        }
    }
}

/// The database's answer to the command `update`.
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
    /// Runs update statements one after the other, up to the first that fails: `{q, u}` each.
    ///
    /// The driver repeats its own writes once, but no command: where the database was away they are run once more, and may
    /// be applied twice.
    ///
    /// # Errors
    ///
    /// When the database is away, or refuses anything but a duplicate.
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
