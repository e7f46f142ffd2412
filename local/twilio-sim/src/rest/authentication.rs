//! HTTP Basic authentication with the account's auth token or an API key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::error::RestError;
use crate::sim::Sim;

/// Checks the credentials of a request.
///
/// # Errors
///
/// 20003 without valid credentials.
pub(super) fn authenticate(sim: &Sim, headers: &HeaderMap) -> Result<(), RestError> {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    let Some((user, password)) = given.as_deref().and_then(|given| given.split_once(':')) else {
        return Err(RestError::unauthenticated());
    };
    let account = (
        sim.config.account_sid.as_str(),
        sim.config.auth_token.as_str(),
    );
    let keys = sim
        .config
        .api_keys
        .iter()
        .map(|(sid, secret)| (sid.as_str(), secret.as_str()));
    if std::iter::once(account)
        .chain(keys)
        .any(|valid| valid == (user, password))
    {
        Ok(())
    } else {
        Err(RestError::unauthenticated())
    }
}
