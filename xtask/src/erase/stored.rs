//! A stored document of which each field is read by itself: an odd value must not keep a person's data from being erased.

use mongodb::bson::{
    Bson, RawDocumentBuf, deserialize_from_bson, deserialize_from_slice, oid::ObjectId,
};
use serde::de::DeserializeOwned;

pub struct Stored(pub RawDocumentBuf);

impl Stored {
    /// Returns the field's value, or `None` where it is absent or cannot be read as `T`.
    pub fn field<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        deserialize_from_bson(self.value(name)?).ok()
    }

    /// Returns the field's value, whatever it is.
    pub fn value(&self, name: &str) -> Option<Bson> {
        let value = self.0.get(name).ok()??;
        Bson::try_from(value).ok()
    }

    /// Whether the whole document can be read as `T`.
    pub fn is_readable_as<T: DeserializeOwned>(&self) -> bool {
        deserialize_from_slice::<T>(self.0.as_bytes()).is_ok()
    }

    /// Returns the `_id` as hexadecimal digits, as other documents refer to it.
    pub fn id(&self) -> Option<String> {
        self.0.get_object_id("_id").ok().map(ObjectId::to_hex)
    }
}
