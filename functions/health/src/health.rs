use std::{
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

impl From<bool> for Reach {
    fn from(up: bool) -> Self {
        if up { Self::Up } else { Self::Down }
    }
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
    #[schema(format = DateTime)]
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
        let result = timeout(TIME_OUT, self.dao.ping()).await;
        if let Ok(Err(error)) = &result {
            tracing::warn!(%error, "the database is down");
        }
        matches!(result, Ok(Ok(()))).into()
    }

    async fn twilio(&self) -> Reach {
        let mut last = self.last.lock().await;
        if let Some((at, reach)) = *last
            && at.elapsed() < KEPT
        {
            return reach;
        }
        let result = timeout(TIME_OUT, self.twilio.ping()).await;
        if let Ok(Err(error)) = &result {
            tracing::warn!(%error, "Twilio is down");
        }
        let reach = matches!(result, Ok(Ok(()))).into();
        *last = Some((Instant::now(), reach));
        reach
    }
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
