//! The indexes, made by an operator's command and never by a function.
//!
//! They are made anew beside the earlier service's, which are dropped only then: no query is ever without one.

mod backfill;
mod report;

use std::time::Duration;

use mongodb::{
    Database, IndexModel,
    bson::{Bson, Document, doc},
    options::IndexOptions,
};

use super::{CALLS, COUNTERS, DaoError, RECORDINGS, USERS};
use report::Line;

pub use report::Report;

/// Makes every index that is missing, drops those of the earlier service that are replaced, and fills in the fields that its
/// documents lack. It may be repeated at any time.
///
/// Values that stand in the way of a unique index are reported, and the other indexes are made all the same.
///
/// # Errors
///
/// When the database is away.
pub async fn ensure(database: &Database) -> Result<Report, DaoError> {
    let mut report = Report::default();
    for filled in backfill::run(database).await? {
        if filled.count > 0 {
            report.lines.push(Line::FilledIn {
                field: filled.field,
                count: filled.count,
            });
        }
        if !filled.conflicts.is_empty() {
            report.lines.push(Line::Blocked {
                what: filled.field.to_owned(),
                documents: filled.conflicts,
            });
        }
    }
    for index in INDEXES {
        let line = index.ensure(database).await?;
        report.lines.extend(line);
    }
    for (old, successor) in REPLACED {
        if report.blocks(&successor.full_name()) {
            continue;
        }
        let line = old.drop(database, successor).await?;
        report.lines.extend(line);
    }
    Ok(report)
}

struct Index {
    collection: &'static str,
    name: &'static str,
    keys: &'static [(&'static str, i32)],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Unique,
    /// Unique among the documents that have the field.
    UniqueSparse,
    /// Unique among texts: the field may be absent, or null in documents of the earlier service.
    UniqueTexts,
    /// Documents go when the time in the field has come.
    Expiring,
}

const fn index(
    collection: &'static str,
    name: &'static str,
    keys: &'static [(&'static str, i32)],
    kind: Kind,
) -> Index {
    Index {
        collection,
        name,
        keys,
        kind,
    }
}

const CALL_SID: Index = index(
    CALLS,
    "twilio_sid_unique",
    &[("twilio_sid", 1)],
    Kind::UniqueTexts,
);
const CALLS_OF_USER: Index = index(
    CALLS,
    "user_id_created_at",
    &[("user_id", 1), ("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const CALLS_BY_AGE: Index = index(
    CALLS,
    "created_at_id",
    &[("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const CALLS_BY_STATUS: Index = index(
    CALLS,
    "status_updated_at",
    &[("status", 1), ("updated_at", 1)],
    Kind::Plain,
);
const RECORDING_SID: Index = index(
    RECORDINGS,
    "twilio_sid_unique",
    &[("twilio_sid", 1)],
    Kind::Unique,
);
const RECORDINGS_OF_CALL: Index = index(
    RECORDINGS,
    "call_id_created_at",
    &[("call_id", 1), ("created_at", 1), ("_id", 1)],
    Kind::Plain,
);

const INDEXES: &[Index] = &[
    index(USERS, "email_1", &[("email", 1)], Kind::Unique),
    index(USERS, "phone_number_1", &[("phone_number", 1)], Kind::Plain),
    index(
        USERS,
        "email_lower_unique",
        &[("email_lower", 1)],
        Kind::Unique,
    ),
    index(
        USERS,
        "idempotency_scope_unique",
        &[("idempotency_scope", 1)],
        Kind::UniqueSparse,
    ),
    index(
        USERS,
        "created_at_id",
        &[("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(CALLS, "call_id_unique", &[("call_id", 1)], Kind::Unique),
    CALL_SID,
    index(
        CALLS,
        "idempotency_scope_unique",
        &[("idempotency_scope", 1)],
        Kind::UniqueSparse,
    ),
    CALLS_OF_USER,
    index(
        CALLS,
        "user_id_status_created_at",
        &[
            ("user_id", 1),
            ("status", 1),
            ("created_at", -1),
            ("_id", -1),
        ],
        Kind::Plain,
    ),
    CALLS_BY_AGE,
    CALLS_BY_STATUS,
    RECORDING_SID,
    RECORDINGS_OF_CALL,
    index(
        COUNTERS,
        "expires_at_ttl",
        &[("expires_at", 1)],
        Kind::Expiring,
    ),
];

/// The key of an index of the earlier service, under whatever name.
struct Old {
    collection: &'static str,
    field: &'static str,
}

const REPLACED: &[(Old, &Index)] = &[
    (
        Old {
            collection: CALLS,
            field: "user_id",
        },
        &CALLS_OF_USER,
    ),
    (
        Old {
            collection: CALLS,
            field: "twilio_sid",
        },
        &CALL_SID,
    ),
    (
        Old {
            collection: CALLS,
            field: "created_at",
        },
        &CALLS_BY_AGE,
    ),
    (
        Old {
            collection: CALLS,
            field: "status",
        },
        &CALLS_BY_STATUS,
    ),
    (
        Old {
            collection: RECORDINGS,
            field: "call_id",
        },
        &RECORDINGS_OF_CALL,
    ),
    (
        Old {
            collection: RECORDINGS,
            field: "twilio_sid",
        },
        &RECORDING_SID,
    ),
];

impl Index {
    fn full_name(&self) -> String {
        format!("{}.{}", self.collection, self.name)
    }

    async fn ensure(&self, database: &Database) -> Result<Option<Line>, DaoError> {
        let stored = stored_indexes(database, self.collection).await?;
        if stored.iter().any(|model| self.is(model)) {
            return Ok(None);
        }
        let collection = database.collection::<Document>(self.collection);
        match collection
            .create_index(self.model())
            .await
            .map_err(DaoError::from)
        {
            Ok(_) => Ok(Some(Line::Made(self.full_name()))),
            Err(DaoError::Duplicate(_)) => Ok(Some(Line::Blocked {
                what: self.full_name(),
                documents: self.duplicates(database).await?,
            })),
            Err(error) => Err(error),
        }
    }

    /// An index of the same form does, whatever its name: the earlier service may have made it.
    fn is(&self, stored: &IndexModel) -> bool {
        let ours = self.model();
        let options = |model: &IndexModel| {
            let options = model.options.clone().unwrap_or_default();
            (
                options.unique.unwrap_or(false),
                options.sparse.unwrap_or(false),
                options.partial_filter_expression,
                options.expire_after,
            )
        };
        same_keys(&stored.keys, self.keys) && options(stored) == options(&ours)
    }

    fn model(&self) -> IndexModel {
        let keys: Document = self
            .keys
            .iter()
            .map(|(field, order)| ((*field).to_owned(), Bson::from(*order)))
            .collect();
        let unique = matches!(
            self.kind,
            Kind::Unique | Kind::UniqueSparse | Kind::UniqueTexts
        );
        let options = IndexOptions::builder()
            .name(self.name.to_owned())
            .unique(unique.then_some(true))
            .sparse((self.kind == Kind::UniqueSparse).then_some(true))
            .partial_filter_expression((self.kind == Kind::UniqueTexts).then(|| self.covered()))
            .expire_after((self.kind == Kind::Expiring).then_some(Duration::ZERO))
            .build();
        IndexModel::builder().keys(keys).options(options).build()
    }

    /// Which documents the index covers.
    fn covered(&self) -> Document {
        let (field, _) = self.keys[0];
        match self.kind {
            Kind::UniqueTexts => doc! { field: { "$gt": "" } },
            Kind::UniqueSparse => doc! { field: { "$exists": true } },
            Kind::Plain | Kind::Unique | Kind::Expiring => doc! {},
        }
    }

    /// The documents that hold the same value, value by value, at most twenty of these.
    async fn duplicates(&self, database: &Database) -> Result<Vec<Vec<Bson>>, DaoError> {
        let (field, _) = self.keys[0];
        let stages = [
            doc! { "$match": self.covered() },
            doc! { "$group": { "_id": format!("${field}"), "documents": { "$push": "$_id" } } },
            doc! { "$match": { "documents.1": { "$exists": true } } },
            doc! { "$project": { "_id": 0, "documents": 1 } },
            doc! { "$limit": 20 },
        ];
        let collection = database.collection::<Document>(self.collection);
        let mut found = collection.aggregate(stages).await?;
        let mut duplicates = Vec::new();
        while found.advance().await? {
            let group = found.deserialize_current()?;
            duplicates.extend(group.get_array("documents").ok().cloned());
        }
        Ok(duplicates)
    }
}

impl Old {
    async fn drop(&self, database: &Database, successor: &Index) -> Result<Option<Line>, DaoError> {
        let stored = stored_indexes(database, self.collection).await?;
        let old = stored.iter().find(|model| {
            let either = [[(self.field, 1)], [(self.field, -1)]];
            either.iter().any(|keys| same_keys(&model.keys, keys)) && !successor.is(model)
        });
        let Some(name) = old.and_then(|model| model.options.as_ref()?.name.clone()) else {
            return Ok(None);
        };
        let collection = database.collection::<Document>(self.collection);
        collection.drop_index(name.as_str()).await?;
        Ok(Some(Line::Dropped {
            index: format!("{}.{name}", self.collection),
            successor: successor.name.to_owned(),
        }))
    }
}

/// Numbers come back as the server or another driver has stored them.
fn same_keys(stored: &Document, keys: &[(&str, i32)]) -> bool {
    let order = |value: &Bson| match value {
        Bson::Int32(order) => Some(f64::from(*order)),
        #[expect(clippy::cast_precision_loss, reason = "it is 1 or -1")]
        Bson::Int64(order) => Some(*order as f64),
        Bson::Double(order) => Some(*order),
        _ => None,
    };
    stored.len() == keys.len()
        && stored
            .iter()
            .zip(keys)
            .all(|((field, value), (name, wanted))| {
                field == name && order(value) == Some(f64::from(*wanted))
            })
}

/// The server's code where the collection does not exist yet.
const NAMESPACE_NOT_FOUND: i32 = 26;

async fn stored_indexes(
    database: &Database,
    collection: &str,
) -> Result<Vec<IndexModel>, DaoError> {
    use mongodb::error::ErrorKind;

    let mut found = match database
        .collection::<Document>(collection)
        .list_indexes()
        .await
    {
        Ok(found) => found,
        Err(error) => {
            return match error.kind.as_ref() {
                ErrorKind::Command(refused) if refused.code == NAMESPACE_NOT_FOUND => Ok(vec![]),
                _ => Err(error.into()),
            };
        }
    };
    let mut indexes = Vec::new();
    while found.advance().await? {
        indexes.push(found.deserialize_current()?);
    }
    Ok(indexes)
}
