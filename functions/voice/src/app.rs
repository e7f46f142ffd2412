//! The function's state.

use std::sync::Arc;

use axum::{extract::FromRef, response::Response};
use outdial::{
    config::{Settings, SpeechConfig, WebhookKind},
    dao::Dao,
    domain::{Notice, PhoneNumber, Speech},
    twilio,
    webhook::{self, SignatureCheck, WebhookQueue, twiml},
};

/// The function's state.
#[derive(Clone)]
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) speech: Arc<SpeechConfig>,
    pub(crate) queue: Option<WebhookQueue>,
    /// `INBOUND_FORWARD_TO`: the number that people who call back are connected with.
    pub(crate) forward_to: Option<PhoneNumber>,
    check: SignatureCheck,
    inbound_check: SignatureCheck,
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
            inbound_check: SignatureCheck::from_settings(settings, WebhookKind::Inbound)?,
            speech: settings.speech()?.into(),
            queue: WebhookQueue::from_settings(settings)?,
            forward_to: settings.forward_to()?,
            dao: Dao::from_settings(settings)?,
        })
    }

    /// The state for requests to the URL of [`WebhookKind::Inbound`].
    pub(crate) fn for_inbound(&self) -> Self {
        Self {
            check: self.inbound_check.clone(),
            ..self.clone()
        }
    }

    /// Returns TwiML that speaks the text in the default voice, and hangs up.
    pub(crate) fn say(&self, text: &str) -> Response {
        let speech = &self.speech.speech;
        let (voice, language) = (speech.voice.as_str(), speech.language.as_str());
        twiml(twilio::say_and_hang_up(text, voice, language))
    }

    /// Returns TwiML that speaks the notice, and hangs up.
    pub(crate) fn say_notice(&self, notice: Notice, speech: &Speech) -> Response {
        webhook::say_notice(&self.speech, notice, speech)
    }

    /// Returns TwiML that asks for a moment, and redirects to the URL.
    pub(crate) fn one_moment(&self, speech: &Speech, url: &str) -> Response {
        twiml(match self.speech.notice(Notice::Moment, speech) {
            Some((text, speech)) => {
                let (voice, language) = (speech.voice.as_str(), speech.language.as_str());
                twilio::say_and_redirect(text, voice, language, url)
            }
            None => twilio::wait_and_redirect(url),
        })
    }

    /// The speech of a call whose language is in this URL, without its document.
    pub(crate) fn speech_in(&self, url: &str) -> Speech {
        webhook::speech_in(&self.speech, url).unwrap_or_else(|| self.speech.speech.clone())
    }
}

impl FromRef<App> for SignatureCheck {
    fn from_ref(app: &App) -> Self {
        app.check.clone()
    }
}
