//! The finding of one check.

use std::fmt;
use std::time::Duration;

use outdial::config::ConfigError;
use serde::{Serialize, Serializer};

/// The time limit of a check.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The name of a check and its result.
#[derive(Clone, Debug)]
pub struct Finding {
    name: String,
    result: Result<String, Verdict>,
}

/// The reason that a check is not ok.
#[derive(Clone, Debug)]
pub enum Verdict {
    Failed { why: String, advice: &'static str },
    Skipped { why: String },
}

pub fn failed(why: impl Into<String>, advice: &'static str) -> Verdict {
    Verdict::Failed {
        why: why.into(),
        advice,
    }
}

pub fn skipped(why: impl Into<String>) -> Verdict {
    Verdict::Skipped { why: why.into() }
}

/// Skips a check whose variables are malformed: the check `variables` reports that.
pub fn required<T>(value: Result<T, ConfigError>) -> Result<T, Verdict> {
    value.map_err(|error| skipped(error.to_string()))
}

impl Finding {
    pub fn new(name: impl Into<String>, result: Result<String, Verdict>) -> Self {
        Self {
            name: name.into(),
            result,
        }
    }

    /// Runs the check. It fails at the time limit.
    pub async fn of(
        name: impl Into<String>,
        check: impl Future<Output = Result<String, Verdict>>,
    ) -> Self {
        let result = tokio::time::timeout(TIMEOUT, check).await;
        let late = || {
            let why = format!("no response within {} s", TIMEOUT.as_secs());
            Err(failed(why, "check that this machine can reach it"))
        };
        Self::new(name, result.unwrap_or_else(|_| late()))
    }

    pub fn has_failed(&self) -> bool {
        matches!(self.result, Err(Verdict::Failed { .. }))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.result {
            Ok(detail) => write!(f, "ok       {name}: {detail}"),
            Err(Verdict::Failed { why, advice }) => {
                write!(f, "failed   {name}: {why}\n         → {advice}")
            }
            Err(Verdict::Skipped { why }) => write!(f, "skipped  {name} ({why})"),
        }
    }
}

/// A finding as JSON.
#[derive(Serialize)]
struct Fields<'a> {
    name: &'a str,
    /// `ok`, `failed` or `skipped`.
    status: &'a str,
    detail: &'a str,
    /// The remedy if the check failed.
    advice: Option<&'a str>,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (status, detail, advice) = match &self.result {
            Ok(detail) => ("ok", detail, None),
            Err(Verdict::Failed { why, advice }) => ("failed", why, Some(*advice)),
            Err(Verdict::Skipped { why }) => ("skipped", why, None),
        };
        let fields = Fields {
            name: &self.name,
            status,
            detail,
            advice,
        };
        fields.serialize(serializer)
    }
}
