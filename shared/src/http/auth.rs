use std::{iter, marker::PhantomData, str};

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderValue, header, request::Parts};

use super::Problem;
use crate::{
    config::{ApiKey, ApiKeys, Reloadable, Scope},
    secret::RefreshReason,
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
/// A request may present several keys, for a proxy may add its own header: the first known one counts.
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
                format!("This API key lacks the scope {}.", P::SCOPE.as_str()),
            ));
        }
        Ok(Self::named(Some(key.name)))
    }
}

/// Who sent a request to a route that is open to everybody and tells more to callers with an API key.
///
/// A request without a key is a stranger's: `Authorization: Basic …` is no key. One with an unknown key is refused with 401, as on every other route: a caller that
/// sends a key expects it to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    /// Whether the request came with a known key, whatever its scopes, or development is open.
    pub is_known: bool,
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
            return Ok(Self { is_known: is_open });
        }
        // Where no keys could be read none is known.
        let Some(keys) = keys else {
            return Err(unknown_key());
        };
        identify(parts, &keys).await?;
        Ok(Self { is_known: true })
    }
}

/// Returns the entry of the key that came with the request, and `None` where development is open.
///
/// # Errors
///
/// 401 without a key, or with one that is not known.
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
            "An API key is needed: send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`.",
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
    Problem::unauthorized("The API key is not known here.")
}

impl<P> Caller<P> {
    fn named(name: Option<String>) -> Self {
        Self {
            name,
            permission: PhantomData,
        }
    }
}

/// How many keys of one request are compared at most.
const PRESENTED_MAX: usize = 16;

/// Returns the keys that the request presents: each `Authorization: Bearer …`, then each `X-API-Key`.
fn presented(parts: &Parts) -> Vec<&str> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let values = |name| {
        parts
            .headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
    };
    // A gateway joins repeated headers by commas. A key may have commas too, so the whole value comes first.
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
