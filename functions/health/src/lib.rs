//! `/health`, the API document and its viewer, and whatever no other function owns.

mod docs;
mod health;

use axum::{Router, extract::FromRef, routing::get};
use outdial::{
    config::{ApiKeys, Reloadable, Settings},
    dao::Dao,
    http::with_common_layers,
    twilio::TwilioClient,
};
use utoipa::OpenApi;

use self::health::Checks;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    checks: Checks,
    /// `None` if they are missing or malformed: the function tells how the service is all the same, and knows nobody.
    keys: Option<Reloadable<ApiKeys>>,
}

impl FromRef<App> for Option<Reloadable<ApiKeys>> {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}

impl App {
    /// Takes what the settings name, and makes no connection before the first check.
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

/// The function's routes.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .route("/health", get(health::health))
        .route("/openapi.json", get(docs::document))
        .route("/docs", get(docs::page));
    let with_files = docs::FILES.into_iter().fold(routes, |routes, file| {
        routes.route(file.path, get(async move || file))
    });
    with_common_layers(with_files.with_state(app))
}

#[derive(OpenApi)]
#[openapi(
    paths(health::health, docs::document, docs::page),
    tags((name = "service", description = "The service itself"))
)]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
