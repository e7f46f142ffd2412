//! The state of the function.

use axum::extract::FromRef;
use outdial::{
    config::{ApiKeys, Reloadable, Settings},
    dao::Dao,
};

/// The state of the handlers.
#[derive(Clone)]
pub struct App {
    pub(crate) dao: Dao,
    keys: Reloadable<ApiKeys>,
}

impl App {
    /// Creates the state from the settings. The database is connected on first use, after authentication.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            keys: settings.reloadable(Settings::api_keys)?,
            dao: Dao::from_settings(settings)?,
        })
    }
}

impl FromRef<App> for Reloadable<ApiKeys> {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}
