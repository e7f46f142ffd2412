//! Data access: `MongoDB`, and nothing of HTTP.
//!
//! Each call has a time limit of its own, writes wait for a majority, and no error shows a document, a URI or a credential.

mod blocked;
mod calls;
mod counters;
mod dialing;
mod error;
mod expr;
pub mod indexes;
mod page;
mod reconcile;
mod recordings;
mod status;
mod users;
mod webhooks;

use std::{sync::Arc, time::Duration};

use mongodb::{
    Client, Collection, Database,
    bson::{Document, doc},
    event::{EventHandler, command::CommandEvent},
    options::{
        ClientOptions, ConnectionString, ReadPreference, SelectionCriteria, ServerMonitoringMode,
        WriteConcern,
    },
};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

pub use blocked::Callee;
pub use calls::Applied;
pub use counters::Taken;
pub use dialing::DialingSwitch;
pub use error::{Cause, DaoError, DuplicateKey};
pub use page::{Cursor, List, Page, PageRequest, Position};
pub use reconcile::{Open, OpenCalls, Place};
pub use users::UserDeletion;
pub use webhooks::Told;

use crate::{
    config::MongoConfig,
    domain::{Call, Recording, User},
    tls,
};

/// How long a call of the DAO may take before it ends as [`DaoError::Unavailable`].
pub const CALL_TIMEOUT: Duration = Duration::from_secs(4);

const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_IDLE_TIME: Duration = Duration::from_mins(1);
/// A function serves one request at a time, and none of them has more than two operations under way.
const MAX_POOL_SIZE: u32 = 2;

/// The database. Clones share one pool of connections.
#[derive(Clone)]
pub struct Dao {
    shared: Arc<Shared>,
}

struct Shared {
    uri: ConnectionString,
    database: String,
    observer: Option<EventHandler<CommandEvent>>,
    connected: OnceCell<Database>,
}

impl Dao {
    /// Takes the configuration; no connection is made before the first call.
    ///
    /// # Errors
    ///
    /// When the URI is not a connection string.
    pub fn new(config: &MongoConfig) -> Result<Self, DaoError> {
        Self::build(config, None)
    }

    /// Like [`Dao::new`], and every command that goes to the database is told to `observer`.
    ///
    /// # Errors
    ///
    /// When the URI is not a connection string.
    pub fn with_observer(
        config: &MongoConfig,
        observer: EventHandler<CommandEvent>,
    ) -> Result<Self, DaoError> {
        Self::build(config, Some(observer))
    }

    fn build(
        config: &MongoConfig,
        observer: Option<EventHandler<CommandEvent>>,
    ) -> Result<Self, DaoError> {
        tls::install_provider();
        let shared = Shared {
            uri: ConnectionString::parse(config.uri.expose_secret())?,
            database: config.database.clone(),
            observer,
            connected: OnceCell::new(),
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
        limited(async {
            let database = self.database().await?;
            database.run_command(doc! { "ping": 1 }).await?;
            Ok(())
        })
        .await
    }

    /// Like [`Dao::new`], and connects in the background, ahead of the first request.
    ///
    /// # Errors
    ///
    /// When the URI is not a connection string.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn begin(config: &MongoConfig) -> Result<Self, DaoError> {
        let dao = Self::new(config)?;
        let greeting = dao.clone();
        tokio::spawn(async move { greeting.warm().await });
        Ok(dao)
    }

    /// Connects ahead of the first request. What goes wrong here will go wrong there, and be told there.
    pub async fn warm(&self) {
        let _ = self.ping().await;
    }

    /// The driver's handle, for what is not a function's business: indexes.
    ///
    /// A DNS look-up that fails (`mongodb+srv://`) is made again by the next call.
    ///
    /// # Errors
    ///
    /// [`DaoError::Unavailable`] when the names of the servers cannot be looked up.
    pub async fn database(&self) -> Result<&Database, DaoError> {
        self.shared
            .connected
            .get_or_try_init(|| self.shared.connect())
            .await
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

    async fn counters(&self) -> Result<Collection<Document>, DaoError> {
        Ok(self.database().await?.collection(COUNTERS))
    }
}

impl Shared {
    async fn connect(&self) -> Result<Database, DaoError> {
        let mut options = ClientOptions::parse(self.uri.clone()).await?;
        options.app_name.get_or_insert_with(|| "outdial".to_owned());
        options.write_concern = Some(WriteConcern::majority());
        options.selection_criteria =
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.max_pool_size = Some(MAX_POOL_SIZE);
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
        Ok(Client::with_options(options)?.database(&self.database))
    }
}

const USERS: &str = "users";
const CALLS: &str = "calls";
const RECORDINGS: &str = "recordings";
const COUNTERS: &str = "counters";
const BLOCKED_NUMBERS: &str = "blocked_numbers";

async fn limited<T>(operation: impl Future<Output = Result<T, DaoError>>) -> Result<T, DaoError> {
    tokio::time::timeout(CALL_TIMEOUT, operation)
        .await
        .unwrap_or_else(|_| Err(DaoError::timed_out()))
}

/// Bounds several calls together as each of them is: who needs more than one must not wait for each.
///
/// # Errors
///
/// What `calls` ends with; [`DaoError::Unavailable`] when it takes longer than [`CALL_TIMEOUT`].
pub async fn together<T, E: From<DaoError>>(
    calls: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(CALL_TIMEOUT, calls)
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
            .clone_with_type::<Document>()
            .find_one(doc! { "_id": id })
            .projection(doc! { "_id": 1 })
            .await?;
        if ours.is_some() {
            return Ok(());
        }
    }
    Err(error)
}
