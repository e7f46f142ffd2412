//! Query parameters, which are checked as a whole.

use std::{borrow::Cow, collections::BTreeMap};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{FieldError, Problem};
use crate::domain::InvalidValue;

/// The parameters of a query, unchecked.
#[derive(Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn of(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// Starts reading the parameters of a route that has only these.
    pub fn read(&self, known: &[&str]) -> QueryReader<'_> {
        let mut counts = BTreeMap::<_, usize>::new();
        for (name, _) in &self.0 {
            *counts.entry(name.as_str()).or_default() += 1;
        }
        let errors = counts.into_iter().filter_map(|(name, count)| {
            let message = if !known.contains(&name) {
                unknown(known)
            } else if count > 1 {
                "must not be repeated".to_owned()
            } else {
                return None;
            };
            Some(field_error(name, message))
        });
        QueryReader {
            errors: errors.collect(),
            sent: self,
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut sent = self.0.iter();
        sent.find_map(|(sent, value)| (sent == name).then_some(value.as_str()))
    }
}

/// The extractor of a route without query parameters: rejects any with a 422 that lists them.
#[derive(Debug, Clone, Copy)]
pub struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Parameters::of(parts).read(&[]).finish()?;
        Ok(Self)
    }
}

/// Reads parameters one by one, and collects the errors: unknown names, repeated names, malformed values.
pub(super) struct QueryReader<'a> {
    sent: &'a Parameters,
    errors: Vec<FieldError>,
}

impl QueryReader<'_> {
    pub fn has(&self, name: &str) -> bool {
        self.sent.get(name).is_some()
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.sent.get(name)
    }

    /// The parsed value. A malformed or repeated one is an error, and counts as absent.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let text = self.sent.get(name)?;
        if self.errors.iter().any(|error| error.field == name) {
            return None;
        }
        parse(text)
            .map_err(|refused| self.refuse(name, refused.to_string()))
            .ok()
    }

    /// Adds an error.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(field_error(name, message.into()));
    }

    /// Finishes reading.
    ///
    /// # Errors
    ///
    /// 422 that lists every invalid parameter.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_fields(self.errors))
        }
    }
}

/// Restores the leading `+` of a phone number. In a query, an unescaped `+` means a blank.
pub(super) fn with_leading_plus(text: &str) -> Cow<'_, str> {
    match text.strip_prefix(' ') {
        Some(rest) => format!("+{rest}").into(),
        None => text.into(),
    }
}

/// Restores the `+` of the offset that ends a time, such as `+01:00`. An earlier blank separates date and time.
pub(super) fn with_offset_plus(text: &str) -> Cow<'_, str> {
    match text.rsplit_once(' ') {
        Some((rest, offset)) if offset.len() == "01:00".len() => format!("{rest}+{offset}").into(),
        _ => text.into(),
    }
}

fn unknown(known: &[&str]) -> String {
    match known {
        [] => "is unknown: this route has no parameters".to_owned(),
        known => format!(
            "is unknown; the parameters of this route are {}",
            known.join(", ")
        ),
    }
}

fn field_error(name: &str, message: String) -> FieldError {
    FieldError {
        field: name.to_owned(),
        message,
    }
}
