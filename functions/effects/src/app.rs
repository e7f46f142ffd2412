//! The function's state.

use outdial::{config::Settings, dao::Dao, service::waker::Waker};

/// The function's state.
#[derive(Clone)]
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) waker: Waker,
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
            waker: Waker::from_settings(settings)?,
            dao: Dao::connect_in_background(settings, Settings::mongo)?,
        })
    }
}
