//! `cargo xtask dialing`: the kill switch, by which an operator stops all dialling.

mod cancel;

use std::process::Command;

use clap::{Args, ValueEnum};
use outdial::dao::Dao;
use rustix::process::getuid;
use rustix::system::uname;

use crate::Result;
use crate::target::{self, Target};
use cancel::Tally;

#[derive(Args)]
#[command(after_help = "\
It says first which database it works on, and refuses one that has neither indexes nor documents of outdial's.

`off` refuses new calls from the next request on. With --cancel-queued it also ends what Twilio has queued or is ringing, of the calls in
this database and no others: it looks until requests that passed the switch just before have come to their end, 5 s at least. A call
without a CallSid is ended as soon as Twilio names it. Calls in progress go on. What cannot be ended is listed, and the command ends
with 1: run it again.

Examples:
  MONGO_URI='mongodb+srv://…' cargo xtask dialing off --reason 'a stolen key'
  cargo xtask dialing off --cancel-queued --variables outbound-calls.json
  cargo xtask dialing on --local --by ada
  cargo xtask dialing status --secret outdial")]
pub struct Arguments {
    #[arg(value_enum)]
    action: Action,
    /// Why, for the logs and whoever asks for the status
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who does it, instead of user@host of this machine
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
    /// Calls are placed again
    On,
    /// New calls are refused from the next request on; calls under way go on
    Off,
    /// Shows how the switch stands, since when, who switched it and why
    Status,
}

/// What fits on a line of a log.
const REASON_MAX: usize = 500;
const BY_MAX: usize = 200;

pub async fn run(arguments: Arguments) -> Result<()> {
    let reason = one_line("reason", arguments.reason.as_deref(), REASON_MAX)?;
    let by = one_line("name", arguments.by.as_deref(), BY_MAX)?;
    if arguments.action == Action::Status && (reason.is_some() || by.is_some()) {
        return Err("a reason and a name go with on or off".into());
    }
    if arguments.action != Action::Off && arguments.cancel_queued {
        return Err("--cancel-queued goes with off".into());
    }
    let settings = arguments.target.settings().await?;
    let dao = target::dao(&settings).await?;
    let by = by.map_or_else(user_at_host, str::to_owned);
    let switch = match arguments.action {
        Action::On => dao.switch_dialing(true, reason, Some(&by)).await?,
        Action::Off => dao.switch_dialing(false, reason, Some(&by)).await?,
        Action::Status => dao.dialing().await?,
    };
    println!("{switch}");
    if arguments.cancel_queued {
        // Off comes first: whatever is wrong with the rest, no more calls are placed.
        let ended = match arguments.target.twilio(&settings).await {
            Ok(twilio) => cancel::run(&dao, &twilio).await,
            Err(error) => Err(error),
        };
        let tally = ended.map_err(|error| {
            format!(
                "dialling is off, but not all calls that are queued or ringing were ended: {error}"
            )
        })?;
        return report(&dao, &tally).await;
    }
    Ok(())
}

/// Prints what became of the calls, and fails if some could not be ended.
async fn report(dao: &Dao, tally: &Tally) -> Result<()> {
    println!("{tally}");
    println!(
        "in progress, and go on: {}",
        cancel::count_in_progress(dao).await?
    );
    match tally.failed() {
        0 => Ok(()),
        count => Err(format!("calls that could not be ended: {count}; run this again").into()),
    }
}

/// A text of an operator's, if there is one, without blanks around it.
fn one_line<'a>(what: &str, text: Option<&'a str>, longest: usize) -> Result<Option<&'a str>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let breaks = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    if text.chars().count() > longest || text.contains(breaks) {
        return Err(format!("a {what} has at most {longest} characters, on one line").into());
    }
    Ok(Some(text))
}

/// The name of the user who runs this, as the system's user database has it.
fn login_name() -> Option<String> {
    let output = Command::new("id").arg("-un").output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// The user and the machine that run this.
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
    fn a_text_of_an_operators_is_one_line_of_a_bounded_length() {
        let read = |text| one_line("name", Some(text), 5).map_err(|error| error.to_string());
        assert_eq!(read(" Zoë "), Ok(Some("Zoë")));
        assert_eq!(read("ééééé"), Ok(Some("ééééé")));
        assert_eq!(read("  "), Ok(None));
        let refused = Err("a name has at most 5 characters, on one line".to_owned());
        for text in ["éééééé", "a\nb", "a\u{1b}b", "a\u{2028}b"] {
            assert_eq!(read(text), refused, "{text:?}");
        }
    }

    #[test]
    fn whoever_runs_this_has_a_name_that_may_be_stored() {
        let name = user_at_host();
        assert!(name.contains('@'), "{name}");
        assert_eq!(
            one_line("name", Some(&name), BY_MAX).ok(),
            Some(Some(&*name))
        );
    }
}
