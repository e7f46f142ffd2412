//! What the functions work on: a database with a user, calls and recordings, and a Twilio.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use outdial::domain::{Call, Recording, RecordingSid, RecordingStatus};
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

/// How many calls the user has; each has a recording.
const CALLS: usize = 60;

/// What functions read, beside the variables of a [`Stage`]: no cap is in the way of a measurement.
const VARIABLES: [(&str, &str); 4] = [
    ("LOG_LEVEL", "INFO"),
    ("MAX_CALLS_PER_DAY", "1000000"),
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
        let mut stage = Stage::at(&database.uri)
            .await
            .set("TWILIO_API_BASE_URL", &twilio);
        for (name, value) in VARIABLES {
            stage = stage.set(name, value);
        }
        let user = stage.user().await;
        let calls: Vec<_> = (0..CALLS)
            .map(|_| Call {
                user_id: user.clone(),
                ..new_call()
            })
            .collect();
        let recordings = calls.iter().map(recording_of).collect::<Result<Vec<_>>>()?;
        let documents = stage.database();
        documents
            .collection::<Call>("calls")
            .insert_many(&calls)
            .await?;
        documents
            .collection::<Recording>("recordings")
            .insert_many(&recordings)
            .await?;
        Ok(Self {
            stage,
            user,
            calls,
            recordings,
            database,
            log,
        })
    }

    /// What a function is started with, the database being so far away for each round trip.
    pub async fn variables(&self, latency: Option<Duration>) -> Result<Vec<(String, String)>> {
        let mut stage = self.stage.clone();
        if let Some(latency) = latency {
            let uri = stage.variable("MONGO_URI").unwrap_or_default();
            let host = uri.strip_prefix("mongodb://");
            let host = host.and_then(|rest| rest.split(['/', '?']).next());
            let host = host.filter(|host| !host.contains(['@', ',']));
            let host = host.ok_or("the database must be mongodb://HOST:PORT, without a login")?;
            let line = Line::to(host, latency).await?;
            let uri = uri.replacen(host, &line.address().to_string(), 1);
            stage = stage.set("MONGO_URI", &uri);
        }
        let variables = stage.variables();
        Ok(variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
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
