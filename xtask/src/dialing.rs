//! `cargo xtask dialing`: the switch by which an operator stops all dialling.

use clap::{Args, ValueEnum};
use outdial::config::Settings;
use outdial::dao::Dao;

use crate::Result;

#[derive(Args)]
#[command(after_help = "Examples:\n\
    \x20 MONGO_URI='mongodb+srv://…' cargo xtask dialing off --reason 'a stolen key'\n\
    \x20 MONGO_URI='mongodb+srv://…' cargo xtask dialing status")]
pub struct Arguments {
    #[arg(value_enum)]
    action: Action,
    /// Why, for the logs and whoever asks for the status
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The database's connection string
    #[arg(long, env = "MONGO_URI", hide_env_values = true)]
    uri: String,
    /// The database's name
    #[arg(long, env = "MONGO_DB", default_value = "atlas")]
    database: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    /// Calls are placed again
    On,
    /// New calls are refused from the next request on; calls under way go on
    Off,
    /// Shows how the switch stands, since when and why
    Status,
}

/// What fits on a line of a log.
const REASON_MAX: usize = 500;

pub async fn run(arguments: Arguments) -> Result<()> {
    let reason = arguments.reason.as_deref().map(str::trim);
    let is_readable =
        |text: &str| text.chars().count() <= REASON_MAX && !text.contains(char::is_control);
    if !reason.is_none_or(is_readable) {
        return Err(format!("a reason has at most {REASON_MAX} characters, on one line").into());
    }
    let settings = Settings::from_pairs([
        ("MONGO_URI", &arguments.uri),
        ("MONGO_DB", &arguments.database),
    ])?;
    let dao = Dao::new(&settings.mongo()?)?;
    let switch = match arguments.action {
        Action::On => dao.switch_dialing(true, reason).await?,
        Action::Off => dao.switch_dialing(false, reason).await?,
        Action::Status if reason.is_some() => {
            return Err("a reason goes with on or off".into());
        }
        Action::Status => dao.dialing().await?,
    };
    println!("{switch}");
    Ok(())
}
