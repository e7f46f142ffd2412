//! The table of the functions that answer HTTP requests.

use axum::Router;
use outdial::config::Settings;
use utoipa::openapi::OpenApi;

/// Why a router was not created: a variable is missing or malformed.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A function that answers HTTP requests.
pub struct HttpFunction {
    /// The name of its folder and binary.
    pub name: &'static str,
    /// Creates its router.
    pub router: fn(&Settings) -> Result<Router, Error>,
    /// Returns its part of the API document. `None` for a function that is not part of the API.
    pub document: Option<fn() -> OpenApi>,
}

/// All functions that answer HTTP requests, in the order of the API document.
pub const HTTP_FUNCTIONS: &[HttpFunction] = &[
    HttpFunction {
        name: "health",
        router: |settings| Ok(health::router(health::App::from_settings(settings)?)),
        document: Some(health::openapi),
    },
    HttpFunction {
        name: "users",
        router: |settings| Ok(users::router(users::App::from_settings(settings)?)),
        document: Some(users::openapi),
    },
    HttpFunction {
        name: "outbound-calls",
        router: |settings| {
            let app = outbound_calls::App::from_settings(settings)?;
            Ok(outbound_calls::router(app))
        },
        document: Some(outbound_calls::openapi),
    },
    HttpFunction {
        name: "batches",
        router: |settings| Ok(batches::router(batches::App::from_settings(settings)?)),
        document: Some(batches::openapi),
    },
    HttpFunction {
        name: "voice",
        router: |settings| Ok(voice::router(voice::App::from_settings(settings)?)),
        document: Some(voice::openapi),
    },
    HttpFunction {
        name: "fallback",
        router: |settings| Ok(fallback::router(fallback::App::from_settings(settings))),
        document: Some(fallback::openapi),
    },
    HttpFunction {
        name: "status",
        router: |settings| Ok(status::router(status::App::from_settings(settings)?)),
        document: Some(status::openapi),
    },
    HttpFunction {
        name: "recording",
        router: |settings| Ok(recording::router(recording::App::from_settings(settings)?)),
        document: Some(recording::openapi),
    },
    HttpFunction {
        name: "media",
        router: |settings| Ok(media::router(media::App::from_settings(settings)?)),
        document: Some(media::openapi),
    },
    HttpFunction {
        name: "console",
        router: |settings| Ok(console::router(settings)?),
        document: None,
    },
];
