//! Data access: `MongoDB`, and nothing of HTTP.
//!
//! Each call has a time limit of its own, writes wait for a majority, and no error shows a document, a URI or a credential.

pub mod admin;
mod admission;
mod blocked;
mod calls;
mod counters;
mod delivery;
mod dialing;
mod error;
mod expr;
pub mod indexes;
mod page;
mod reconcile;
mod recording_pipeline;
mod recordings;
mod refusals;
mod stats;
mod status;
mod stored;
mod updates;
mod users;
mod webhooks;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use mongodb::{
    Client, Collection, Database,
    bson::{RawDocumentBuf, doc},
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

pub use blocked::Callee;
pub use calls::Applied;
pub use counters::{CapCheck, DailyCaps, number_counter, user_counter};
pub use dialing::DialingSwitch;
pub use error::{Cause, DaoError, DuplicateKey};
pub use page::{CallFilter, Cursor, List, Page, PageRequest, Position};
pub use reconcile::{OpenCalls, ReconcileKind, ScanPosition};
pub use stats::CallStats;
pub use users::UserDeletion;
pub use webhooks::{StatusOutcome, VoiceLookup};

use crate::{
    config::{ConfigError, MongoConfig, Reloadable, Settings},
    domain::{Call, Recording, User},
    secret::RefreshReason,
    tls,
};

/// How long a call of the DAO may take before it ends as [`DaoError::Unavailable`].
pub const CALL_TIMEOUT: Duration = Duration::from_secs(4);

const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_IDLE_TIME: Duration = Duration::from_mins(1);

/// The database. Clones share one pool of connections.
#[derive(Clone)]
pub struct Dao {
    shared: Arc<Shared>,
}

struct Shared {
    config: Reloadable<MongoConfig>,
    observer: Option<EventHandler<CommandEvent>>,
    connected: ArcSwapOption<Connected>,
    /// Held by the one who connects.
    connecting: Mutex<()>,
}

struct Connected {
    config: Arc<MongoConfig>,
    database: Database,
}

impl Connected {
    fn is_by(&self, config: &Arc<MongoConfig>) -> bool {
        Arc::ptr_eq(&self.config, config)
            || self.config.uri.expose_secret() == config.uri.expose_secret()
    }
}

impl Dao {
    /// Takes the configuration; no connection is made before the first call.
    ///
    /// # Errors
    ///
    /// When the URI is not a connection string.
    pub fn new(config: impl Into<Reloadable<MongoConfig>>) -> Result<Self, DaoError> {
        Self::build(config.into(), None)
    }

    /// Like [`Dao::new`], and every command that goes to the database is told to `observer`.
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

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    ///
    /// [`DaoError::Unavailable`] when there is none.
    pub async fn ping(&self) -> Result<(), DaoError> {
        self.with_timeout(|| async {
            let database = self.database().await?;
            database.run_command(doc! { "ping": 1 }).await?;
            Ok(())
        })
        .await
    }

    /// Takes the database that the settings name, and makes no connection.
    ///
    /// The first call connects. Strangers reach the functions that use this, so each of them authenticates a request before it
    /// calls the DAO: else anybody could use up the server's connections.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Self::from_parsed(settings, Settings::mongo)
    }

    /// Takes the database that `parse` reads from the settings, and connects in the background.
    ///
    /// For functions that no stranger reaches. A connection that fails is made again by the first call.
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

    /// Makes two connections, for many requests run two operations concurrently. The first call reports what fails here.
    pub async fn warm_up(&self) {
        let _ = tokio::join!(self.ping(), self.ping());
    }

    /// The driver's handle, for what is not a function's business: indexes.
    ///
    /// A DNS look-up that fails (`mongodb+srv://`) is made again by the next call; and where the secret has got another URI,
    /// the next call connects anew.
    ///
    /// # Errors
    ///
    /// [`DaoError::Unavailable`] when the names of the servers cannot be looked up.
    pub async fn database(&self) -> Result<Database, DaoError> {
        let shared = &self.shared;
        let config = shared.config.current();
        if let Some(database) = shared.connected_by(&config) {
            return Ok(database);
        }
        let _others_wait = shared.connecting.lock().await;
        if let Some(database) = shared.connected_by(&config) {
            return Ok(database);
        }
        let database = shared.connect(&config).await?;
        shared.connected.store(Some(Arc::new(Connected {
            config,
            database: database.clone(),
        })));
        Ok(database)
    }

    /// A call of the DAO, which may take [`CALL_TIMEOUT`].
    async fn with_timeout<T, F: Future<Output = Result<T, DaoError>>>(
        &self,
        operation: impl Fn() -> F,
    ) -> Result<T, DaoError> {
        with_deadline(self.logged_in(operation)).await
    }

    /// The operation, and once more where the database has refused our login, and so has done nothing, and the secret
    /// tells another one.
    async fn logged_in<T, F: Future<Output = Result<T, DaoError>>>(
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

    async fn users(&self) -> Result<Collection<User>, DaoError> {
        Ok(self.database().await?.collection(USERS))
    }

    async fn calls(&self) -> Result<Collection<Call>, DaoError> {
        Ok(self.database().await?.collection(CALLS))
    }

    async fn recordings(&self) -> Result<Collection<Recording>, DaoError> {
        Ok(self.database().await?.collection(RECORDINGS))
    }

    async fn counters(&self) -> Result<Collection<RawDocumentBuf>, DaoError> {
        Ok(self.database().await?.collection(COUNTERS))
    }
}

impl Shared {
    fn connected_by(&self, config: &Arc<MongoConfig>) -> Option<Database> {
        let connected = self.connected.load();
        let connected = connected.as_ref()?;
        connected.is_by(config).then(|| connected.database.clone())
    }

    async fn connect(&self, config: &MongoConfig) -> Result<Database, DaoError> {
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
        // A monitor that waits for the server to speak learns late that a primary is back, and an environment that is frozen
        // between requests breaks its wait.
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        options.retry_reads = Some(true);
        options.retry_writes = Some(true);
        options.command_event_handler.clone_from(&self.observer);
        Ok(Client::with_options(options)?.database(&config.database))
    }
}

/// On a call whose person was erased: when, UTC. What is left of it are facts, under another `call_id` and without a `CallSid`;
/// the `_id` is what it was, so that a late webhook is known as such.
pub const ERASED_AT: &str = "erased_at";

const USERS: &str = "users";
const CALLS: &str = "calls";
const RECORDINGS: &str = "recordings";
const COUNTERS: &str = "counters";
const BLOCKED_NUMBERS: &str = "blocked_numbers";

/// Bounds several calls together as each of them is: who needs more than one must not wait for each.
///
/// # Errors
///
/// What `calls` ends with; [`DaoError::Unavailable`] when it takes longer than [`CALL_TIMEOUT`].
pub fn with_deadline<T, E: From<DaoError>>(
    calls: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    within(Instant::now() + CALL_TIMEOUT, calls)
}

/// Runs the calls until the deadline.
///
/// # Errors
///
/// What `calls` ends with; [`DaoError::Unavailable`] at the deadline.
pub async fn within<T, E: From<DaoError>>(
    deadline: Instant,
    calls: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout_at(deadline, calls)
        .await
        .unwrap_or_else(|_| Err(DaoError::timed_out().into()))
}

/// Inserts a document whose `_id` the caller has just made. A duplicate may be the echo of an insert that was
/// retried after its answer was lost: then the document is there, and all is well.
async fn insert_once<T: serde::Serialize + Send + Sync>(
    collection: &Collection<T>,
    id: mongodb::bson::oid::ObjectId,
    document: &T,
) -> Result<(), DaoError> {
    let error = match collection.insert_one(document).await {
        Ok(_) => return Ok(()),
        Err(error) => DaoError::from(error),
    };
    if matches!(error, DaoError::Duplicate(_)) {
        let ours = collection
            .clone_with_type::<RawDocumentBuf>()
            .find_one(doc! { "_id": id })
            .projection(doc! { "_id": 1 })
            .await?;
        if ours.is_some() {
            return Ok(());
        }
    }
    Err(error)
}
