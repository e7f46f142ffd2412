//! The function's state.

use std::sync::Arc;

use outdial::{
    config::{ReconcileConfig, Settings},
    dao::Dao,
    domain::Pace,
    service::{effects::EffectsQueue, transcripts::Transcriber},
    twilio::TwilioClient,
};

/// The function's state.
#[derive(Clone)]
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) twilio: Arc<TwilioClient>,
    /// `None` if recordings are not transcribed.
    pub(crate) transcriber: Option<Transcriber>,
    pub(crate) effects: EffectsQueue,
    pub(crate) config: ReconcileConfig,
    /// The pace of dials, if there is a dial queue.
    pub(crate) pace: Option<Pace>,
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
        let twilio = Arc::new(TwilioClient::new(settings.reloadable(Settings::twilio)?)?);
        let dao = Dao::connect_in_background(settings, Settings::reconcile_mongo)?;
        Ok(Self {
            transcriber: Transcriber::from_settings(settings, &dao, || Ok(twilio.clone()))?,
            config: settings.reconcile()?,
            pace: settings.pace_of_queue()?,
            effects: EffectsQueue::from_settings(settings)?,
            twilio,
            dao,
        })
    }
}
