//! The state of the function.

use std::sync::Arc;

use outdial::{
    config::{Reloadable, Settings},
    http::media_url::MediaSigner,
    twilio::TwilioClient,
};

/// The state of the handler.
#[derive(Clone)]
pub struct App {
    pub(crate) signer: Reloadable<MediaSigner>,
    pub(crate) twilio: Arc<TwilioClient>,
}

impl App {
    /// Creates the state from the settings. Each request connects to Twilio.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            signer: settings.reloadable(MediaSigner::from_settings)?,
            twilio: TwilioClient::new(settings.reloadable(Settings::twilio)?)?.into(),
        })
    }
}
