//! The function's state.

use std::sync::Arc;

use outdial::{
    config::{ReconcileConfig, Settings},
    dao::Dao,
    twilio::TwilioClient,
};

/// The function's state.
#[derive(Clone)]
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) twilio: Arc<TwilioClient>,
    pub(crate) config: ReconcileConfig,
}

impl App {
    /// Reads the settings, and connects to the database in the background.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            config: settings.reconcile()?,
            twilio: TwilioClient::new(settings.reloadable(Settings::twilio)?)?.into(),
            dao: Dao::connect_in_background(settings, Settings::reconcile_mongo)?,
        })
    }
}
