use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::State;
use http::StatusCode;
use mongodb::bson::DateTime;
use outdial::{dao::Dao, http::rfc3339, twilio::TwilioClient};
use serde::Serialize;
use tokio::{sync::Mutex, time::timeout};
use utoipa::ToSchema;

use crate::App;

/// How long each check may take.
const TIME_OUT: Duration = Duration::from_secs(2);
/// How long Twilio's result is kept, so that strangers cannot spend the account's rate limit.
const KEPT: Duration = Duration::from_secs(30);

/// Whether something answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    /// It answers.
    Up,
    /// It does not, or refuses our credentials.
    Down,
}

/// How the service and what it needs are doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthBody {
    /// `healthy`, or `unhealthy` when anything is down.
    #[schema(example = "healthy")]
    status: &'static str,
    database: Reach,
    twilio: Reach,
    /// The version of this service.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    timestamp: String,
}

/// What is checked, and Twilio's last result.
#[derive(Clone)]
pub(crate) struct Checks {
    dao: Dao,
    twilio: Arc<TwilioClient>,
    last: Arc<Mutex<Option<(Instant, Reach)>>>,
}

impl Checks {
    pub(crate) fn new(dao: Dao, twilio: TwilioClient) -> Self {
        Self {
            dao,
            twilio: twilio.into(),
            last: Arc::default(),
        }
    }

    async fn database(&self) -> Reach {
        reach("the database", self.dao.ping()).await
    }

    async fn twilio(&self) -> Reach {
        let mut last = self.last.lock().await;
        if let Some((at, reach)) = *last
            && at.elapsed() < KEPT
        {
            return reach;
        }
        let reach = reach("Twilio", self.twilio.ping()).await;
        *last = Some((Instant::now(), reach));
        reach
    }
}

async fn reach<E: Display>(name: &str, check: impl Future<Output = Result<(), E>>) -> Reach {
    match timeout(TIME_OUT, check).await {
        Ok(Ok(())) => return Reach::Up,
        Ok(Err(error)) => tracing::warn!(%error, "{name} is down"),
        Err(_) => tracing::warn!(error = "no answer in time", "{name} is down"),
    }
    Reach::Down
}

/// How the service and what it needs are doing
///
/// Open to everybody. Twilio's result is up to 30 seconds old.
#[utoipa::path(
    get, path = "/health", tag = "service", operation_id = "health",
    responses(
        (status = 200, description = "Everything is up", body = HealthBody),
        (status = 503, description = "Something is down, and named", body = HealthBody),
    )
)]
pub(crate) async fn health(State(app): State<App>) -> (StatusCode, axum::Json<HealthBody>) {
    let (database, twilio) = tokio::join!(app.checks.database(), app.checks.twilio());
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
    };
    (code, axum::Json(body))
}
