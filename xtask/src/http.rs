//! HTTP to this machine's own servers.

use std::time::Duration;

use reqwest::redirect::Policy;

use crate::Result;

/// A client that follows no redirect, so that each answer can be shown.
pub fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(outdial::tls::client_config()?)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(Duration::from_mins(1))
        .build()?)
}
