//! An HTTP client for local servers.

use std::time::Duration;

use reqwest::redirect::Policy;

use crate::Result;

/// A client without proxy that does not follow redirects.
///
/// # Errors
///
/// When TLS can't be set up.
pub fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(outdial::tls::client_config()?)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(Duration::from_mins(1))
        .build()?)
}
