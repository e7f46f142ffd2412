//! `/calls`, `/stats`, `/recordings` and `/blocked-numbers`: placing calls, reading what became of them, ending them, and who
//! is not called.

mod admit;
mod blocked;
mod calls;
mod create;
mod dial;
mod idempotency;
mod recordings;
mod rules;
mod stats;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRef,
    middleware,
    routing::{get, post},
};
use outdial::{
    config::{ApiKeys, CallConfig, PublicUrls, Reloadable, Settings},
    dao::Dao,
    http::{media::MediaSigner, on_own_route, with_common_layers, with_etags},
    twilio::TwilioClient,
};
use utoipa::OpenApi;

pub use rules::Line;
use rules::Rules;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    keys: Reloadable<ApiKeys>,
    twilio: Arc<TwilioClient>,
    calls: Arc<CallConfig>,
    rules: Arc<Rules>,
    urls: Arc<PublicUrls>,
    media: Reloadable<MediaSigner>,
}

impl App {
    /// Takes what the settings name, and makes no connection: a request is authenticated first. A thread reads the numbering
    /// plan in the background.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
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
        Ok(Self {
            keys: settings.reloadable(Settings::api_keys)?,
            twilio: TwilioClient::new(settings.reloadable(Settings::twilio)?)?.into(),
            urls: settings.public_urls()?.into(),
            media: settings.reloadable(MediaSigner::from_settings)?,
            rules,
            calls: calls.into(),
            dao: Dao::from_settings(settings)?,
        })
    }
}

impl FromRef<App> for Reloadable<ApiKeys> {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}

/// The function's routes.
pub fn router(app: App) -> Router {
    let router = Router::new()
        .route("/blocked-numbers", get(blocked::list).post(blocked::create))
        .route(
            "/blocked-numbers/{phone_number}",
            get(blocked::read).delete(blocked::delete),
        )
        .route("/calls", get(calls::list))
        .route(
            "/calls/outbound",
            post(create::create).layer(middleware::from_fn(on_own_route)),
        )
        .route("/calls/{call_id}", get(calls::read))
        .route("/calls/{call_id}/hangup", post(calls::hang_up))
        .route("/calls/{call_id}/recordings", get(recordings::list))
        .route(
            "/recordings/{recording_id}",
            get(recordings::read).delete(recordings::delete),
        )
        .route("/recordings/{recording_id}/media", get(recordings::media))
        .route("/stats", get(stats::read))
        .with_state(app);
    with_common_layers(with_etags(router))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        create::create, calls::list, calls::read, calls::hang_up,
        recordings::list, recordings::read, recordings::delete, recordings::media,
        stats::read,
        blocked::create, blocked::list, blocked::read, blocked::delete
    ),
    tags(
        (name = "calls", description = "Placing calls, and what became of them"),
        (name = "recordings", description = "What was recorded"),
        (name = "blocked numbers", description = "Who is not called any more")
    )
)]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
