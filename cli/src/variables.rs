//! The variables of a stack: those of a function, in the environment, in a file, or of a local stack.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use outdial::config::RefreshPolicy;
use outdial::config::{Settings, dev_variables_file, environment, trimmed};
use outdial::input;
use secrecy::{ExposeSecret, SecretString};

use crate::error::Result;

/// Values by the names of the variables.
pub type Values = HashMap<String, SecretString>;

/// The command line's choice of a stack.
#[derive(Args)]
pub struct Variables {
    /// Read the variables from this file, a JSON object of strings, instead of the environment
    ///
    /// `aws lambda get-function-configuration --query Environment.Variables` prints such a file.
    #[arg(long = "variables", value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Use the stack of `cargo xtask dev` on this port (default 9000)
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "9000",
        conflicts_with_all = ["from_file", "secret"]
    )]
    local: Option<u16>,
    /// Name or ARN of the secret whose values override the variables, instead of `SECRET_ID`
    #[arg(long, value_name = "ID")]
    secret: Option<String>,
}

impl Variables {
    /// Returns the settings that the variables and their secret make.
    pub async fn settings(&self) -> Result<Settings> {
        let values = for_operator(self.values()?);
        Ok(Settings::with_secret(values, RefreshPolicy::default()).await?)
    }

    /// Names the source of these values: which stack it is.
    pub fn origin(&self, values: &Values) -> String {
        let origin = match (self.local, &self.from_file) {
            (Some(port), _) => format!("`cargo xtask dev` on port {port}"),
            (None, Some(file)) => file.display().to_string(),
            (None, None) => "the environment's variables".to_owned(),
        };
        match value(values, "SECRET_ID") {
            Some(id) => format!("{origin}, with the secret {id}"),
            None => origin,
        }
    }

    /// Reads the variables, without the values of the secret. The file may be a pipe, which can be read only once.
    pub fn values(&self) -> Result<Values> {
        let mut values = match (self.local, &self.from_file) {
            (Some(port), _) => local_stack(port)?,
            (None, Some(file)) => read(file)?,
            (None, None) => environment()?,
        };
        if let Some(id) = &self.secret {
            values.insert("SECRET_ID".to_owned(), id.as_str().into());
        }
        Ok(values)
    }
}

/// Returns the variable's value without blanks around it, or `None` if it is unset or blank.
pub fn value<'a>(values: &'a Values, name: &str) -> Option<&'a str> {
    let value = trimmed(values.get(name)?.expose_secret());
    (!value.is_empty()).then_some(value)
}

/// Makes variables without `ENVIRONMENT` those of a development stack. A deployed stack always has `ENVIRONMENT`; without it
/// the operator named the database, which may be one on this machine without TLS.
pub fn for_operator(mut values: Values) -> Values {
    if value(&values, "ENVIRONMENT").is_none() {
        values.insert("ENVIRONMENT".to_owned(), "development".into());
    }
    values
}

/// Reads the variables of `cargo xtask dev` on this port.
pub fn local_stack(port: u16) -> Result<Values> {
    let file = dev_variables_file(port)?;
    if !file.exists() {
        let file = file.display();
        return Err(format!("no `cargo xtask dev` runs on port {port}: {file} is missing").into());
    }
    read(&file)
}

fn read(file: &Path) -> Result<Values> {
    input::json(file, "a JSON object of strings")
}
