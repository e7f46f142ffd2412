//! The state of the function.

use std::sync::Arc;

use outdial::config::{ConfigError, Settings, WebhookKind, webhook_url};
use url::Url;

use crate::files::Files;

/// The state of the handlers: the page and its files.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) files: Arc<Files>,
}

impl App {
    /// Creates the state from the settings. The page may load audio from the origin of `MEDIA_URL` or `BASE_URL`.
    pub(crate) fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let media = webhook_url(settings, WebhookKind::Media)?
            .and_then(|url| Url::parse(&url).ok())
            .map(|url| url.origin().ascii_serialization());
        Ok(Self {
            files: Arc::new(Files::new(media.as_deref())),
        })
    }
}
