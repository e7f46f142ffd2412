//! TLS: rustls on ring, with Mozilla's root certificates bundled at build time.
//!
//! The platform's certificate store is never read: a Lambda environment may have none, and reading it slows cold starts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Makes ring the TLS provider of this process. Further calls do nothing.
pub fn install_provider() {
    // An error means that a provider is installed already.
    let _ = ring::default_provider().install_default();
}

/// The TLS configuration of every HTTPS client.
///
/// # Errors
///
/// When ring supports no TLS version that rustls enables by default, which can't happen.
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
