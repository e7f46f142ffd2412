//! The secret: read in the init phase, and again when it may have changed.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use aws_sdk_secretsmanager::Client;
use futures_util::{FutureExt, future::BoxFuture};
use secrecy::ExposeSecret;
use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};

use super::secrets_manager::{SecretValues, fetch};
use crate::variables::{ConfigError, Values};

/// The time limit for reading the secret in the init phase, including all attempts.
const INIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for reading the secret again during a request. After that, the last values stay in force.
///
/// A webhook's response takes up to 6 s without this.
const REFRESH_TIMEOUT: Duration = Duration::from_millis(500);

/// The intervals for reading the secret again. The functions use the defaults.
#[derive(Debug, Clone, Copy)]
pub struct RefreshPolicy {
    /// The oldest reading that a request relies on. Default: five minutes.
    pub max_age: Duration,
    /// The pause after a failed refresh of a reading that is too old. Default: a minute.
    pub after_failure: Duration,
    /// The pause between two readings for [`RefreshReason::Unknown`]. Default: a minute.
    pub unknown: Duration,
    /// The pause between two readings for [`RefreshReason::Refused`]. Default: a second.
    pub refused: Duration,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            max_age: Duration::from_mins(5),
            after_failure: Duration::from_mins(1),
            unknown: Duration::from_mins(1),
            refused: Duration::from_secs(1),
        }
    }
}

/// Why the secret may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshReason {
    /// A client sent an unknown API key or signature. Anybody can cause this at any time.
    Unknown,
    /// The database or Twilio refused the credentials from the secret.
    Refused,
}

/// The secret that `SECRET_ID` names, with the last reading. Clones share it.
#[derive(Clone)]
pub struct Secret(Arc<Shared>);

struct Shared {
    id: String,
    policy: RefreshPolicy,
    /// The variables that the secret overlays.
    environment: Arc<Values>,
    client: OnceCell<Client>,
    latest: ArcSwap<Reading>,
    /// Locked while the secret is being read.
    attempts: Mutex<Attempts>,
}

struct Reading {
    /// The number of changes since the first reading.
    version: u64,
    secret: SecretValues,
    values: Arc<Values>,
    at: Instant,
}

/// When the secret was last read for each reason.
#[derive(Default)]
struct Attempts {
    unknown: Option<Instant>,
    refused: Option<Instant>,
    aged: Option<Instant>,
}

impl Secret {
    /// Reads the secret for the first time. Its values take precedence over `environment`.
    ///
    /// # Errors
    ///
    /// When the secret can't be read, or is not a JSON object with strings as variables.
    pub(crate) async fn read(
        id: &str,
        environment: Arc<Values>,
        policy: RefreshPolicy,
    ) -> Result<Self, ConfigError> {
        let client = OnceCell::new();
        let secret = fetch(&client, id, INIT_TIMEOUT).await?;
        let values = environment.overlaid_with(&secret);
        Ok(Self(Arc::new(Shared {
            id: id.to_owned(),
            policy,
            environment,
            client,
            latest: ArcSwap::from_pointee(Reading {
                version: 0,
                secret,
                values: values.into(),
                at: Instant::now(),
            }),
            attempts: Mutex::default(),
        })))
    }

    /// Returns the number of changes since the first reading.
    pub(crate) fn version(&self) -> u64 {
        self.0.latest.load().version
    }

    /// The version of the last reading, and the values by it.
    pub(crate) fn latest(&self) -> (u64, Arc<Values>) {
        let latest = self.0.latest.load();
        (latest.version, latest.values.clone())
    }

    /// Reads the secret again if the last reading is too old.
    ///
    /// If that fails, the last values stay in force, and the error is logged.
    pub async fn keep_fresh(&self) {
        let is_old = || self.0.latest.load().at.elapsed() >= self.0.policy.max_age;
        if !is_old() {
            return;
        }
        let mut attempts = self.0.attempts.lock().await;
        if is_old() && is_due(&mut attempts.aged, self.0.policy.after_failure) {
            self.update().await;
        }
    }

    /// Reads the secret again, unless it was read for the same reason a short time ago.
    pub(crate) async fn read_again(&self, reason: RefreshReason) {
        let mut attempts = self.0.attempts.lock().await;
        let policy = &self.0.policy;
        let (last, pause) = match reason {
            RefreshReason::Unknown => (&mut attempts.unknown, policy.unknown),
            RefreshReason::Refused => (&mut attempts.refused, policy.refused),
        };
        if is_due(last, pause) {
            self.update().await;
        }
    }

    /// Boxed, because it rarely runs, and every future that calls the database contains it.
    fn update(&self) -> BoxFuture<'_, ()> {
        self.fetch().boxed()
    }

    async fn fetch(&self) {
        let shared = &self.0;
        let secret = match fetch(&shared.client, &shared.id, REFRESH_TIMEOUT).await {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%error, "secret refresh failed, last values kept");
                return;
            }
        };
        let latest = shared.latest.load();
        let (version, values) = if is_same(&secret, &latest.secret) {
            (latest.version, latest.values.clone())
        } else {
            tracing::info!("secret changed");
            (
                latest.version + 1,
                shared.environment.overlaid_with(&secret).into(),
            )
        };
        shared.latest.store(Arc::new(Reading {
            version,
            secret,
            values,
            at: Instant::now(),
        }));
    }
}

/// Returns whether `pause` has passed since the last attempt. If so, the attempt counts as made now.
fn is_due(last: &mut Option<Instant>, pause: Duration) -> bool {
    let is_due = last.is_none_or(|last| last.elapsed() >= pause);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}

fn is_same(one: &SecretValues, other: &SecretValues) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| {
            other
                .get(name)
                .is_some_and(|other| other.expose_secret() == value.expose_secret())
        })
}
