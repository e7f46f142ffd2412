//! Tests paths that no other function serves.

use axum::Router;
use outdial::config::Settings;
use testkit::{ACCOUNT_SID, Request};

/// Returns the function without a reachable database or Twilio.
pub fn alone() -> Router {
    let settings = Settings::from_pairs([
        ("ENVIRONMENT", "development"),
        ("MONGO_URI", "mongodb://127.0.0.1:1/"),
        ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
        ("TWILIO_AUTH_TOKEN", "token"),
    ]);
    health::router(health::App::from_settings(&settings.unwrap()).unwrap())
}

#[tokio::test]
async fn unknown_path_is_404() {
    let function = alone();
    for path in [
        "/",
        "//",
        "",
        "/favicon.ico",
        "/health/",
        "/Health",
        "/docs/",
        "/docs/none.js",
        "/docs/../Cargo.toml",
        "/docs/%2e%2e%2fCargo.toml",
        "/docs/a/b",
        "/openapi.yaml",
        "/%ff",
        "/%",
        "/.env",
        "/users-of-mine",
        "/call",
        "/twilio",
        "/twilio/",
        "/twilio/voice",
        "/wp-login.php?x=%zz",
        "/a b",
        "/é",
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
            let answer = Request::new(method, path).send(&function).await;
            assert_eq!(answer.status, 404, "{method} {path}");
            if method != "HEAD" {
                answer.assert_problem(404, "not_found");
            }
        }
    }
}

#[tokio::test]
async fn own_paths_accept_only_get() {
    let function = alone();
    for path in ["/health", "/openapi.json", "/docs", "/docs/start.js"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            let answer = Request::new(method, path).send(&function).await;
            answer.assert_problem(405, "method_not_allowed");
            let mut allowed: Vec<_> = answer.header("allow").split(',').collect();
            allowed.sort_unstable();
            assert_eq!(allowed, ["GET", "HEAD"], "{method} {path}");
        }
    }
}
