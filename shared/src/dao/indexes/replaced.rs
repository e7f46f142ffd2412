//! Indexes of earlier versions, which may have any name.

use mongodb::{Database, IndexModel, bson::Document};

use super::{
    index::{Index, same_keys, stored_indexes},
    report::Line,
};
use crate::dao::DaoError;

/// An index of an earlier version, under any name.
pub(super) struct Old {
    pub(super) collection: &'static str,
    keys: &'static [(&'static str, i32)],
}

/// An index of an earlier version.
pub(super) const fn old(collection: &'static str, keys: &'static [(&'static str, i32)]) -> Old {
    Old { collection, keys }
}

impl Old {
    /// Drops the index if it exists.
    pub(super) async fn drop(
        &self,
        database: &Database,
        successor: &Index,
    ) -> Result<Option<Line>, DaoError> {
        let stored = stored_indexes(database, self.collection).await?;
        let Some(name) = self.name_among(&stored, successor) else {
            return Ok(None);
        };
        let collection = database.collection::<Document>(self.collection);
        collection.drop_index(name.as_str()).await?;
        Ok(Some(Line::Dropped {
            index: format!("{}.{name}", self.collection),
            successor: successor.name.to_owned(),
        }))
    }

    /// The index's name among those that exist. `None` if it is missing, or is the successor itself.
    pub(super) fn name_among(&self, stored: &[IndexModel], successor: &Index) -> Option<String> {
        let backwards: Vec<_> = self
            .keys
            .iter()
            .map(|(field, order)| (*field, -order))
            .collect();
        let old = stored.iter().find(|model| {
            let either = [self.keys, &backwards];
            either.iter().any(|keys| same_keys(&model.keys, keys)) && !successor.is(model)
        });
        old?.options.as_ref()?.name.clone()
    }
}
