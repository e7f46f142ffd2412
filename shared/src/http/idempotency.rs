//! `Idempotency-Key`: recognizes a request that repeats another one.

use axum::response::{IntoResponse, Response};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::digest;
use serde::Serialize;

use super::{FieldError, Problem};
use crate::domain::Idempotency;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl Idempotency {
    /// Returns the idempotency of a request, or `None` if it has no key.
    ///
    /// `request` is the parsed body, so that two spellings of the same body are the same request.
    ///
    /// # Errors
    ///
    /// 422 when the key is not 1 to 255 visible ASCII characters.
    pub fn of(
        headers: &HeaderMap,
        caller: Option<&str>,
        route: &str,
        request: &impl Serialize,
    ) -> Result<Option<Self>, Problem> {
        let Some(value) = headers.get(&HEADER) else {
            return Ok(None);
        };
        let key = value.as_bytes();
        if !(1..=255).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            return Err(Problem::invalid_fields(vec![FieldError {
                field: "Idempotency-Key".to_owned(),
                message: "must have 1 to 255 visible ASCII characters".to_owned(),
            }]));
        }
        let request = serde_json::to_vec(request).map_err(Problem::internal)?;
        Ok(Some(Self {
            scope: hash(&[caller.unwrap_or_default().as_bytes(), route.as_bytes(), key]),
            request_hash: hash(&[&request]),
        }))
    }

    /// Checks that the first request with this key, by its stored hash, was the same request.
    ///
    /// # Errors
    ///
    /// 422 when it was a different one.
    pub fn is_repeat_of(&self, request_hash: Option<&str>) -> Result<(), Problem> {
        if self.matches(request_hash) {
            return Ok(());
        }
        Err(key_reused())
    }
}

/// 422: the idempotency key was used for a different request.
#[must_use]
pub fn key_reused() -> Problem {
    Problem::rule(
        "idempotency_key_reused",
        "Idempotency-Key",
        "was used for a different request. Use a new key for a new request",
    )
}

/// Marks a response as a repeat of an earlier one, by `Idempotent-Replayed: true`.
pub fn replayed(response: impl IntoResponse) -> Response {
    ([(REPLAYED, HeaderValue::from_static("true"))], response).into_response()
}

/// The SHA-256 of the parts. Each part follows its length, so that different lists have different hashes.
fn hash(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    BASE64_URL_SAFE_NO_PAD.encode(context.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &[u8], caller: &str, route: &str, request: &str) -> Result<Idempotency, Problem> {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_bytes(key).unwrap())]);
        Idempotency::of(&headers, Some(caller), route, &request).map(Option::unwrap)
    }

    #[test]
    fn key_is_scoped_to_its_caller_and_route() {
        let first = of(b"k", "a", "POST /x", "1").unwrap();
        assert_eq!(first, of(b"k", "a", "POST /x", "1").unwrap());
        for other in [
            of(b"k2", "a", "POST /x", "1"),
            of(b"k", "b", "POST /x", "1"),
            of(b"k", "a", "POST /y", "1"),
            of(b"/xk", "a", "POST ", "1"),
        ] {
            assert_ne!(first.scope, other.unwrap().scope);
        }
    }

    #[test]
    fn repeat_has_the_same_request() {
        let first = of(b"k", "a", "POST /x", "1").unwrap();
        assert!(first.is_repeat_of(Some(&first.request_hash)).is_ok());
        let other = of(b"k", "a", "POST /x", "2").unwrap();
        let refused = other.is_repeat_of(Some(&first.request_hash)).unwrap_err();
        assert_eq!(refused.code(), "idempotency_key_reused");
    }

    #[test]
    fn key_has_1_to_255_visible_ascii_characters() {
        assert!(of(&[b'!'; 255], "a", "r", "1").is_ok());
        for bad in [&b""[..], &[b'a'; 256], b"a b", "é".as_bytes(), b"a\tb"] {
            assert!(of(bad, "a", "r", "1").is_err(), "{bad:?}");
        }
        let none = Idempotency::of(&HeaderMap::new(), None, "r", &"1").unwrap();
        assert_eq!(none, None);
    }
}
