//! One index: how it must be, whether it exists, and creating it.

use std::time::Duration;

use mongodb::{
    Database, IndexModel,
    bson::{Bson, Document, doc},
    options::IndexOptions,
};

use super::report::Line;
use crate::dao::{DaoError, stored::verbatim};

/// An index that must exist.
pub(super) struct Index {
    pub(super) collection: &'static str,
    pub(super) name: &'static str,
    pub(super) keys: &'static [(&'static str, i32)],
    pub(super) kind: Kind,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Plain,
    Unique,
    /// Unique among the documents that have the field.
    UniqueSparse,
    /// Unique among non-empty strings. The field may be absent, or null in documents of the earlier service.
    UniqueTexts,
    /// Deletes documents at the time in the field.
    Expiring,
    /// Contains only the documents that match a filter.
    Partial(fn() -> Document),
}

pub(super) const fn index(
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

impl Index {
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.collection, self.name)
    }

    pub(super) async fn ensure(&self, database: &Database) -> Result<Option<Line>, DaoError> {
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

    /// Returns whether a stored index is equivalent. Its name may differ, because the earlier service may have created it.
    pub(super) fn is(&self, stored: &IndexModel) -> bool {
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
            .sparse(matches!(self.kind, Kind::UniqueSparse).then_some(true))
            .partial_filter_expression(
                matches!(self.kind, Kind::UniqueTexts | Kind::Partial(_)).then(|| self.covered()),
            )
            .expire_after(matches!(self.kind, Kind::Expiring).then_some(Duration::ZERO))
            .build();
        IndexModel::builder().keys(keys).options(options).build()
    }

    /// The filter for the documents that the index covers.
    fn covered(&self) -> Document {
        let (field, _) = self.keys[0];
        match self.kind {
            Kind::UniqueTexts => doc! { field: { "$gt": "" } },
            Kind::UniqueSparse => doc! { field: { "$exists": true } },
            Kind::Partial(filter) => filter(),
            Kind::Plain | Kind::Unique | Kind::Expiring => doc! {},
        }
    }

    /// The `_id`s of documents with the same value, grouped by value. At most 20 values.
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
            let group = verbatim(found.current())?;
            duplicates.extend(group.get_array("documents").ok().cloned());
        }
        Ok(duplicates)
    }
}

/// Returns whether the keys are the same. Orders may be stored as any type of number.
pub(super) fn same_keys(stored: &Document, keys: &[(&str, i32)]) -> bool {
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

/// The server's code if the collection does not exist.
const NAMESPACE_NOT_FOUND: i32 = 26;

pub(in crate::dao) async fn stored_indexes(
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
