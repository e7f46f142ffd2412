//! The DAO's connection to the database, and the time limits of its calls.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use mongodb::{
    Client, Database,
    bson::doc,
    event::{EventHandler, command::CommandEvent},
    options::{
        ClientOptions, ConnectionString, ReadPreference, SelectionCriteria, ServerMonitoringMode,
        WriteConcern,
    },
};
use secrecy::ExposeSecret;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use super::{DaoError, handshakes::Handshakes};
use crate::{
    config::{ConfigError, MongoConfig, RefreshReason, Reloadable, Settings},
    tls,
};

/// The time limit of a DAO call. After it, the call fails with [`DaoError::Unavailable`].
pub const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// The time limit of a long query on the server: a little shorter than [`CALL_TIMEOUT`], so that the server stops first.
pub(super) const MAX_TIME: Duration = Duration::from_millis(3_500);

const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_IDLE_TIME: Duration = Duration::from_mins(1);

/// The data access object: one method per question or change. Clones share one connection pool.
#[derive(Clone)]
pub struct Dao {
    shared: Arc<Shared>,
}

struct Shared {
    config: Reloadable<MongoConfig>,
    observer: Option<EventHandler<CommandEvent>>,
    connected: ArcSwapOption<Connected>,
    /// Locked while connecting.
    connecting: Mutex<()>,
}

struct Connected {
    config: Arc<MongoConfig>,
    database: Database,
    handshakes: Handshakes,
}

impl Connected {
    fn uses(&self, config: &Arc<MongoConfig>) -> bool {
        Arc::ptr_eq(&self.config, config)
            || self.config.uri.expose_secret() == config.uri.expose_secret()
    }
}

impl Dao {
    /// Creates a DAO. It connects on the first call.
    ///
    /// # Errors
    ///
    /// When the URI is not a connection string.
    pub fn new(config: impl Into<Reloadable<MongoConfig>>) -> Result<Self, DaoError> {
        Self::build(config.into(), None)
    }

    /// Like [`Dao::new`], and reports every database command to `observer`.
    ///
    /// # Errors
    ///
    /// When the URI is not a connection string.
    pub fn with_observer(
        config: impl Into<Reloadable<MongoConfig>>,
        observer: EventHandler<CommandEvent>,
    ) -> Result<Self, DaoError> {
        Self::build(config.into(), Some(observer))
    }

    fn build(
        config: Reloadable<MongoConfig>,
        observer: Option<EventHandler<CommandEvent>>,
    ) -> Result<Self, DaoError> {
        tls::install_provider();
        ConnectionString::parse(config.current().uri.expose_secret())?;
        let shared = Shared {
            config,
            observer,
            connected: ArcSwapOption::empty(),
            connecting: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn ping(&self) -> Result<(), DaoError> {
        self.with_timeout(|| async {
            let database = self.database().await?;
            database.run_command(doc! { "ping": 1 }).await?;
            Ok(())
        })
        .await
    }

    /// Creates a DAO from the settings. It connects on the first call.
    ///
    /// This is for functions that anybody can reach. They must authenticate a request before they call the DAO. Otherwise,
    /// anybody could exhaust the database's connections.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Self::from_parsed(settings, Settings::mongo)
    }

    /// Creates a DAO from what `parse` reads from the settings, and connects in the background.
    ///
    /// This is for functions that only AWS invokes. If connecting fails, the first call tries again.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn connect_in_background(
        settings: &Settings,
        parse: fn(&Settings) -> Result<MongoConfig, ConfigError>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let dao = Self::from_parsed(settings, parse)?;
        let early = dao.clone();
        tokio::spawn(async move { early.warm_up().await });
        Ok(dao)
    }

    fn from_parsed(
        settings: &Settings,
        parse: fn(&Settings) -> Result<MongoConfig, ConfigError>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let config = settings.reloadable(parse)?;
        Ok(Self::build(config, settings.observer().cloned())?)
    }

    /// Opens two connections, because many requests run two operations concurrently. Errors are left to the first call.
    pub async fn warm_up(&self) {
        let _ = tokio::join!(self.ping(), self.ping());
    }

    /// The driver's handle of the database. Operators' commands use it directly, for example for indexes.
    ///
    /// Connects anew if the secret has a new URI, or a connection has hung while it was opened. A failed DNS lookup (`mongodb+srv://`) is repeated on the next call.
    ///
    /// # Errors
    ///
    /// [`DaoError::Unavailable`] when DNS can't resolve the servers' names.
    pub async fn database(&self) -> Result<Database, DaoError> {
        let shared = &self.shared;
        let config = shared.config.current();
        if let Some(database) = shared.connected_by(&config) {
            return Ok(database);
        }
        let _guard = shared.connecting.lock().await;
        if let Some(database) = shared.connected_by(&config) {
            return Ok(database);
        }
        if let Some(old) = &*shared.connected.load()
            && old.handshakes.has_hung()
        {
            tracing::warn!("database connection hung, connecting anew");
        }
        let handshakes = Handshakes::default();
        let database = shared.connect(&config, &handshakes).await?;
        shared.connected.store(Some(Arc::new(Connected {
            config,
            database: database.clone(),
            handshakes,
        })));
        Ok(database)
    }

    /// Runs a DAO call, limited to [`super::CALL_TIMEOUT`].
    pub(super) async fn with_timeout<T, F: Future<Output = Result<T, DaoError>>>(
        &self,
        operation: impl Fn() -> F,
    ) -> Result<T, DaoError> {
        with_deadline(self.logged_in(operation)).await
    }

    /// Runs the operation. If the database refuses our login, and the secret has a new one, runs it once more.
    ///
    /// That is safe, because a refused operation has changed nothing.
    pub(super) async fn logged_in<T, F: Future<Output = Result<T, DaoError>>>(
        &self,
        operation: impl Fn() -> F,
    ) -> Result<T, DaoError> {
        let reloadable = &self.shared.config;
        let config = reloadable.current();
        let mut is_renewed = false;
        loop {
            let result = operation().await;
            if is_renewed || !matches!(result, Err(DaoError::LoginRefused(_))) {
                return result;
            }
            is_renewed = reloadable
                .renewed(&config, RefreshReason::Refused)
                .await
                .is_some();
            if !is_renewed {
                return result;
            }
        }
    }
}

impl Shared {
    fn connected_by(&self, config: &Arc<MongoConfig>) -> Option<Database> {
        let connected = self.connected.load();
        let connected = connected.as_ref()?;
        let is_usable = connected.uses(config) && !connected.handshakes.has_hung();
        is_usable.then(|| connected.database.clone())
    }

    async fn connect(
        &self,
        config: &MongoConfig,
        handshakes: &Handshakes,
    ) -> Result<Database, DaoError> {
        let mut options = ClientOptions::parse(config.uri.expose_secret()).await?;
        options.app_name.get_or_insert_with(|| "outdial".to_owned());
        options.write_concern = Some(WriteConcern::majority());
        options.selection_criteria =
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.max_pool_size = Some(config.max_pool_size);
        options.min_pool_size = Some(0);
        options.max_idle_time = Some(MAX_IDLE_TIME);
        options.server_selection_timeout = Some(SERVER_SELECTION_TIMEOUT);
        options.connect_timeout = Some(CONNECT_TIMEOUT);
        // A streaming monitor notices late that a primary is back, and a frozen environment breaks its stream.
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        options.retry_reads = Some(true);
        options.retry_writes = Some(true);
        options.command_event_handler.clone_from(&self.observer);
        options.cmap_event_handler = Some(handshakes.observer());
        Ok(Client::with_options(options)?.database(&config.database))
    }
}

/// Limits several calls together to [`CALL_TIMEOUT`].
///
/// # Errors
///
/// Those of `calls`, and [`DaoError::Unavailable`] after the time limit.
pub fn with_deadline<T, E: From<DaoError>>(
    calls: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    within(Instant::now() + CALL_TIMEOUT, calls)
}

/// Runs several calls until the deadline.
///
/// # Errors
///
/// Those of `calls`, and [`DaoError::Unavailable`] at the deadline.
pub async fn within<T, E: From<DaoError>>(
    deadline: Instant,
    calls: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout_at(deadline, calls)
        .await
        .unwrap_or_else(|_| Err(DaoError::timed_out().into()))
}
