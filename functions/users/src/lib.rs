//! `/users`: the people who are called, and their calls.

mod calls;
mod manage;

use axum::{Router, extract::FromRef, routing::get};
use outdial::{
    config::{ApiKeys, Reloadable, Settings},
    dao::Dao,
    http::{with_common_layers, with_etags},
};
use utoipa::OpenApi;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    keys: Reloadable<ApiKeys>,
}

impl App {
    /// Takes what the settings name, and makes no connection: a request is authenticated first.
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

/// The function's routes.
pub fn router(app: App) -> Router {
    let router = Router::new()
        .route("/users", get(manage::list).post(manage::create))
        .route(
            "/users/{user_id}",
            get(manage::read)
                .patch(manage::update)
                .delete(manage::delete),
        )
        .route("/users/{user_id}/calls", get(calls::list))
        .with_state(app);
    with_common_layers(with_etags(router))
}

#[derive(OpenApi)]
#[openapi(
    paths(manage::create, manage::list, manage::read, manage::update, manage::delete, calls::list),
    tags((name = "users", description = "The people who are called"))
)]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
