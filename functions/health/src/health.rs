//! `GET /health`.

use axum::extract::State;
use bson::DateTime;
use http::StatusCode;
use outdial::{config::Scope, dao::DialingSwitch, domain::rfc3339, http::Visitor};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, checks::Reach};

/// Health of the service and its dependencies.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthBody {
    /// `healthy`, or `unhealthy` if a dependency is down.
    #[schema(example = "healthy")]
    status: &'static str,
    database: Reach,
    twilio: Reach,
    /// Version of this service.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Time of the response, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    timestamp: String,
    /// Kill switch. Present only for callers with an API key, and only if the database is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dialing: Option<DialingBody>,
    /// Scopes of the API key. Present only for callers with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["calls:read", "calls:write"]))]
    scopes: Option<Vec<&'static str>>,
}

/// Kill switch: lets an operator stop all dialling.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dialing)]
pub(crate) struct DialingBody {
    /// Whether calls are placed. While it is `false`, each new call is refused with `dialing_off`.
    #[schema(example = false)]
    on: bool,
    /// Time of the last switch, in RFC 3339 format. Null if never switched.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    since: Option<String>,
    /// The operator's reason, or null.
    #[schema(example = "a stolen key")]
    reason: Option<String>,
    /// Who switched it, or null.
    #[schema(example = "ada@workstation")]
    by: Option<String>,
}

impl From<DialingSwitch> for DialingBody {
    fn from(switch: DialingSwitch) -> Self {
        Self {
            on: switch.on,
            since: switch.since.map(rfc3339),
            reason: switch.reason,
            by: switch.by,
        }
    }
}

/// Check the health of the service
///
/// Public. With an API key of any scope, the response also has the kill switch (`dialing`) and the key's `scopes`. The service is healthy while dialling
/// is off. Twilio's result is up to 30 seconds old. The database's is too, unless the request has an API key.
#[utoipa::path(
    get, path = "/health", tag = "service", operation_id = "health",
    responses(
        (status = 200, description = "All dependencies are up", body = HealthBody),
        (status = 401, description = "The API key is unknown (`unauthorized`)"),
        (status = 503, description = "A dependency is down; the response says which", body = HealthBody),
    ),
    security((), ("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn health(
    visitor: Visitor,
    State(app): State<App>,
) -> (StatusCode, axum::Json<HealthBody>) {
    let ((database, switch), twilio) =
        tokio::join!(app.checks.database(&visitor), app.checks.twilio());
    let healthy = database == Reach::Up && twilio == Reach::Up;
    let (code, status) = if healthy {
        (StatusCode::OK, "healthy")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    };
    let body = HealthBody {
        status,
        database,
        twilio,
        version: env!("CARGO_PKG_VERSION"),
        timestamp: rfc3339(DateTime::now()),
        dialing: switch.map(DialingBody::from),
        scopes: visitor
            .scopes
            .map(|scopes| scopes.into_iter().map(Scope::as_str).collect()),
    };
    (code, axum::Json(body))
}
