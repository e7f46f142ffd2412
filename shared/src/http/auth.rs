use axum::extract::{FromRef, FromRequestParts};
use http::{header, request::Parts};

use super::Problem;
use crate::config::{ApiKeys, Scope};

/// Who sent the request, known by the API key that came with it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name of the key; none where development is open.
    pub name: Option<String>,
    scopes: Option<Vec<Scope>>,
}

impl Caller {
    /// Lets the caller pass if its key may do that.
    ///
    /// # Errors
    ///
    /// 403 that names the missing scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        match &self.scopes {
            Some(scopes) if !scopes.contains(&scope) => Err(Problem::forbidden(
                "missing_scope",
                format!("This API key lacks the scope {}.", scope.as_str()),
            )),
            _ => Ok(()),
        }
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    ApiKeys: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let keys = ApiKeys::from_ref(state);
        if keys.is_open() {
            return Ok(Self {
                name: None,
                scopes: None,
            });
        }
        let Some(presented) = presented(parts) else {
            return Err(Problem::unauthorized(
                "An API key is needed: send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`.",
            ));
        };
        let Some(key) = keys.find(presented) else {
            return Err(Problem::unauthorized("The API key is not known here."));
        };
        tracing::Span::current().record("api_key", &key.name);
        Ok(Self {
            name: Some(key.name.clone()),
            scopes: Some(key.scopes().to_vec()),
        })
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
