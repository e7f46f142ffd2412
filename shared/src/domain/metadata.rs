//! Metadata: a client's own key-value pairs.

use std::{collections::BTreeMap, fmt};

use deserr::{
    DeserializeError, Deserr, IntoValue, MergeWithError, Value, ValuePointerRef, take_cf_content,
};
use serde::{Deserialize, Serialize};

use super::{InvalidValue, string_map};

/// The client's own key-value pairs of a call: a flat JSON object of strings, at most 2,048 bytes in total.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

const METADATA_MAX_BYTES: usize = 2_048;

impl Metadata {
    /// The pairs.
    #[must_use]
    pub fn into_entries(self) -> BTreeMap<String, String> {
        self.0
    }

    /// Returns whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<BTreeMap<String, String>> for Metadata {
    type Error = InvalidValue;

    fn try_from(entries: BTreeMap<String, String>) -> Result<Self, InvalidValue> {
        let bytes: usize = entries
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > METADATA_MAX_BYTES {
            return Err(InvalidValue::new(format!(
                "must have at most {METADATA_MAX_BYTES} bytes of keys and values in total, and has {bytes}"
            )));
        }
        if entries
            .keys()
            .any(|name| name.is_empty() || name.contains('\0'))
        {
            return Err(InvalidValue::new(
                "must not have a key that is empty or contains U+0000",
            ));
        }
        Ok(Self(entries))
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metadata({} entries)", self.0.len())
    }
}

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for Metadata {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let mut entries = BTreeMap::new();
        string_map(value, location, |name, value| {
            entries.insert(name, value);
            Ok(())
        })?;
        Self::try_from(entries).map_err(|error| take_cf_content(E::merge(None, error, location)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_has_at_most_2048_bytes() {
        let of = |bytes: usize| BTreeMap::from([("k".to_owned(), "v".repeat(bytes - 1))]);
        assert!(Metadata::try_from(of(2_048)).is_ok());
        assert!(Metadata::try_from(of(2_049)).is_err());
    }
}
