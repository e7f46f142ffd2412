//! The stack and database that a command works on. The command prints both before it does anything, and refuses a database
//! that is not outdial's.

use std::fmt::Write;

use clap::Args;
use mongodb::Database;
use mongodb::options::{ConnectionString, HostInfo};
use outdial::config::RefreshPolicy;
use outdial::config::{ConfigError, MongoConfig, Settings};
use outdial::dao::Dao;
use outdial::dao::admin::{self, Presence};
use outdial::twilio::TwilioClient;
use secrecy::ExposeSecret;

use crate::error::Result;
use crate::http;
use crate::output::message;
use crate::variables::{Variables, for_operator};

/// The largest number of other databases in a refusal.
const OTHERS_MAX: usize = 10;

/// The stack of [`Variables`], whose database the command line may override.
#[derive(Args)]
pub struct Target {
    /// Connection string of the database, instead of `MONGO_URI`; no secret is read then
    #[arg(long, conflicts_with_all = ["from_file", "local", "secret"])]
    uri: Option<String>,
    /// Name of the database, instead of `MONGO_DB`
    #[arg(long)]
    database: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
}

impl Target {
    /// Returns the settings after printing which database they name.
    pub async fn settings(&self) -> Result<Settings> {
        let mut values = self.variables.values()?;
        let mut origin = self.variables.origin(&values);
        if let Some(uri) = &self.uri {
            values.insert("MONGO_URI".to_owned(), uri.as_str().into());
            values.remove("SECRET_ID");
            values.remove("ENVIRONMENT");
            "the connection string in --uri".clone_into(&mut origin);
        }
        if let Some(database) = &self.database {
            values.insert("MONGO_DB".to_owned(), database.as_str().into());
        }
        let settings = Settings::with_secret(for_operator(values), RefreshPolicy::default()).await;
        let settings = settings.map_err(|error| {
            format!("{error}; to work without a secret, pass the database's connection string with --uri")
        })?;
        announce(&settings.mongo(), &origin);
        Ok(settings)
    }

    /// Returns a client of the stack's Twilio account. With --uri, the settings were made without the secret, which may hold
    /// the account.
    pub async fn twilio(&self, settings: &Settings) -> Result<TwilioClient> {
        let config = match self.uri {
            Some(_) => self.variables.settings().await?.twilio()?,
            None => settings.twilio()?,
        };
        http::twilio(&config)
    }
}

/// Returns the settings of the stack after printing which database they name.
pub async fn settings(variables: &Variables) -> Result<Settings> {
    let values = variables.values()?;
    let origin = variables.origin(&values);
    let settings = Settings::with_secret(for_operator(values), RefreshPolicy::default()).await?;
    announce(&settings.mongo(), &origin);
    Ok(settings)
}

/// Prints the database, its servers and the stack to standard error, but no login.
pub fn announce(config: &Result<MongoConfig, ConfigError>, origin: &str) {
    match config {
        Ok(config) => message(format_args!(
            "database {} on {}; stack: {origin}",
            config.database,
            servers(config)
        )),
        Err(_) => message(format_args!("no database; stack: {origin}")),
    }
}

/// The servers in the connection string, without its login and options.
fn servers(config: &MongoConfig) -> String {
    match ConnectionString::parse(config.uri.expose_secret()).map(|read| read.host_info) {
        Ok(HostInfo::HostIdentifiers(servers)) => {
            let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
            servers.join(", ")
        }
        Ok(HostInfo::DnsRecord(name)) => name,
        Ok(_) | Err(_) => "unknown servers".to_owned(),
    }
}

/// Connects to the stack's database, whatever it holds.
///
/// # Errors
///
/// If a variable is missing or malformed, or the database doesn't answer.
pub async fn connect(settings: &Settings) -> Result<Dao> {
    let dao = Dao::new(&settings.mongo()?)?;
    dao.ping().await.map_err(|error| {
        format!(
            "{error}; check that MONGO_URI names a server that this machine can reach, and that the server accepts this address and \
             login"
        )
    })?;
    Ok(dao)
}

/// Connects to the stack's database.
///
/// # Errors
///
/// Those of [`connect`], and if the database is not outdial's.
pub async fn dao(settings: &Settings) -> Result<Dao> {
    let dao = connect(settings).await?;
    check(&dao.database().await?).await?;
    Ok(dao)
}

/// Like [`dao`], but returns the driver's handle.
pub async fn database(settings: &Settings) -> Result<Database> {
    Ok(dao(settings).await?.database().await?)
}

/// Refuses a database that is not outdial's.
pub async fn check(database: &Database) -> Result<()> {
    match admin::presence(database).await? {
        Presence::InUse => Ok(()),
        Presence::IndexesOnly => {
            let name = database.name();
            message(format_args!(
                "note: {name} has outdial's indexes, but no users, calls or recordings"
            ));
            Ok(())
        }
        Presence::Absent => Err(refusal(database).await.into()),
    }
}

async fn refusal(database: &Database) -> String {
    let name = database.name();
    let mut text =
        format!("{name} is not an outdial database: it has none of outdial's indexes or documents");
    let others = admin::list_others(database, OTHERS_MAX).await;
    if !others.is_empty() {
        let _ = write!(
            text,
            "\noutdial databases on this server: {}",
            others.join(", ")
        );
    }
    text.push_str(
        "\nset MONGO_DB (or --database, if the command has it) to the service's database, or pass --local or --variables to use a \
         stack's variables; `outdial indexes --create` prepares a new database",
    );
    text
}
