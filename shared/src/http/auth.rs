use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequestParts};
use http::{header, request::Parts};

use super::Problem;
use crate::{
    config::{ApiKeys, Live, Scope},
    secret::Doubt,
};

/// What a caller must be allowed to do, as a type: a handler says it in its signature.
pub trait Permission {
    /// The scope that the caller's key must have.
    const SCOPE: Scope;
}

macro_rules! permissions {
    ($($name:ident),+) => {$(
        #[doc = concat!("[`Scope::", stringify!($name), "`].")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Permission for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )+};
}

permissions!(UsersRead, UsersWrite, CallsRead, CallsWrite, NumbersUnblock);

/// Who sent the request, known by the API key that came with it, and allowed to do `P`.
///
/// Without a known key the request is refused by 401, and by 403 that names the scope where the key lacks it, before
/// anything else of the request is looked at.
#[derive(Debug, Clone)]
pub struct Caller<P> {
    /// The name of the key; none where development is open.
    pub name: Option<String>,
    permission: PhantomData<P>,
}

impl<P, S> FromRequestParts<S> for Caller<P>
where
    P: Permission,
    S: Send + Sync,
    Live<ApiKeys>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let live = Live::<ApiKeys>::from_ref(state);
        let mut keys = live.current();
        if keys.is_open() {
            return Ok(Self::named(None));
        }
        let Some(presented) = presented(parts) else {
            return Err(Problem::unauthorized(
                "An API key is needed: send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`.",
            ));
        };
        if keys.find(presented).is_none()
            && let Some(renewed) = live.renewed(&keys, Doubt::Unknown).await
        {
            keys = renewed;
        }
        let Some(key) = keys.find(presented) else {
            return Err(Problem::unauthorized("The API key is not known here."));
        };
        tracing::Span::current().record("api_key", &key.name);
        if !key.scopes().contains(&P::SCOPE) {
            return Err(Problem::forbidden(
                "missing_scope",
                format!("This API key lacks the scope {}.", P::SCOPE.as_str()),
            ));
        }
        Ok(Self::named(Some(key.name.clone())))
    }
}

impl<P> Caller<P> {
    fn named(name: Option<String>) -> Self {
        Self {
            name,
            permission: PhantomData,
        }
    }
}

fn presented(parts: &Parts) -> Option<&str> {
    let text = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    if let Some(value) = text(header::AUTHORIZATION) {
        let (scheme, key) = value.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| key.trim());
    }
    text(header::HeaderName::from_static("x-api-key"))
}
