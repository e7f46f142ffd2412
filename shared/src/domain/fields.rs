//! Reads JSON objects field by field, and reports every fault at once with its path.

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, Map, MergeWithError, Value, ValueKind,
    ValuePointerRef, take_cf_content,
};

use super::InvalidValue;

/// The fields of a JSON object that are not read yet, and the faults so far.
///
/// For types whose rules need to know which fields are present. `Deserr`'s derive reports such a fault only if no other field is
/// invalid.
pub(super) struct Fields<'a, V: IntoValue, E> {
    map: V::Map,
    location: ValuePointerRef<'a>,
    names: Vec<&'static str>,
    present: Vec<&'static str>,
    faults: Option<E>,
}

impl<'a, V: IntoValue, E: DeserializeError + MergeWithError<InvalidValue>> Fields<'a, V, E> {
    /// Takes the fields of an object.
    ///
    /// # Errors
    ///
    /// If the value is not an object.
    pub(super) fn of(value: Value<V>, location: ValuePointerRef<'a>) -> Result<Self, E> {
        match value {
            Value::Map(map) => Ok(Self {
                map,
                location,
                names: Vec::new(),
                present: Vec::new(),
                faults: None,
            }),
            value => Err(wrong_kind(value, &[ValueKind::Map], location)),
        }
    }

    /// Reads a field. `None` if it is absent or invalid.
    pub(super) fn optional<T: Deserr<E>>(&mut self, name: &'static str) -> Option<T> {
        self.partly(name, |value, here| {
            match T::deserialize_from_value(value, here) {
                Ok(value) => (Some(value), None),
                Err(faults) => (None, Some(faults)),
            }
        })
    }

    /// Reads a field with a function that may return a value and its faults.
    pub(super) fn partly<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value<V>, ValuePointerRef) -> (Option<T>, Option<E>),
    ) -> Option<T> {
        self.names.push(name);
        let value = self.map.remove(name)?;
        self.present.push(name);
        let here = self.location.push_key(name);
        let (value, faults) = read(value.into_value(), here);
        self.add(faults);
        value
    }

    fn add(&mut self, faults: Option<E>) {
        if let Some(faults) = faults {
            let merged = E::merge(self.faults.take(), faults, self.location);
            self.faults = Some(take_cf_content(merged));
        }
    }

    /// Reads a field, which must be there. `None` if it is absent or invalid.
    pub(super) fn required<T: Deserr<E>>(&mut self, name: &'static str) -> Option<T> {
        let value = self.optional(name);
        if !self.is_present(name) {
            self.refuse(name, "is missing");
        }
        value
    }

    /// Returns true if the field was read and is there, valid or not.
    pub(super) fn is_present(&self, name: &str) -> bool {
        self.present.contains(&name)
    }

    /// Returns those of the fields that were read and are there.
    pub(super) fn present_of<'b>(&self, names: &[&'b str]) -> Vec<&'b str> {
        let names = names.iter().copied();
        names.filter(|name| self.is_present(name)).collect()
    }

    /// Adds a fault of a field.
    pub(super) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        let here = self.location.push_key(name);
        let merged = E::merge(self.faults.take(), InvalidValue::new(message), here);
        self.faults = Some(take_cf_content(merged));
    }

    /// Adds a fault of the object itself.
    pub(super) fn refuse_all(&mut self, message: impl Into<String>) {
        let merged = E::merge(
            self.faults.take(),
            InvalidValue::new(message),
            self.location,
        );
        self.faults = Some(take_cf_content(merged));
    }

    /// Refuses the fields that were not read. Returns the value that was made of the others, or all faults.
    ///
    /// # Errors
    ///
    /// If there is a fault, or no value.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, E> {
        let location = self.location;
        match (self.into_faults(), value) {
            (None, Some(value)) => Ok(value),
            (Some(faults), _) => Err(faults),
            (None, None) => Err(take_cf_content(E::merge(
                None,
                InvalidValue::new("is not valid"),
                location,
            ))),
        }
    }

    /// Refuses the fields that were not read, and returns all faults.
    pub(super) fn into_faults(self) -> Option<E> {
        let (mut faults, location) = (self.faults, self.location);
        for (name, _) in self.map.into_iter() {
            let unknown: ErrorKind<V> = ErrorKind::UnknownKey {
                key: &name,
                accepted: &self.names,
            };
            faults = Some(take_cf_content(E::error(faults, unknown, location)));
        }
        faults
    }
}

/// A whole number between `MIN` and `MAX`.
pub(super) struct Within<const MIN: u32, const MAX: u32>(pub(super) u32);

impl<const MIN: u32, const MAX: u32, E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E>
    for Within<MIN, MAX>
{
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        match value {
            Value::Integer(number) => u32::try_from(number)
                .ok()
                .filter(|number| (MIN..=MAX).contains(number))
                .map(Self)
                .ok_or_else(|| {
                    let message = format!("must be between {MIN} and {MAX}");
                    take_cf_content(E::merge(None, InvalidValue::new(message), location))
                }),
            value => Err(wrong_kind(value, &[ValueKind::Integer], location)),
        }
    }
}

/// The value `true`, of a field that is left out otherwise.
pub(super) struct True;

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for True {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        if bool::deserialize_from_value(value, location)? {
            return Ok(Self);
        }
        let fault = InvalidValue::new("must be true, or left out");
        Err(take_cf_content(E::merge(None, fault, location)))
    }
}

/// The fault of a value of another kind.
pub(super) fn wrong_kind<V: IntoValue, E: DeserializeError>(
    actual: Value<V>,
    accepted: &[ValueKind],
    location: ValuePointerRef,
) -> E {
    let kind = ErrorKind::IncorrectValueKind { actual, accepted };
    take_cf_content(E::error(None, kind, location))
}
