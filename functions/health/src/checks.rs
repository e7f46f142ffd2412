//! The checks of the database and of Twilio.

use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use outdial::{
    dao::{Dao, DialingSwitch},
    http::Visitor,
    twilio::TwilioClient,
};
use serde::Serialize;
use tokio::{sync::Mutex, time::timeout};
use utoipa::ToSchema;

/// The time limit of each check.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The time for which a result is reused. So anonymous callers can't exhaust Twilio's rate limit or the database's connections.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "up")]
pub(crate) enum Reach {
    /// It responds.
    Up,
    /// It does not respond, or rejects our credentials.
    Down,
}

/// The checks of the database and of Twilio, with their last results.
#[derive(Clone)]
pub(crate) struct Checks {
    dao: Dao,
    twilio: Arc<TwilioClient>,
    last: Arc<LastResults>,
}

#[derive(Default)]
struct LastResults {
    database: LastResult,
    twilio: LastResult,
}

impl Checks {
    pub(crate) fn new(dao: Dao, twilio: TwilioClient) -> Self {
        Self {
            dao,
            twilio: twilio.into(),
            last: Arc::default(),
        }
    }

    /// Checks the database. For a known caller, also returns the kill switch.
    ///
    /// Each request of a known caller reads the switch. Its result counts as a check, which anonymous callers get.
    pub(crate) async fn database(&self, visitor: &Visitor) -> (Reach, Option<DialingSwitch>) {
        let last = &self.last.database;
        if visitor.scopes.is_some() {
            let (found, switch) = reach("database", self.dao.dialing()).await;
            last.keep(found);
            return (found, switch);
        }
        let check = async { reach("database", self.dao.ping()).await.0 };
        (last.or_check(check).await, None)
    }

    /// Checks Twilio.
    pub(crate) async fn twilio(&self) -> Reach {
        let check = async { reach("twilio", self.twilio.ping()).await.0 };
        self.last.twilio.or_check(check).await
    }
}

/// The last result of a check, and when it ended.
///
/// The lock is held during a check, so that concurrent requests share one.
#[derive(Default)]
struct LastResult(Mutex<Option<(Instant, Reach)>>);

impl LastResult {
    /// Returns the last result, or runs `check` if it is older than [`MAX_AGE`].
    async fn or_check(&self, check: impl Future<Output = Reach>) -> Reach {
        let mut last = self.0.lock().await;
        if let Some((at, reach)) = *last
            && at.elapsed() < MAX_AGE
        {
            return reach;
        }
        let reach = check.await;
        *last = Some((Instant::now(), reach));
        reach
    }

    /// Stores a result from elsewhere, unless a check is running.
    fn keep(&self, reach: Reach) {
        if let Ok(mut last) = self.0.try_lock() {
            *last = Some((Instant::now(), reach));
        }
    }
}

/// Runs a check, and returns its value if it succeeds in time. Otherwise logs the error.
async fn reach<T, E: Display>(
    dependency: &str,
    check: impl Future<Output = Result<T, E>>,
) -> (Reach, Option<T>) {
    match timeout(TIMEOUT, check).await {
        Ok(Ok(found)) => return (Reach::Up, Some(found)),
        Ok(Err(error)) => tracing::warn!(dependency, %error, "dependency is down"),
        Err(_) => tracing::warn!(
            dependency,
            error = "no response in time",
            "dependency is down"
        ),
    }
    (Reach::Down, None)
}
