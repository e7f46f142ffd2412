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
/// How long a result is kept, so that strangers can use up neither the account's rate limit nor the database's connections.
const KEPT: Duration = Duration::from_secs(30);

/// Whether something answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "up")]
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
    #[schema(nullable = false)]
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

/// What is checked, and the last result of each check.
#[derive(Clone)]
pub(crate) struct Checks {
    dao: Dao,
    twilio: Arc<TwilioClient>,
    last: Arc<LastResults>,
}

#[derive(Default)]
struct LastResults {
    database: Kept,
    twilio: Kept,
}

impl Checks {
    pub(crate) fn new(dao: Dao, twilio: TwilioClient) -> Self {
        Self {
            dao,
            twilio: twilio.into(),
            last: Arc::default(),
        }
    }

    /// Returns whether the database answers and, for a known caller, the kill switch.
    ///
    /// The switch is read anew for each known caller. That is a check too: strangers get its result.
    async fn database(&self, visitor: Visitor) -> (Reach, Option<DialingSwitch>) {
        let last = &self.last.database;
        if visitor.is_known {
            let (found, switch) = reach("the database", self.dao.dialing()).await;
            last.keep(found);
            return (found, switch);
        }
        let check = async { reach("the database", self.dao.ping()).await.0 };
        (last.or_check(check).await, None)
    }

    async fn twilio(&self) -> Reach {
        let check = async { reach("Twilio", self.twilio.ping()).await.0 };
        self.last.twilio.or_check(check).await
    }
}

/// The last result of a check, and when it ended.
///
/// Whoever checks holds the lock, so that concurrent requests share one check.
#[derive(Default)]
struct Kept(Mutex<Option<(Instant, Reach)>>);

impl Kept {
    /// Returns the last result, or that of `check` where the last one is older than [`KEPT`].
    async fn or_check(&self, check: impl Future<Output = Reach>) -> Reach {
        let mut last = self.0.lock().await;
        if let Some((at, reach)) = *last
            && at.elapsed() < KEPT
        {
            return reach;
        }
        let reach = check.await;
        *last = Some((Instant::now(), reach));
        reach
    }

    /// Keeps a result that was found otherwise, unless a check is under way.
    fn keep(&self, reach: Reach) {
        if let Ok(mut last) = self.0.try_lock() {
            *last = Some((Instant::now(), reach));
        }
    }
}

/// Returns whether the check was answered in time, and with what. Logs why if not.
async fn reach<T, E: Display>(
    name: &str,
    check: impl Future<Output = Result<T, E>>,
) -> (Reach, Option<T>) {
    match timeout(TIME_OUT, check).await {
        Ok(Ok(found)) => return (Reach::Up, Some(found)),
        Ok(Err(error)) => tracing::warn!(%error, "{name} is down"),
        Err(_) => tracing::warn!(error = "no answer in time", "{name} is down"),
    }
    (Reach::Down, None)
}

/// How the service and what it needs are doing
///
/// Open to everybody. With an API key, whatever its scopes, the answer also has the kill switch (`dialing`). The service is healthy
/// while dialling is off. Twilio's result is up to 30 seconds old. So is the database's without an API key; with one, the request
/// reads the database.
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
