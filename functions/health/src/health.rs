use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::State;
use http::StatusCode;
use mongodb::bson::DateTime;
use outdial::{
    dao::{Dao, DialingSwitch},
    http::{Visitor, rfc3339},
    twilio::TwilioClient,
};
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
    /// The kill switch. Only for callers with an API key, and absent while the database is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialing: Option<DialingBody>,
}

/// The operators' switch that stops all dialling.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dialing)]
pub(crate) struct DialingBody {
    /// Whether calls are placed. While it is `false` each new call is refused with `dialing_off`.
    #[schema(example = false)]
    on: bool,
    /// When it was last switched, RFC 3339; null if never.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    since: Option<String>,
    /// Why, in the operator's words; null if none were given.
    #[schema(example = "a stolen key")]
    reason: Option<String>,
    /// Who switched it; null if unknown.
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

    /// Whether the database answers and, if `visitor` may know it, how the switch stands: one question either way.
    async fn database(&self, visitor: Visitor) -> (Reach, Option<DialingSwitch>) {
        let asked = async {
            if visitor.is_known {
                self.dao.dialing().await.map(Some)
            } else {
                self.dao.ping().await.map(|()| None)
            }
        };
        match reach("the database", asked).await {
            Some(switch) => (Reach::Up, switch),
            None => (Reach::Down, None),
        }
    }

    async fn twilio(&self) -> Reach {
        let mut last = self.last.lock().await;
        if let Some((at, reach)) = *last
            && at.elapsed() < KEPT
        {
            return reach;
        }
        let reach = match reach("Twilio", self.twilio.ping()).await {
            Some(()) => Reach::Up,
            None => Reach::Down,
        };
        *last = Some((Instant::now(), reach));
        reach
    }
}

/// What the check found, or `None`, and a line in the log, if there was no answer.
async fn reach<T, E: Display>(name: &str, check: impl Future<Output = Result<T, E>>) -> Option<T> {
    match timeout(TIME_OUT, check).await {
        Ok(Ok(found)) => return Some(found),
        Ok(Err(error)) => tracing::warn!(%error, "{name} is down"),
        Err(_) => tracing::warn!(error = "no answer in time", "{name} is down"),
    }
    None
}

/// How the service and what it needs are doing
///
/// Open to everybody. With an API key, whatever its scopes, the answer also has the kill switch (`dialing`). The service is healthy
/// while dialling is off. Twilio's result is up to 30 seconds old.
#[utoipa::path(
    get, path = "/health", tag = "service", operation_id = "health",
    responses(
        (status = 200, description = "Everything is up", body = HealthBody),
        (status = 401, description = "An API key that is not known (`unauthorized`)"),
        (status = 503, description = "Something is down, and named", body = HealthBody),
    ),
    security((), ("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn health(
    visitor: Visitor,
    State(app): State<App>,
) -> (StatusCode, axum::Json<HealthBody>) {
    let ((database, switch), twilio) =
        tokio::join!(app.checks.database(visitor), app.checks.twilio());
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
    };
    (code, axum::Json(body))
}
