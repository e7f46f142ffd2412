//! Whose variables a verb works with: what the functions have, in the environment, in a file, or in a local stack.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use outdial::config::{Settings, trimmed};
use outdial::secret::RefreshPolicy;
use secrecy::{ExposeSecret, SecretString};

use crate::Result;
use crate::dev;
use crate::input;
use crate::workspace::Workspace;

#[derive(Args)]
pub struct Variables {
    /// Take the variables from this file, a JSON object of texts, instead of the environment: as
    /// `aws lambda get-function-configuration --query Environment.Variables` prints it
    #[arg(long = "variables", value_name = "FILE")]
    object: Option<PathBuf>,
    /// Take them from the `cargo xtask dev` that runs on this port (9000)
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "9000",
        conflicts_with_all = ["object", "secret"]
    )]
    local: Option<u16>,
    /// The secret that wins over the variables, by its name or ARN, instead of the one in `SECRET_ID`
    #[arg(long, value_name = "ID")]
    secret: Option<String>,
}

impl Variables {
    /// The settings by them, and by the secret that they name.
    pub async fn settings(&self) -> Result<Settings> {
        let values = of_operator(self.values()?);
        Ok(Settings::with_secret(values, RefreshPolicy::default()).await?)
    }

    /// Where they come from, in words: which stack it is.
    pub fn origin(&self) -> String {
        let file = self.object.as_ref();
        let origin = match (self.local, file) {
            (Some(port), _) => format!("`cargo xtask dev` on port {port}"),
            (None, Some(file)) => file.display().to_string(),
            (None, None) => "the environment's variables".to_owned(),
        };
        let secret = self.values().ok().and_then(|mut values| {
            let id = values.remove("SECRET_ID")?;
            Some(id.expose_secret().to_owned()).filter(|id| !id.is_empty())
        });
        match secret {
            Some(id) => format!("{origin}, with the secret {id}"),
            None => origin,
        }
    }

    /// The variables as they are, without what the secret holds.
    pub fn values(&self) -> Result<HashMap<String, SecretString>> {
        let file = match self.local {
            Some(port) => Some(dev::variables_file(&Workspace::find()?, port)),
            None => self.object.clone(),
        };
        let mut values = match file {
            Some(file) => read(&file, self.local)?,
            None => outdial::config::environment()?,
        };
        if let Some(id) = &self.secret {
            values.insert("SECRET_ID".to_owned(), id.as_str().into());
        }
        Ok(values)
    }
}

/// The variables of a command on a database. A stack's variables have `ENVIRONMENT`; without it the operator has named the
/// database, which may be one without TLS on this machine.
pub fn of_operator(mut values: HashMap<String, SecretString>) -> HashMap<String, SecretString> {
    let environment = values.get("ENVIRONMENT").map(ExposeSecret::expose_secret);
    if environment.is_none_or(|name| trimmed(name).is_empty()) {
        values.insert("ENVIRONMENT".to_owned(), "development".into());
    }
    values
}

fn read(file: &Path, local: Option<u16>) -> Result<HashMap<String, SecretString>> {
    let values = input::json(file, "a JSON object of texts");
    values.map_err(|error| match local {
        Some(port) if !file.exists() => format!(
            "no `cargo xtask dev` runs on port {port}: {} is missing",
            file.display()
        )
        .into(),
        _ => error,
    })
}
