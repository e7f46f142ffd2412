//! The stack and the database that an operator's command works on. The command prints both before it does anything, and refuses
//! a database that is not outdial's.

use std::fmt::Write;

use clap::Args;
use mongodb::Database;
use mongodb::options::{ConnectionString, HostInfo};
use outdial::config::{ConfigError, MongoConfig, Settings};
use outdial::dao::Dao;
use outdial::dao::admin::{self, Presence};
use outdial::secret::RefreshPolicy;
use outdial::twilio::TwilioClient;
use secrecy::ExposeSecret;

use crate::Result;
use crate::variables::{Variables, of_operator};

/// The stack of [`Variables`], with a database of it that the command line may name.
#[derive(Args)]
pub struct Target {
    /// The database's connection string, instead of `MONGO_URI` of the variables or of the secret, which is not read then
    #[arg(long, conflicts_with_all = ["object", "local", "secret"])]
    uri: Option<String>,
    /// The database's name, instead of `MONGO_DB` of the variables
    #[arg(long)]
    database: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
}

impl Target {
    /// The settings, after the line that tells which database they name.
    pub async fn settings(&self) -> Result<Settings> {
        let mut values = self.variables.values()?;
        let mut origin = self.variables.origin();
        if let Some(uri) = &self.uri {
            values.insert("MONGO_URI".to_owned(), uri.as_str().into());
            values.remove("SECRET_ID");
            values.remove("ENVIRONMENT");
            "the connection string in --uri".clone_into(&mut origin);
        }
        if let Some(database) = &self.database {
            values.insert("MONGO_DB".to_owned(), database.as_str().into());
        }
        let settings = Settings::with_secret(of_operator(values), RefreshPolicy::default()).await;
        let settings = settings.map_err(|error| {
            format!("{error}; the database's connection string in --uri needs no secret")
        })?;
        announce(&settings.mongo(), &origin);
        Ok(settings)
    }

    /// The client of the stack's Twilio account. With --uri the settings hold no secret, which may have the account.
    pub async fn twilio(&self, settings: &Settings) -> Result<TwilioClient> {
        let config = match self.uri {
            Some(_) => self.variables.settings().await?.twilio()?,
            None => settings.twilio()?,
        };
        Ok(TwilioClient::new(&config)?)
    }
}

/// The settings of that stack, after the line that tells which database they name.
pub async fn settings(variables: &Variables) -> Result<Settings> {
    let settings = variables.settings().await?;
    announce(&settings.mongo(), &variables.origin());
    Ok(settings)
}

/// Prints the database, its servers and the stack to standard error; never a login.
pub fn announce(config: &Result<MongoConfig, ConfigError>, origin: &str) {
    match config {
        Ok(config) => eprintln!(
            "database {} on {}; stack: {origin}",
            config.database,
            servers(config)
        ),
        Err(_) => eprintln!("no database; stack: {origin}"),
    }
}

/// The servers that the connection string names, without its login and options.
fn servers(config: &MongoConfig) -> String {
    match ConnectionString::parse(config.uri.expose_secret()).map(|read| read.host_info) {
        Ok(HostInfo::HostIdentifiers(servers)) => {
            let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
            servers.join(", ")
        }
        Ok(HostInfo::DnsRecord(name)) => name,
        Ok(_) | Err(_) => "servers that cannot be told".to_owned(),
    }
}

/// The stack's database, if it is outdial's.
///
/// # Errors
///
/// When it is not, or is away, or a variable is missing or malformed.
pub async fn dao(settings: &Settings) -> Result<Dao> {
    let dao = Dao::new(&settings.mongo()?)?;
    check(&dao.database().await?).await?;
    Ok(dao)
}

/// Refuses a database that is not outdial's.
pub async fn check(database: &Database) -> Result<()> {
    match admin::presence(database).await? {
        Presence::InUse => Ok(()),
        Presence::IndexesOnly => {
            let name = database.name();
            eprintln!("note: {name} has outdial's indexes, but no users, calls or recordings");
            Ok(())
        }
        Presence::Absent => Err(refusal(database).await.into()),
    }
}

async fn refusal(database: &Database) -> String {
    let name = database.name();
    let mut text =
        format!("{name} is not an outdial database: it has none of outdial's indexes or documents");
    let others = admin::list_others(database, OTHERS).await;
    if !others.is_empty() {
        let _ = write!(
            text,
            "\noutdial databases on this server: {}",
            others.join(", ")
        );
    }
    text.push_str(
        "\nset MONGO_DB (or --database, if the command has it) to the service's database, or pass --local or --variables to use a \
         stack's variables; `cargo xtask indexes --create` makes a new database",
    );
    text
}

/// How many other databases a refusal names at most.
const OTHERS: usize = 10;
