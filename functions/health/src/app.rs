//! The state of the function.

use axum::extract::FromRef;
use outdial::{
    config::{ApiKeys, Reloadable, Settings},
    dao::Dao,
    twilio::TwilioClient,
};

use crate::checks::Checks;

/// The state of the handlers.
#[derive(Clone)]
pub struct App {
    pub(crate) checks: Checks,
    /// `None` if `API_KEYS` is missing or malformed. The function still works then, but no caller is known.
    keys: Option<Reloadable<ApiKeys>>,
}

impl FromRef<App> for Option<Reloadable<ApiKeys>> {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}

impl App {
    /// Creates the state from the settings. The first check connects.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let twilio = TwilioClient::new(settings.reloadable(Settings::twilio)?)?;
        let dao = Dao::from_settings(settings)?;
        Ok(Self {
            checks: Checks::new(dao, twilio),
            keys: settings.reloadable(Settings::api_keys).ok(),
        })
    }
}
