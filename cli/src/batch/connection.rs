//! The service that the command line chooses, and the API key.

use std::path::PathBuf;

use clap::Args;
use outdial::input;
use secrecy::SecretString;
use url::{Host, Url};

use crate::error::Result;
use crate::variables::{local_stack, value};

/// The variables of the operator's environment.
const URL_VARIABLE: &str = "OUTDIAL_API_URL";
const KEY_VARIABLE: &str = "OUTDIAL_API_KEY";

/// The command line's choice of a service.
#[derive(Args)]
pub struct Connection {
    /// Origin of the API, the stack's output `ApiUrl`, instead of `OUTDIAL_API_URL`
    #[arg(long, value_name = "URL", conflicts_with = "local")]
    api_url: Option<Url>,
    /// Read the API key from this file, instead of `OUTDIAL_API_KEY`
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Use the stack of `cargo xtask dev` on this port (default 9000)
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "9000"
    )]
    local: Option<u16>,
}

impl Connection {
    /// Returns the origin, without a slash at its end.
    pub fn origin(&self) -> Result<String> {
        if let Some(port) = self.local {
            return Ok(format!("http://127.0.0.1:{port}"));
        }
        let url = match &self.api_url {
            Some(url) => url.clone(),
            None => variable(URL_VARIABLE)
                .ok_or(
                    "no API: pass --api-url, or set OUTDIAL_API_URL to the stack's output ApiUrl",
                )?
                .parse()
                .map_err(|_| {
                    format!("{URL_VARIABLE} must be a URL, for example https://api.example.com")
                })?,
        };
        if url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(&url)) {
            return Ok(url.as_str().trim_end_matches('/').to_owned());
        }
        Err("the API's URL must begin with https://, because the requests carry the API key".into())
    }

    /// Reads the key. A local stack's variables have one.
    pub fn key(&self) -> Result<SecretString> {
        let text = match (&self.api_key_file, self.local) {
            (Some(file), _) => input::text(file, "an API key")?,
            (None, Some(port)) => {
                let values = local_stack(port)?;
                let key = value(&values, KEY_VARIABLE).map(str::to_owned);
                key.or_else(|| variable(KEY_VARIABLE)).unwrap_or_default()
            }
            (None, None) => variable(KEY_VARIABLE).unwrap_or_default(),
        };
        let key = text.trim();
        if key.is_empty() {
            return Err("no API key: set OUTDIAL_API_KEY, or pass --api-key-file".into());
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the API key must be one word of visible ASCII characters".into());
        }
        Ok(key.into())
    }

    /// The options that select the same service in another command.
    pub fn options(&self) -> String {
        let mut options = String::new();
        if let Some(port) = self.local {
            options = format!(" --local={port}");
        }
        if let Some(url) = &self.api_url {
            options = format!(" --api-url {}", url.as_str().trim_end_matches('/'));
        }
        if let Some(file) = &self.api_key_file {
            options = format!("{options} --api-key-file {}", file.display());
        }
        options
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
