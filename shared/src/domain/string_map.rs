//! Parses JSON objects of strings.

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, Map, MergeWithError, Value, ValueKind,
    ValuePointerRef, take_cf_content,
};

use super::InvalidValue;

/// Hands each entry of an object to `insert`. deserr's own implementation for maps silently drops invalid entries.
///
/// # Errors
///
/// If the value is not an object, or for each entry that is not a string or that `insert` refuses.
pub(super) fn string_map<V: IntoValue, E: DeserializeError + MergeWithError<InvalidValue>>(
    value: Value<V>,
    location: ValuePointerRef,
    mut insert: impl FnMut(String, String) -> Result<(), InvalidValue>,
) -> Result<(), E> {
    let Value::Map(map) = value else {
        return Err(take_cf_content(E::error(
            None,
            ErrorKind::IncorrectValueKind {
                actual: value,
                accepted: &[ValueKind::Map],
            },
            location,
        )));
    };
    let mut errors = None;
    for (name, value) in map.into_iter() {
        let here = location.push_key(&name);
        match <String as Deserr<E>>::deserialize_from_value(value.into_value(), here) {
            Ok(value) => {
                if let Err(error) = insert(name.clone(), value) {
                    errors = Some(take_cf_content(E::merge(errors, error, here)));
                }
            }
            Err(error) => errors = Some(take_cf_content(E::merge(errors, error, here))),
        }
    }
    errors.map_or(Ok(()), Err)
}
