//! The database: the one in the caller's `MONGO_URI`, a `mongod` from the `PATH`, or the embedded one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use address::free_port;
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ClientOptions;
use outdial::dao::DaoError;
use outdial::dao::indexes::{Report, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::Result;
use crate::output::Output;
use crate::processes;
use crate::venv::Venv;

/// Timeout for the first response of a database that is started here.
const START_TIME: Duration = Duration::from_mins(1);

/// Timeout for the first response of a running database.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// The data folder of a database that is started here.
pub enum Storage {
    /// This folder stays for the next start.
    Kept(PathBuf),
    /// This folder is deleted when the [`Database`] is dropped.
    Throwaway(PathBuf),
}

impl Storage {
    /// The path of a file of this kind next to the folder, if the data is kept for the next start.
    #[must_use]
    pub fn kept_file(&self, kind: &str) -> Option<PathBuf> {
        match self {
            Self::Kept(folder) => Some(folder.with_extension(kind)),
            Self::Throwaway(_) => None,
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Kept(folder) | Self::Throwaway(folder) => folder,
        }
    }
}

/// A database that responds.
pub struct Database {
    /// The connection string.
    pub uri: String,
    client: Client,
    process: Option<Process>,
}

/// The process of a database that was started here.
struct Process {
    command: Command,
    child: Child,
    storage: Storage,
    output: Output,
}

/// The most SIGTERM signals to a database.
const STOP_TRIES: usize = 10;
/// The pause after each SIGTERM.
const STOP_TIME: Duration = Duration::from_secs(2);

/// Describes which database [`Database::start`] uses.
#[must_use]
pub fn choice() -> &'static str {
    if callers_uri().is_some() {
        "the one in MONGO_URI"
    } else if mongod_is_installed() {
        "mongod from the PATH"
    } else {
        "SecantusDB, embedded (set MONGO_URI for another)"
    }
}

impl Database {
    /// Connects to the caller's `MONGO_URI`. Without one, starts `mongod` if it is installed, or the embedded database.
    ///
    /// # Errors
    ///
    /// When the database does not respond.
    pub async fn start(venv: &Venv, output: &Output, storage: Storage) -> Result<Self> {
        if let Some(uri) = callers_uri() {
            return Self::connect(uri, None, output).await;
        }
        if !mongod_is_installed() {
            return Self::start_embedded(venv, output, storage, &[]).await;
        }
        let port = free_port()?;
        let mut command = processes::command("mongod");
        command
            .args(["--bind_ip", "127.0.0.1", "--port", &port.to_string()])
            .arg("--dbpath")
            .arg(storage.folder());
        Self::launch(command, port, output, storage).await
    }

    /// Starts the embedded database with more command-line options.
    ///
    /// # Errors
    ///
    /// When it does not respond.
    pub async fn start_embedded(
        venv: &Venv,
        output: &Output,
        storage: Storage,
        options: &[&str],
    ) -> Result<Self> {
        let port = free_port()?;
        let mut command = processes::command(venv.program("secantusd-py"));
        command
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--log-level", "WARNING", "--storage-path"])
            .arg(storage.folder())
            .args(options);
        Self::launch(command, port, output, storage).await
    }

    async fn launch(
        mut command: Command,
        port: u16,
        output: &Output,
        storage: Storage,
    ) -> Result<Self> {
        std::fs::create_dir_all(storage.folder())?;
        let process = Process {
            child: output.spawn("database", &mut command)?,
            command,
            storage,
            output: output.clone(),
        };
        let uri = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
        Self::connect(uri, Some(process), output).await
    }

    /// Connects to a running database.
    ///
    /// # Errors
    ///
    /// When the URI is malformed, or the database does not respond.
    pub async fn at(uri: String, output: &Output) -> Result<Self> {
        Self::connect(uri, None, output).await
    }

    /// Creates the indexes of one of its databases.
    ///
    /// # Errors
    ///
    /// When an index can't be created.
    pub async fn make_indexes(&self, name: &str) -> Result<Report> {
        Ok(ensure(&self.client.database(name)).await?)
    }

    /// The driver's client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns true if its process was started here, so that [`Database::stop`] can end it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.process.is_some()
    }

    /// Ends its process if it was started here. Acknowledged writes are kept. (The embedded database loses its latest writes if it
    /// is killed.)
    ///
    /// # Errors
    ///
    /// When the process does not end.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        // The embedded database may miss a signal while it is busy.
        for _ in 0..STOP_TRIES {
            let id = process.child.id().and_then(|id| i32::try_from(id).ok());
            if let Some(pid) = id.and_then(Pid::from_raw) {
                kill_process(pid, Signal::TERM)?;
            }
            let ended = tokio::time::timeout(STOP_TIME, process.child.wait()).await;
            if ended.is_ok() {
                return Ok(());
            }
        }
        Err("the database does not stop after SIGTERM".into())
    }

    /// Starts it again after [`Database::stop`], on the same port and with its data.
    ///
    /// # Errors
    ///
    /// When it does not respond.
    pub async fn start_again(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        process.child = process.output.spawn("database", &mut process.command)?;
        let output = process.output.clone();
        wait_until_ready(&self.client, self.process.as_mut(), &output).await
    }

    /// Inserts documents: an object with an array of documents for each collection.
    ///
    /// # Errors
    ///
    /// When a document can't be inserted.
    pub async fn load(&self, name: &str, collections: &Document) -> Result<()> {
        for (collection, documents) in collections {
            let documents = documents.as_array().into_iter().flatten();
            let documents: Vec<_> = documents.filter_map(Bson::as_document).cloned().collect();
            let collection = self
                .client
                .database(name)
                .collection::<Document>(collection);
            collection.insert_many(documents).await?;
        }
        Ok(())
    }

    async fn connect(uri: String, mut process: Option<Process>, output: &Output) -> Result<Self> {
        outdial::tls::install_provider();
        // The driver's message may contain a part of the password.
        let mut options = ClientOptions::parse(&uri).await.map_err(|_| {
            "MONGO_URI is malformed: it must look like mongodb+srv://USER:PASSWORD@HOST/, with special characters of the \
             password percent-encoded, such as %40 for @"
        })?;
        options.server_selection_timeout = Some(Duration::from_secs(2));
        // A server may close connections that are idle for minutes.
        options.max_idle_time = Some(Duration::from_mins(1));
        let client = Client::with_options(options)?;
        wait_until_ready(&client, process.as_mut(), output).await?;
        Ok(Self {
            uri,
            client,
            process,
        })
    }
}

/// Waits until the database responds. Fails early if its process ends.
async fn wait_until_ready(
    client: &Client,
    process: Option<&mut Process>,
    output: &Output,
) -> Result<()> {
    let patience = if process.is_some() {
        START_TIME
    } else {
        CONNECT_TIME
    };
    let deadline = Instant::now() + patience;
    let mut child = process.map(|process| &mut process.child);
    loop {
        let Err(error) = client
            .database("admin")
            .run_command(doc! { "ping": 1 })
            .await
        else {
            return Ok(());
        };
        let ended = child
            .as_mut()
            .and_then(|child| child.try_wait().transpose());
        if ended.is_some() || Instant::now() > deadline {
            let error = DaoError::from(error);
            if child.is_none() {
                return Err(format!(
                    "{error}: check that this machine reaches the server in MONGO_URI, and that the server accepts its address and login"
                )
                .into());
            }
            let tail = output.last_lines(15);
            return Err(format!("the database does not start: {error}{tail}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Drop for Database {
    /// Kills the process, since its data is deleted.
    fn drop(&mut self) {
        let Some(Process {
            child,
            storage: Storage::Throwaway(folder),
            ..
        }) = &mut self.process
        else {
            return;
        };
        let killed = child.start_kill();
        let deadline = Instant::now() + Duration::from_secs(2);
        while killed.is_ok() && matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        if let Err(error) = std::fs::remove_dir_all(&*folder) {
            eprintln!("cannot delete {}: {error}", folder.display());
        }
    }
}

/// The caller's `MONGO_URI`, if it is set.
#[must_use]
pub fn callers_uri() -> Option<String> {
    outdial::config::variable("MONGO_URI")
}

fn mongod_is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("mongod").is_file())
}
