//! Authentication: who sent a request, by API key, and what the key allows.

use std::{iter, marker::PhantomData, str};

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderValue, header, request::Parts};

use super::Problem;
use crate::config::{ApiKey, ApiKeys, RefreshReason, Reloadable, Scope};

/// A required permission as a type. A handler's signature shows it.
pub trait Permission {
    /// The scope that the caller's API key must have.
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

/// The sender of a request: an API key with permission `P`.
///
/// As the first extractor of a handler, it rejects a request before anything else is read: with 401 if no known key came
/// with it, and with 403 if the key lacks the scope. A proxy may add a key of its own, so a request may have several; the
/// first known one counts.
#[derive(Debug, Clone)]
pub struct Caller<P> {
    /// The name of the key, or `None` if the API is open in development.
    pub name: Option<String>,
    permission: PhantomData<P>,
}

impl<P, S> FromRequestParts<S> for Caller<P>
where
    P: Permission,
    S: Send + Sync,
    Reloadable<ApiKeys>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Some(key) = identify(parts, &Reloadable::<ApiKeys>::from_ref(state)).await? else {
            return Ok(Self::named(None));
        };
        if !key.scopes().contains(&P::SCOPE) {
            return Err(Problem::forbidden(
                "missing_scope",
                format!("The API key lacks the scope {}.", P::SCOPE.as_str()),
            ));
        }
        Ok(Self::named(Some(key.name)))
    }
}

/// The sender of a request to a public route that returns more to callers with an API key.
///
/// A request without a key is anonymous, and so is one with `Authorization: Basic …`. An unknown key is rejected with 401, as
/// on every other route, because a caller that sends a key expects it to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The scopes of the request's key: all of them if the API is open in development. `None` for an anonymous request.
    pub scopes: Option<Vec<Scope>>,
}

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    Option<Reloadable<ApiKeys>>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let keys = Option::<Reloadable<ApiKeys>>::from_ref(state);
        let is_open = keys.as_ref().is_some_and(|keys| keys.current().is_open());
        if presented(parts).is_empty() {
            let scopes = is_open.then(|| Scope::ALL.to_vec());
            return Ok(Self { scopes });
        }
        // The configured keys are missing or malformed, so no key is known.
        let Some(keys) = keys else {
            return Err(unknown_key());
        };
        let key = identify(parts, &keys).await?;
        let scopes = key.map_or(Scope::ALL.to_vec(), |key| key.scopes().to_vec());
        Ok(Self {
            scopes: Some(scopes),
        })
    }
}

/// Returns the entry of the request's key, or `None` if the API is open in development.
///
/// # Errors
///
/// 401 without a key, or with an unknown one.
async fn identify(
    parts: &Parts,
    reloadable: &Reloadable<ApiKeys>,
) -> Result<Option<ApiKey>, Problem> {
    let keys = reloadable.current();
    if keys.is_open() {
        return Ok(None);
    }
    let presented = presented(parts);
    if presented.is_empty() {
        return Err(Problem::unauthorized(
            "An API key is required. Send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`.",
        ));
    }
    let first_known = |keys: &ApiKeys| {
        let mut found = presented.iter().filter_map(|key| keys.find(key));
        found.next().cloned()
    };
    let mut known = first_known(&keys);
    if known.is_none()
        && let Some(renewed) = reloadable.renewed(&keys, RefreshReason::Unknown).await
    {
        known = first_known(&renewed);
    }
    let key = known.ok_or_else(unknown_key)?;
    tracing::Span::current().record("api_key", &key.name);
    Ok(Some(key))
}

fn unknown_key() -> Problem {
    Problem::unauthorized("The API key is unknown.")
}

impl<P> Caller<P> {
    fn named(name: Option<String>) -> Self {
        Self {
            name,
            permission: PhantomData,
        }
    }
}

/// The most keys that are compared for one request.
const PRESENTED_MAX: usize = 16;

/// Returns the keys of a request: each `Authorization: Bearer …`, then each `X-API-Key`.
fn presented(parts: &Parts) -> Vec<&str> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let values = |name| {
        parts
            .headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
    };
    // A gateway joins repeated headers with commas. A key may contain commas too, so the whole value comes first.
    let texts = |name| {
        values(name).flat_map(|value| {
            let parts = value.split(|&byte| byte == b',');
            let parts = parts.filter(|part| !part.is_empty() && part.len() < value.len());
            let texts = iter::once(value).chain(parts).map(str::from_utf8);
            texts.flatten().map(|text| text.trim_matches(BLANKS))
        })
    };
    let bearers = texts(header::AUTHORIZATION).filter_map(|text| {
        let (scheme, key) = text.split_once(BLANKS).unwrap_or((text, ""));
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| key.trim_start_matches(BLANKS))
    });
    let others = texts(header::HeaderName::from_static("x-api-key"));
    bearers.chain(others).take(PRESENTED_MAX).collect()
}
