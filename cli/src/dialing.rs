//! `outdial dialing`: the kill switch, with which an operator stops all dialling.

mod cancel;

use std::fmt;
use std::process::Command;

use clap::{Args, ValueEnum};
use outdial::dao::DialingSwitch;
use outdial::dao::admin::waiting;
use rustix::process::getuid;
use rustix::system::uname;
use serde::Serialize;

use crate::error::{Error, Result, UsageError};
use crate::output::Format;
use crate::target::{self, Target};
use cancel::Counts;

#[derive(Args)]
#[command(after_help = "\
The command prints first which database it works on. It refuses a database that has neither indexes
nor documents of outdial.

`off` refuses new calls from the next request on; calls in progress continue. With --cancel-queued
it also ends the calls of this database that Twilio has queued or rings, and no others. It keeps
looking until requests that passed the switch just before are over, at least 5 s. A call without a
CallSid ends as soon as Twilio names it. The command lists the calls that it could not end, and
exits with 1: repeat it.

Examples:
  MONGO_URI='mongodb+srv://…' outdial dialing off --reason 'a stolen key'
  outdial dialing off --cancel-queued --variables outbound-calls.json
  outdial dialing on --local --by ada
  outdial dialing status --secret outdial")]
pub struct Arguments {
    #[arg(value_enum)]
    action: Action,
    /// Reason for the change, shown in the logs and by `dialing status`
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Name of the operator, instead of user@host of this machine
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// With off: end the calls that are queued or ringing
    #[arg(long)]
    cancel_queued: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Place calls again
    On,
    /// Refuse new calls from the next request on
    Off,
    /// Show the switch: on or off, since when, by whom and why
    Status,
}

/// The longest texts that fit on a line of a log, in characters.
const REASON_MAX: usize = 500;
const BY_MAX: usize = 200;

/// The switch, and the counts of the canceled calls with --cancel-queued.
#[derive(Serialize)]
struct Outcome {
    on: bool,
    /// When it was switched last, RFC 3339.
    since: Option<String>,
    by: Option<String>,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    canceled: Option<Canceled>,
    #[serde(skip)]
    switch: DialingSwitch,
}

#[derive(Serialize)]
struct Canceled {
    #[serde(flatten)]
    calls: Counts,
    /// Calls that continue, after the cancellation.
    in_progress: u64,
}

impl From<DialingSwitch> for Outcome {
    fn from(switch: DialingSwitch) -> Self {
        Self {
            on: switch.on,
            since: switch.since.and_then(|at| at.try_to_rfc3339_string().ok()),
            by: switch.by.clone(),
            reason: switch.reason.clone(),
            canceled: None,
            switch,
        }
    }
}

/// The switch or, because the switch is printed before the calls end, the canceled calls.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.canceled {
            None => write!(f, "{}", self.switch),
            Some(Canceled { calls, in_progress }) => {
                write!(f, "{calls}\nin progress: {in_progress}")
            }
        }
    }
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    let (reason, by) = arguments.texts()?;
    let settings = arguments.target.settings().await?;
    let dao = target::dao(&settings).await?;
    let by = by.map_or_else(user_at_host, str::to_owned);
    let switch = match arguments.action {
        Action::On => dao.switch_dialing(true, reason, Some(&by)).await?,
        Action::Off => dao.switch_dialing(false, reason, Some(&by)).await?,
        Action::Status => dao.dialing().await?,
    };
    let outcome = Outcome::from(switch);
    if !arguments.cancel_queued {
        return format.print(&outcome);
    }
    // Dialling is off, whatever happens from here on: the operator sees it at once.
    format.note(&outcome);
    let canceled = async {
        let twilio = arguments.target.twilio(&settings).await?;
        let calls = cancel::run(&dao, &twilio).await?;
        let in_progress = waiting::count_in_progress(&dao.database().await?).await?;
        Ok::<_, Error>(Canceled { calls, in_progress })
    };
    let canceled = match canceled.await {
        Ok(canceled) => canceled,
        Err(error) => {
            format.document(&outcome)?;
            return Err(format!(
                "dialling is off, but not all queued or ringing calls were ended: {error}"
            )
            .into());
        }
    };
    let failed = canceled.calls.failed;
    format.print(&Outcome {
        canceled: Some(canceled),
        ..outcome
    })?;
    match failed {
        0 => Ok(()),
        count => Err(format!("calls that could not be ended: {count}; repeat the command").into()),
    }
}

impl Arguments {
    /// Returns the reason and the operator's name, trimmed.
    ///
    /// # Errors
    ///
    /// If an argument is malformed, or doesn't fit the action.
    fn texts(&self) -> Result<(Option<&str>, Option<&str>), UsageError> {
        let reason = one_line("--reason", self.reason.as_deref(), REASON_MAX)?;
        let by = one_line("--by", self.by.as_deref(), BY_MAX)?;
        if self.action == Action::Status && (reason.is_some() || by.is_some()) {
            return Err(UsageError(
                "--reason and --by need `on` or `off`".to_owned(),
            ));
        }
        if self.action != Action::Off && self.cancel_queued {
            return Err(UsageError("--cancel-queued needs `off`".to_owned()));
        }
        Ok((reason, by))
    }
}

/// Trims an operator's text. Blank counts as absent.
fn one_line<'a>(
    option: &str,
    text: Option<&'a str>,
    longest: usize,
) -> Result<Option<&'a str>, UsageError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let breaks = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    if text.chars().count() > longest || text.contains(breaks) {
        let message = format!("{option} must be one line of at most {longest} characters");
        return Err(UsageError(message));
    }
    Ok(Some(text))
}

/// The name of the current user in the system's user database.
fn login_name() -> Option<String> {
    let output = Command::new("id").arg("-un").output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// The current user and machine.
fn user_at_host() -> String {
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .or_else(login_name)
        .unwrap_or_else(|| format!("uid {}", getuid().as_raw()));
    let host = uname().nodename().to_string_lossy().into_owned();
    let name: String = format!("{user}@{host}")
        .chars()
        .filter(|letter| !letter.is_control())
        .take(BY_MAX)
        .collect();
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_text_is_one_line_of_bounded_length() {
        let read = |text| one_line("--by", Some(text), 5).map_err(|error| error.to_string());
        assert_eq!(read(" Zoë "), Ok(Some("Zoë")));
        assert_eq!(read("ééééé"), Ok(Some("ééééé")));
        assert_eq!(read("  "), Ok(None));
        let refused = Err("--by must be one line of at most 5 characters".to_owned());
        for text in ["éééééé", "a\nb", "a\u{1b}b", "a\u{2028}b"] {
            assert_eq!(read(text), refused, "{text:?}");
        }
    }

    #[test]
    fn default_name_can_be_stored() {
        let name = user_at_host();
        assert!(name.contains('@'), "{name}");
        assert_eq!(
            one_line("--by", Some(&name), BY_MAX).ok(),
            Some(Some(&*name))
        );
    }
}
