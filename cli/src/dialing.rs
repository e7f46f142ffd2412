//! `outdial dialing`: the kill switch, with which an operator stops all dialling, and the dial queue.

mod cancel;
mod operator;
mod queue;

use std::fmt;

use clap::{Args, ValueEnum};
use outdial::dao::admin::{queue as dial_queue, waiting};
use outdial::dao::{DaoError, DialingSwitch};
use serde::Serialize;

use crate::error::{Error, Result, UsageError};
use crate::output::Format;
use crate::target::{self, Target};
use cancel::Counts;
use operator::{BY_MAX, REASON_MAX, one_line, user_at_host};
use queue::Queue;

#[derive(Args)]
#[command(after_help = "\
The command prints first which database it works on. It refuses a database that has neither indexes
nor documents of outdial.

`off` refuses new calls from the next request on; calls in progress continue. Scheduled calls and
batches wait until `on`: `off` ends the leases under which some are about to be dialled, and those that
expire meanwhile are not dialled. With --cancel-queued it also ends the calls of this database that Twilio has queued or rings, and no others. It keeps
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
    /// Show the switch (on or off, since when, by whom and why) and the dial queue
    Status,
}

/// The switch, and the counts of the canceled calls with --cancel-queued.
#[derive(Serialize)]
struct Outcome {
    on: bool,
    /// When it was switched last, RFC 3339.
    since: Option<String>,
    by: Option<String>,
    reason: Option<String>,
    /// The dial queue, with `status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Queue>,
    /// Number of waiting calls that were about to be dialled, with `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    leases_ended: Option<u64>,
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
            queue: None,
            leases_ended: None,
            canceled: None,
            switch,
        }
    }
}

/// The switch or, because the switch is printed before the calls end, the canceled calls.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.canceled {
            None => {
                write!(f, "{}", self.switch)?;
                if let Some(ended) = self.leases_ended.filter(|ended| *ended > 0) {
                    write!(
                        f,
                        "\nwaiting calls that were about to be dialled: {ended}; they wait again"
                    )?;
                }
                match &self.queue {
                    Some(queue) => write!(f, "\n{queue}"),
                    None => Ok(()),
                }
            }
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
    let mut outcome = Outcome::from(switch);
    let mut failure = None;
    match arguments.action {
        Action::On => {}
        // `dial` reads the switch too, so nothing is dialled if this fails.
        Action::Off => match dial_queue::end_leases(&dao.database().await?).await {
            Ok(ended) => outcome.leases_ended = Some(ended),
            Err(error) => failure = Some(error),
        },
        Action::Status => {
            outcome.queue = Some(Queue::read(&dao.database().await?, &settings).await?);
        }
    }
    if !arguments.cancel_queued {
        format.print(&outcome)?;
        return match failure {
            Some(error) => Err(leases_remain(&error)),
            None => Ok(()),
        };
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
    match (failed, failure) {
        (0, None) => Ok(()),
        (0, Some(error)) => Err(leases_remain(&error)),
        (count, _) => {
            Err(format!("calls that could not be ended: {count}; repeat the command").into())
        }
    }
}

fn leases_remain(error: &DaoError) -> Error {
    let advice = "they end by themselves within a minute";
    format!("dialling is off, but the leases of waiting calls were not ended: {error}; {advice}")
        .into()
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
