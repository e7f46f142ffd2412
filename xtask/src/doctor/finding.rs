//! What a check has found, as a line.

use std::fmt;
use std::time::Duration;

/// How long a check may take.
pub const TIME_OUT: Duration = Duration::from_secs(10);

/// What has been checked, and how it is.
#[derive(Clone, Debug)]
pub struct Finding {
    what: String,
    verdict: Result<String, Verdict>,
}

/// Why it is not said to be well.
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

impl Finding {
    pub fn new(what: impl Into<String>, verdict: Result<String, Verdict>) -> Self {
        Self {
            what: what.into(),
            verdict,
        }
    }

    /// The check's verdict, or that it has none in time.
    pub async fn of(
        what: impl Into<String>,
        check: impl Future<Output = Result<String, Verdict>>,
    ) -> Self {
        let verdict = tokio::time::timeout(TIME_OUT, check).await;
        let late = || {
            let why = format!("no answer within {} s", TIME_OUT.as_secs());
            Err(failed(why, "look whether it is reached from this machine"))
        };
        Self::new(what, verdict.unwrap_or_else(|_| late()))
    }

    pub fn has_failed(&self) -> bool {
        matches!(self.verdict, Err(Verdict::Failed { .. }))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match &self.verdict {
            Ok(how) => write!(f, "ok       {what}: {how}"),
            Err(Verdict::Failed { why, advice }) => {
                write!(f, "failed   {what}: {why}\n         → {advice}")
            }
            Err(Verdict::Skipped { why }) => write!(f, "skipped  {what} ({why})"),
        }
    }
}
