//! The function's state.

use std::sync::Arc;

use axum::{extract::FromRef, response::Response};
use outdial::{
    config::{Settings, SpeechConfig, WebhookKind},
    dao::Dao,
    domain::Speech,
    twilio,
    webhook::{SignatureCheck, WebhookQueue, twiml},
};

/// The function's state.
#[derive(Clone)]
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) speech: Arc<SpeechConfig>,
    pub(crate) queue: Option<WebhookQueue>,
    check: SignatureCheck,
}

impl App {
    /// Reads the settings. Makes no connection: a request is authenticated first.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            check: SignatureCheck::from_settings(settings, WebhookKind::Voice)?,
            speech: settings.speech()?.into(),
            queue: WebhookQueue::from_settings(settings)?,
            dao: Dao::from_settings(settings)?,
        })
    }

    /// Returns TwiML that speaks the text in the default voice, and hangs up.
    pub(crate) fn say(&self, text: &str) -> Response {
        let Speech { voice, language } = &self.speech.speech;
        twiml(twilio::say_and_hang_up(
            text,
            voice.as_str(),
            language.as_str(),
        ))
    }
}

impl FromRef<App> for SignatureCheck {
    fn from_ref(app: &App) -> Self {
        app.check.clone()
    }
}
