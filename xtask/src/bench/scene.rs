//! What the functions work on: a database with a user, calls and recordings, and a Twilio.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use outdial::domain::{Call, Recording, RecordingSid, RecordingStatus};
use serde::Serialize;
use testkit::{ACCOUNT_SID, AUTH_TOKEN, Stage, new_call};
use uuid::Uuid;

use super::line::Line;
use crate::Result;
use crate::output::Output;
use crate::stack::database::{Database, Storage};
use crate::stack::environment::Credentials;
use crate::stack::simulator;
use crate::venv::Venv;
use crate::workspace::Workspace;

/// How many calls the user has; each has a recording. The embedded database lists slowly: no more than are needed.
const CALLS: usize = 120;

/// What functions read, beside the variables of a [`Stage`]: no cap is in the way of a measurement.
const VARIABLES: [(&str, &str); 5] = [
    ("LOG_LEVEL", "INFO"),
    ("MAX_CALLS_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_NUMBER_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_USER_PER_DAY", "1000000"),
    ("NO_PROXY", "127.0.0.1,localhost"),
];

/// A running scene.
pub struct Scene {
    pub stage: Stage,
    /// The user's `id`.
    pub user: String,
    pub calls: Vec<Call>,
    /// One of each call.
    pub recordings: Vec<Recording>,
    users: Vec<Document>,
    pub database: Database,
    /// What the functions print.
    pub log: PathBuf,
}

impl Scene {
    /// Starts everything.
    pub async fn set(workspace: &Workspace, venv: &Venv, folder: &Path) -> Result<Self> {
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
        let recordings = calls.iter().map(recording_of).collect::<Result<Vec<_>>>()?;
        let users = stage.database().collection::<Document>("users");
        let users = users.find(doc! {}).await?.try_collect().await?;
        let scene = Self {
            stage,
            user,
            calls,
            recordings,
            users,
            database,
            log,
        };
        scene.restore(&scene.stage).await?;
        Ok(scene)
    }

    /// A stage like this one at its outset: another database, with the same documents.
    pub async fn twin(&self) -> Result<Stage> {
        let twin = self.empty_twin().await;
        self.restore(&twin).await?;
        Ok(twin)
    }

    /// Another database, without documents.
    pub async fn empty_twin(&self) -> Stage {
        let twilio = self.stage.variable("TWILIO_API_BASE_URL");
        stage(&self.database.uri, twilio.unwrap_or_default()).await
    }

    /// Makes the users, calls and recordings of a stage what they were at the outset.
    pub async fn restore(&self, stage: &Stage) -> Result<()> {
        let database = stage.database();
        fill(database, "users", &self.users).await?;
        fill(database, "calls", &self.calls).await?;
        fill(database, "recordings", &self.recordings).await
    }

    /// What a function is started with, the database being so far away for each round trip.
    pub fn variables(&self, latency: Option<Duration>) -> Result<Vec<(String, String)>> {
        let Some(latency) = latency else {
            return Ok(variables(&self.stage));
        };
        let uri = self.stage.variable("MONGO_URI").unwrap_or_default();
        let line = Line::to(host(uri)?, latency)?;
        let uri = through(uri, line.address())?;
        Ok(variables(&self.stage.clone().set("MONGO_URI", &uri)))
    }

    /// Whether the database is the one for machines without another.
    pub fn is_embedded(&self) -> bool {
        self.database.is_ours() && crate::stack::database::choice().starts_with("Secantus")
    }

    /// What the database calls itself.
    pub async fn database_in_words(&self) -> Result<String> {
        let admin = self.database.client().database("admin");
        let info: Document = admin.run_command(doc! { "buildInfo": 1 }).await?;
        let version = info.get_str("version").unwrap_or("unknown");
        let name = if self.is_embedded() {
            "SecantusDB, which speaks the protocol of"
        } else {
            "MongoDB"
        };
        Ok(format!("{name} {version}"))
    }
}

/// What a function of that stage is started with.
pub fn variables(stage: &Stage) -> Vec<(String, String)> {
    let variables = stage.variables();
    variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The host and port of a URI.
pub fn host(uri: &str) -> Result<&str> {
    let host = uri.strip_prefix("mongodb://");
    let host = host.and_then(|rest| rest.split(['/', '?']).next());
    let host = host.filter(|host| !host.contains(['@', ',']));
    host.ok_or_else(|| "the database must be mongodb://HOST:PORT, without a login".into())
}

/// The URI with another host and port.
pub fn through(uri: &str, address: SocketAddr) -> Result<String> {
    Ok(uri.replacen(host(uri)?, &address.to_string(), 1))
}

async fn stage(uri: &str, twilio: &str) -> Stage {
    let stage = Stage::at(uri).await.set("TWILIO_API_BASE_URL", twilio);
    VARIABLES
        .iter()
        .fold(stage, |stage, (name, value)| stage.set(name, value))
}

/// Makes these the collection's only documents.
async fn fill<T: Serialize + Send + Sync>(
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
