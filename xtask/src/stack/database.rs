//! The database: the caller's own, a `mongod` from the PATH, or the embedded one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ClientOptions;
use outdial::dao::DaoError;
use outdial::dao::indexes::{Report, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::{free_port, spawn};
use crate::Result;
use crate::output::Output;
use crate::processes;
use crate::venv::Venv;

/// How long a database that is started here may take to answer its first ping.
const START_TIME: Duration = Duration::from_mins(1);

/// The same for one that should be running already.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Where a database that is started here keeps its data.
pub enum Storage {
    /// In this folder, for the next time.
    Kept(PathBuf),
    /// In this folder, which is deleted at the end.
    Throwaway(PathBuf),
}

impl Storage {
    /// The file of this kind beside the folder, if both are kept for the next time.
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

/// A database that answers.
pub struct Database {
    /// Its connection string.
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

/// How often, and for how long each time, a database is asked to stop.
const STOP_TRIES: usize = 10;
const STOP_TIME: Duration = Duration::from_secs(2);

/// Which database [`Database::start`] will use, in words.
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
    /// The caller's `MONGO_URI`, else `mongod`, else the embedded database.
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

    /// The embedded database, whatever else there is.
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
            child: spawn(output, "database", &mut command)?,
            command,
            storage,
            output: output.clone(),
        };
        let uri = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
        Self::connect(uri, Some(process), output).await
    }

    /// One that runs already.
    pub async fn at(uri: String, output: &Output) -> Result<Self> {
        Self::connect(uri, None, output).await
    }

    /// Makes the indexes of one of its databases.
    pub async fn make_indexes(&self, name: &str) -> Result<Report> {
        Ok(ensure(&self.client.database(name)).await?)
    }

    /// The driver's handle.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether its process was started here, and so can be stopped.
    pub fn is_ours(&self) -> bool {
        self.process.is_some()
    }

    /// Ends its process in an orderly way, where it was started here: what it has acknowledged is kept. (Killed outright,
    /// the embedded database forgets its last moments.)
    pub async fn stop(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        // The embedded database may miss a signal that comes while it is busy.
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
        Err("the database does not stop".into())
    }

    /// Starts it again after [`Database::stop`], where it was and with what it had.
    pub async fn start_again(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        process.child = spawn(&process.output, "database", &mut process.command)?;
        let output = process.output.clone();
        answers(&self.client, self.process.as_mut(), &output).await
    }

    /// Stores documents in extended JSON: an object of collections, each a list.
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
        // The driver's own words may hold a part of a password.
        let mut options = ClientOptions::parse(&uri).await.map_err(|_| {
            "MONGO_URI is malformed: it must look like mongodb+srv://USER:PASSWORD@HOST/, with what is special in the password \
             escaped, as %40 for @"
        })?;
        options.server_selection_timeout = Some(Duration::from_secs(2));
        // A server may close what is idle for minutes.
        options.max_idle_time = Some(Duration::from_mins(1));
        let client = Client::with_options(options)?;
        answers(&client, process.as_mut(), output).await?;
        Ok(Self {
            uri,
            client,
            process,
        })
    }
}

/// Waits for the first answer, or for the process to give up.
async fn answers(client: &Client, process: Option<&mut Process>, output: &Output) -> Result<()> {
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
                    "{error}: see that MONGO_URI names a server that is reached from here, and that lets this address and login in"
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
    /// Data that nobody needs any more is worth no orderly end.
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
            eprintln!("{} is left behind: {error}", folder.display());
        }
    }
}

/// `MONGO_URI`, where the caller has set it.
pub fn callers_uri() -> Option<String> {
    outdial::config::variable("MONGO_URI")
}

fn mongod_is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("mongod").is_file())
}
