//! The schema of enumerations whose word for later versions is not part of the API.

use utoipa::openapi::{
    RefOr,
    schema::{Object, Schema, Type},
};

/// Returns the schema of an enumeration with these words.
pub(super) fn schema(
    description: &str,
    words: impl IntoIterator<Item = &'static str>,
    example: &str,
) -> RefOr<Schema> {
    Object::builder()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(words))
        .examples([example])
        .build()
        .into()
}
