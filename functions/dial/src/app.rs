//! The function's state.

use std::sync::Arc;

use outdial::{
    config::Settings,
    dao::{DailyCaps, Dao},
    domain::Pace,
    service::{dialer::Dialer, effects::EffectsQueue, rules::Rules, waker::Waker},
    twilio::TwilioClient,
};

/// The function's state.
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) dialer: Dialer,
    pub(crate) rules: Arc<Rules>,
    pub(crate) caps: DailyCaps,
    pub(crate) pace: Pace,
    pub(crate) effects: EffectsQueue,
    pub(crate) waker: Waker,
}

impl App {
    /// Reads the settings, and connects to the database in the background. A background thread reads the numbering plan.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let calls = settings.calls()?;
        let rules = Arc::new(Rules::new(&calls)?);
        tokio::task::spawn_blocking({
            let rules = rules.clone();
            move || rules.prepare()
        });
        let twilio = Arc::new(TwilioClient::new(settings.reloadable(Settings::twilio)?)?);
        let urls = Arc::new(settings.public_urls()?);
        Ok(Self {
            dialer: Dialer::new(twilio, &calls, urls),
            rules,
            caps: DailyCaps::of(&calls),
            pace: settings.pace()?,
            effects: EffectsQueue::from_settings(settings)?,
            waker: Waker::from_settings(settings)?,
            dao: Dao::connect_in_background(settings, Settings::mongo)?,
        })
    }
}
