//! Identifiers in paths.

use std::str::FromStr;

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Path},
};
use http::request::Parts;

use super::Problem;
use crate::domain::{BatchId, CallId, PhoneNumber, RecordingId, UserId};

/// The identifier in the path, its only parameter. A malformed one is a 404.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

/// A type of identifier that can stand in a path.
pub trait PathId: FromStr {
    /// The name of the resource in error messages.
    const RESOURCE: &'static str;
}

impl PathId for UserId {
    const RESOURCE: &'static str = "user";
}
impl PathId for CallId {
    const RESOURCE: &'static str = "call";
}
impl PathId for BatchId {
    const RESOURCE: &'static str = "batch";
}
impl PathId for RecordingId {
    const RESOURCE: &'static str = "recording";
}

impl PathId for PhoneNumber {
    const RESOURCE: &'static str = "blocked number";
}

impl<T: PathId + std::fmt::Display, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let not_found = || Problem::not_found(T::RESOURCE);
        let Path(text) = parts
            .extract::<Path<String>>()
            .await
            .map_err(|_| not_found())?;
        let id: T = text.parse().map_err(|_| not_found())?;
        if T::RESOURCE == CallId::RESOURCE {
            tracing::Span::current().record("call_id", tracing::field::display(&id));
        }
        Ok(Self(id))
    }
}
