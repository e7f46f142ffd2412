use std::str::FromStr;

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Path},
};
use http::request::Parts;

use super::Problem;
use crate::domain::{CallId, PhoneNumber, RecordingId, UserId};

/// The name of a thing, the one parameter of the path. What is no name names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

/// A kind of thing that a path can name.
pub trait Named: FromStr {
    /// What people call it.
    const THING: &'static str;
}

impl Named for UserId {
    const THING: &'static str = "user";
}
impl Named for CallId {
    const THING: &'static str = "call";
}
impl Named for RecordingId {
    const THING: &'static str = "recording";
}

impl Named for PhoneNumber {
    const THING: &'static str = "blocked number";
}

impl<T: Named + std::fmt::Display, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let not_found = || Problem::not_found(T::THING);
        let Path(text) = parts
            .extract::<Path<String>>()
            .await
            .map_err(|_| not_found())?;
        let id: T = text.parse().map_err(|_| not_found())?;
        if T::THING == CallId::THING {
            tracing::Span::current().record("call_id", tracing::field::display(&id));
        }
        Ok(Self(id))
    }
}
