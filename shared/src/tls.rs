//! The one TLS stack: rustls on ring, with the roots that Mozilla ships, bundled at build time.
//!
//! The platform's own store is never asked: a Lambda environment need not have one, and reading it costs a cold start.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Makes ring the provider of every TLS client in this process. It may be called any number of times.
pub fn install_provider() {
    // An error says that it has been installed already.
    let _ = ring::default_provider().install_default();
}

/// What an HTTPS client of ours trusts.
///
/// # Errors
///
/// When ring offers no version of TLS that rustls takes by default: it does.
pub fn client_config() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
