//! `cargo xtask invoke`: invokes one function with one event, under AWS's runtime interface emulator.

mod emulator;
mod recording;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use lambda::{FUNCTIONS, Function};
use mongodb::bson::Document;
use outdial::input;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stack::build::{SIMULATOR, build};
use stack::database::{self, Database, Storage};
use stack::environment::Credentials;
use stack::output::Output;
use stack::prerequisites;
use stack::queues::{self, Queues};
use stack::simulator;
use stack::venv::{self, Venv};
use stack::workspace::Workspace;

use crate::Result;

/// The variables of each function, by its logical id in the template.
type Environments = BTreeMap<String, BTreeMap<String, String>>;

/// The end of a variable's name whose value is the URL of a queue.
const QUEUE_VARIABLE: &str = "_QUEUE_URL";

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask invoke users events/users-create.json")]
pub struct Arguments {
    /// Function: its folder's name (outbound-calls) or its logical id in template.yaml (`OutboundCalls`)
    name: String,
    /// File with the event, such as events/users-create.json
    event: PathBuf,
    /// File with each function's variables
    #[arg(long, value_name = "FILE", default_value = "events/env.json")]
    env: PathBuf,
    /// File with the documents of the database, unless `MONGO_URI` names a database of your own
    #[arg(long, value_name = "FILE", default_value = "events/seed.json")]
    seed: PathBuf,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let (logical_id, name) = both_names(&arguments.name);
    let mut environments: Environments = read(
        &workspace,
        &arguments.env,
        "a JSON object with an object of texts for each function, such as events/env.json",
    )?;
    let mut variables = environments.remove(&logical_id).ok_or_else(|| {
        let known: Vec<_> = environments.keys().map(String::as_str).collect();
        format!(
            "{} has no {logical_id}; it has {}",
            arguments.env.display(),
            known.join(", ")
        )
    })?;
    let mut event: Value = read(
        &workspace,
        &arguments.event,
        "a JSON event, such as events/users-create.json",
    )?;
    let seed: Document = read(
        &workspace,
        &arguments.seed,
        "a JSON object with an array of documents for each collection, such as events/seed.json",
    )?;

    let function = FUNCTIONS.iter().find(|function| function.name == name);
    let function = function.ok_or_else(|| {
        let names: Vec<_> = Function::names().collect();
        format!("no function {name}: the functions are {}", names.join(", "))
    })?;
    build(&workspace, [name.as_str(), SIMULATOR].into_iter()).await?;
    let output = Output::Stderr;
    let database = if variables.contains_key("MONGO_URI") {
        Some(database_for(&workspace, &seed, &variables, &output).await?)
    } else {
        None
    };
    if let Some(database) = &database {
        variables.insert("MONGO_URI".to_owned(), database.uri.clone());
    }
    if variables.contains_key("TWILIO_API_BASE_URL") {
        let url = twilio_for(&workspace, &variables, &mut event, &output).await?;
        variables.insert("TWILIO_API_BASE_URL".to_owned(), url.clone());
        variables.insert("TWILIO_INTELLIGENCE_BASE_URL".to_owned(), url);
    }
    if variables.keys().any(|name| name.ends_with(QUEUE_VARIABLE)) {
        set_queues(&workspace, &mut variables, &output).await?;
    }
    let venv = Venv::ensure(&workspace, venv::EMULATOR).await?;
    let emulator = emulator::start(&workspace, &venv, &output, function, &variables).await?;
    let answer = emulator.invoke(&event).await?;
    println!("{}", answer.text);
    if answer.is_error {
        return Err(format!("{name} failed").into());
    }
    Ok(())
}

/// The caller's database, or a new one with the indexes and the seed.
async fn database_for(
    workspace: &Workspace,
    seed: &Document,
    variables: &BTreeMap<String, String>,
    output: &Output,
) -> Result<Database> {
    if let Some(uri) = database::callers_uri() {
        return Database::at(uri, output).await;
    }
    let venv = Venv::ensure(workspace, venv::DATABASE).await?;
    let storage = workspace
        .target
        .join("invoke")
        .join(format!("database-{}", std::process::id()));
    let database = Database::start(&venv, output, Storage::Throwaway(storage)).await?;
    let name = variables.get("MONGO_DB").map_or("atlas", String::as_str);
    database.make_indexes(name).await?;
    database.load(name, seed).await?;
    Ok(database)
}

/// The caller's Twilio, or a simulator with the function's account. If the event requests a recording, the simulator has one.
async fn twilio_for(
    workspace: &Workspace,
    variables: &BTreeMap<String, String>,
    event: &mut Value,
    output: &Output,
) -> Result<String> {
    if let Some(url) = outdial::config::variable("TWILIO_API_BASE_URL") {
        return Ok(url);
    }
    let variable = |name: &str| variables.get(name).cloned().unwrap_or_default();
    let account = Credentials {
        account_sid: variable("TWILIO_ACCOUNT_SID"),
        auth_token: variable("TWILIO_AUTH_TOKEN"),
    };
    let url = simulator::start(workspace, output, &account, simulator::AT_ONCE).await?;
    let signing_key = variable("MEDIA_SIGNING_KEY");
    if recording::is_requested(event, &signing_key) {
        let sid = recording::play_one(&url, &account).await?;
        recording::request(event, &sid, &signing_key);
    }
    Ok(url)
}

/// Starts a local SQS, and names its queues in the function's variables in place of theirs.
async fn set_queues(
    workspace: &Workspace,
    variables: &mut BTreeMap<String, String>,
    output: &Output,
) -> Result<()> {
    let venv = Venv::ensure(workspace, venv::AWS).await?;
    let queues = Queues::start(&venv, output, queues::Options::default()).await?;
    for (name, value) in queues.variables() {
        if !name.ends_with(QUEUE_VARIABLE) || variables.contains_key(name) {
            variables.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// Reads a JSON file. A relative path that does not exist is relative to the workspace's root.
fn read<T: DeserializeOwned>(workspace: &Workspace, path: &Path, expected: &str) -> Result<T> {
    let below_root = workspace.root.join(path);
    if !path.exists() && below_root.exists() {
        return input::json(&below_root, expected);
    }
    input::json(path, expected)
}

/// The logical id and the folder of a function, from either of them: `OutboundCalls` and `outbound-calls`.
fn both_names(name: &str) -> (String, String) {
    let mut logical_id = String::new();
    let mut folder = String::new();
    for character in name.chars() {
        let starts_word = folder.is_empty() || folder.ends_with('-');
        if character == '-' {
            folder.push('-');
        } else if starts_word || character.is_uppercase() {
            if !starts_word {
                folder.push('-');
            }
            logical_id.extend(character.to_uppercase());
            folder.extend(character.to_lowercase());
        } else {
            logical_id.push(character);
            folder.push(character);
        }
    }
    (logical_id, folder)
}

#[cfg(test)]
mod tests {
    use super::both_names;

    #[test]
    fn folder_and_logical_id_name_the_same_function() {
        for name in ["outbound-calls", "OutboundCalls"] {
            assert_eq!(
                both_names(name),
                ("OutboundCalls".to_owned(), "outbound-calls".to_owned())
            );
        }
        assert_eq!(
            both_names("users"),
            ("Users".to_owned(), "users".to_owned())
        );
    }
}
