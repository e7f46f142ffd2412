//! The function's state.

use std::sync::Arc;

use axum::extract::FromRef;
use outdial::{
    config::{ApiKeys, PublicUrls, Reloadable, Settings},
    dao::Dao,
    http::media_url::MediaSigner,
    service::{dialer::Dialer, place_call::CallPlacer, rules::Rules, waker::Waker},
    twilio::TwilioClient,
};

/// State shared by the handlers.
#[derive(Clone)]
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) keys: Reloadable<ApiKeys>,
    pub(crate) twilio: Arc<TwilioClient>,
    pub(crate) placer: Arc<CallPlacer>,
    pub(crate) waker: Waker,
    pub(crate) urls: Arc<PublicUrls>,
    pub(crate) media: Reloadable<MediaSigner>,
}

impl App {
    /// Reads the settings. Connects to nothing, because authentication comes first. A background thread reads the numbering
    /// plan.
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
        let keys = settings.reloadable(Settings::api_keys)?;
        let twilio = Arc::new(TwilioClient::new(settings.reloadable(Settings::twilio)?)?);
        let urls = Arc::new(settings.public_urls()?);
        let media = settings.reloadable(MediaSigner::from_settings)?;
        let dao = Dao::from_settings(settings)?;
        let dialer = Arc::new(Dialer::new(twilio.clone(), &calls, urls.clone()));
        let pace = settings.pace_of_queue()?;
        let placer = CallPlacer::new(dao.clone(), dialer, rules, &calls, pace);
        Ok(Self {
            dao,
            keys,
            twilio,
            placer: placer.into(),
            waker: Waker::from_settings(settings)?,
            urls,
            media,
        })
    }
}

impl FromRef<App> for Reloadable<ApiKeys> {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}
