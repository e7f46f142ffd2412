//! The function's state.

use outdial::{aws::sqs::Queue, config::Settings, dao::Dao, domain::Pace};

/// The function's state.
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) pace: Pace,
    /// The dial queue, if there is one.
    pub(crate) queue: Option<Queue>,
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
            pace: settings.pace()?,
            queue: settings.dial_queue()?.map(Queue::new),
            dao: Dao::connect_in_background(settings, Settings::mongo)?,
        })
    }
}
