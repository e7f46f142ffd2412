//! A row of the imported file, checked.

use outdial::domain::User;
use outdial::http::FieldError;

/// A row of the file.
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The number of rows it counts as: one, or all the lines that an unclosed quote may have joined.
    pub count: u64,
    pub content: Content,
}

pub enum Content {
    User(Box<User>),
    Refused(Vec<FieldError>),
    Blank,
}

/// Says what is wrong with a field, without its value.
pub fn fault(field: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.into(),
    }
}
