//! The services and documents that the functions work with: a database with a user, calls and recordings, and a
//! simulated Twilio.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use outdial::domain::{Call, Recording, RecordingSid, RecordingStatus};
use serde::Serialize;
use stack::Result;
use stack::database::{Database, Storage};
use stack::environment::Credentials;
use stack::output::Output;
use stack::simulator;
use stack::venv::Venv;
use stack::workspace::Workspace;
use testkit::{ACCOUNT_SID, AUTH_TOKEN, Stage, new_call, new_listening_call};
use uuid::Uuid;

use crate::latency_proxy::LatencyProxy;

/// Number of calls of the user. Each has a recording. The embedded database lists calls slowly, so there are only a few.
const CALLS: usize = 120;

/// Variables of the functions, in addition to those of a [`Stage`]. Caps must not affect measurements.
const VARIABLES: [(&str, &str); 6] = [
    ("LOG_LEVEL", "INFO"),
    ("MAX_CALLS_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_NUMBER_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_USER_PER_DAY", "1000000"),
    ("TWILIO_FROM_NUMBER", simulator::NUMBER),
    ("NO_PROXY", "127.0.0.1,localhost"),
];

/// The running services and their documents.
pub struct Fixture {
    pub stage: Stage,
    /// The user's `id`.
    pub user: String,
    pub calls: Vec<Call>,
    /// Calls of other users that listen.
    pub listening: Vec<Call>,
    /// The recordings, one of each call.
    pub recordings: Vec<Recording>,
    users: Vec<Document>,
    pub database: Database,
    /// The output of the functions.
    pub log: PathBuf,
}

impl Fixture {
    /// Starts the services, and stores the documents.
    pub async fn start(workspace: &Workspace, venv: &Venv, folder: &Path) -> Result<Self> {
        let output = Output::file(&folder.join("services.log"))?;
        let log = folder.join("functions.log");
        std::fs::write(&log, "")?;
        let storage = folder.join(format!("database-{}", std::process::id()));
        let database = Database::start(venv, &output, Storage::Throwaway(storage)).await?;
        let account = Credentials {
            account_sid: ACCOUNT_SID.to_owned(),
            auth_token: AUTH_TOKEN.to_owned(),
        };
        let twilio = simulator::start(workspace, &output, &account, simulator::AT_ONCE).await?;
        let stage = stage(&database.uri, &twilio).await;
        let user = stage.user().await;
        let calls: Vec<_> = (0..CALLS)
            .map(|_| Call {
                user_id: user.clone(),
                ..new_call()
            })
            .collect();
        let listening = (0..CALLS).map(|_| new_listening_call()).collect();
        let recordings = calls.iter().map(recording_of).collect::<Result<Vec<_>>>()?;
        let users = stage.database().collection::<Document>("users");
        let users = users.find(doc! {}).await?.try_collect().await?;
        let fixture = Self {
            stage,
            user,
            calls,
            listening,
            recordings,
            users,
            database,
            log,
        };
        fixture.restore(&fixture.stage).await?;
        Ok(fixture)
    }

    /// Creates another database with the same documents.
    pub async fn copy(&self) -> Result<Stage> {
        let copy = self.empty_copy().await;
        self.restore(&copy).await?;
        Ok(copy)
    }

    /// Creates another database without documents.
    pub async fn empty_copy(&self) -> Stage {
        let twilio = self.stage.variable("TWILIO_API_BASE_URL");
        stage(&self.database.uri, twilio.unwrap_or_default()).await
    }

    /// Resets the users, calls and recordings of a database to the fixture's documents.
    pub async fn restore(&self, stage: &Stage) -> Result<()> {
        let database = stage.database();
        replace(database, "users", &self.users).await?;
        let calls = [&self.calls[..], &self.listening].concat();
        replace(database, "calls", &calls).await?;
        replace(database, "recordings", &self.recordings).await
    }

    /// Returns a function's environment variables. With a latency, each round trip to the database takes so much longer.
    pub fn variables(&self, latency: Option<Duration>) -> Result<Vec<(String, String)>> {
        match latency {
            Some(latency) => delayed_variables(&self.stage, latency),
            None => Ok(variables(&self.stage)),
        }
    }

    /// Returns whether this is the embedded database.
    pub fn is_embedded(&self) -> bool {
        self.database.is_ours() && stack::database::choice().starts_with("Secantus")
    }

    /// Returns the name and version of the database.
    pub async fn database_version(&self) -> Result<String> {
        let admin = self.database.client().database("admin");
        let info: Document = admin.run_command(doc! { "buildInfo": 1 }).await?;
        let version = info.get_str("version").unwrap_or("unknown");
        let name = if self.is_embedded() {
            "SecantusDB with the protocol of"
        } else {
            "MongoDB"
        };
        Ok(format!("{name} {version}"))
    }
}

/// Returns the environment variables of a function on this stage.
pub fn variables(stage: &Stage) -> Vec<(String, String)> {
    let variables = stage.variables();
    variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Like [`variables`], with a latency of each round trip to the database.
pub fn delayed_variables(stage: &Stage, latency: Duration) -> Result<Vec<(String, String)>> {
    let uri = stage.variable("MONGO_URI").unwrap_or_default();
    let proxy = LatencyProxy::to(host(uri)?, latency)?;
    let uri = with_host(uri, proxy.address())?;
    Ok(variables(&stage.clone().set("MONGO_URI", &uri)))
}

/// Returns the host and port of a URI.
pub fn host(uri: &str) -> Result<&str> {
    let host = uri.strip_prefix("mongodb://");
    let host = host.and_then(|rest| rest.split(['/', '?']).next());
    let host = host.filter(|host| !host.contains(['@', ',']));
    host.ok_or_else(|| "MONGO_URI must have the form mongodb://HOST:PORT, without a login".into())
}

/// Returns the URI with another host and port.
pub fn with_host(uri: &str, address: SocketAddr) -> Result<String> {
    Ok(uri.replacen(host(uri)?, &address.to_string(), 1))
}

async fn stage(uri: &str, twilio: &str) -> Stage {
    let stage = Stage::at(uri).await.set("TWILIO_API_BASE_URL", twilio);
    VARIABLES
        .iter()
        .fold(stage, |stage, (name, value)| stage.set(name, value))
}

/// Replaces all documents of a collection.
async fn replace<T: Serialize + Send + Sync>(
    database: &mongodb::Database,
    collection: &str,
    documents: &[T],
) -> Result<()> {
    let collection = database.collection::<T>(collection);
    collection.delete_many(doc! {}).await?;
    collection.insert_many(documents).await?;
    Ok(())
}

fn recording_of(call: &Call) -> Result<Recording> {
    let sid: RecordingSid = format!("RE{}", Uuid::new_v4().simple()).parse()?;
    let account = format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}");
    Ok(Recording {
        id: ObjectId::new(),
        call_id: call.id.to_hex(),
        call_uuid: Some(call.call_id),
        recording_url: Some(format!("{account}/Recordings/{sid}")),
        twilio_sid: sid,
        recording_status: "completed".to_owned(),
        status: RecordingStatus::Completed,
        duration_seconds: Some(12),
        channels: Some(1),
        error_code: None,
        started_at: None,
        created_at: DateTime::now(),
        updated_at: Some(DateTime::now()),
    })
}
