//! `outdial redrive`: dead letters back into the webhook queue or the effects queue. Never into the dial queue.

mod letter;
mod queues;

use std::fmt;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::error::{Result, UsageError};
use crate::output::{Format, message};
use crate::variables::{Variables, value};
use letter::Letter;
use queues::{HIDDEN_SECONDS, Queues};

#[derive(Args)]
#[command(after_help = "\
The command prints first which queues it works on. It needs no database and no secret. Without
--from and WEBHOOK_DEAD_LETTERS_URL, it reads the dead-letter queue that the redrive policy of the
queue names.

Dead letters of the dial queue are never moved. Each names a call and the lease under which it was to
be dialled. The lease has ended, so the letter would dial nothing, and dispatch has claimed the call
again. `--queue dial --dry-run` shows them.

Examples:
  outdial redrive --from $WEBHOOK_DEAD_LETTERS_URL --to $WEBHOOK_QUEUE_URL --dry-run
  outdial redrive --variables status.json --dry-run
  outdial redrive --variables status.json
  outdial redrive --queue effects --variables status.json")]
pub struct Arguments {
    /// The queue whose dead letters are moved
    #[arg(long, value_enum, value_name = "NAME", default_value_t)]
    queue: QueueName,
    /// URL of the dead-letter queue, the stack's output `WebhookDeadLettersUrl` or `EffectsDeadLettersUrl`, instead of
    /// `WEBHOOK_DEAD_LETTERS_URL`
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// URL of the queue, the stack's output `WebhookQueueUrl` or `EffectsQueueUrl`, instead of `WEBHOOK_QUEUE_URL` or
    /// `EFFECTS_QUEUE_URL`
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Show the dead letters and move none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    variables: Variables,
}

/// A queue that has dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum QueueName {
    /// Webhooks that the database could not store
    #[default]
    Webhooks,
    /// Ended calls whose effects are open, such as a next attempt
    Effects,
    /// Calls to dial: only with --dry-run, because their dead letters are never moved
    Dial,
}

/// Why dead letters of the dial queue stay.
const NEVER_DIALS: &str = "dead letters of the dial queue are never moved: their leases have ended, so they would dial nothing, and \
                           dispatch has claimed the calls again";

impl QueueName {
    /// The variables with the URLs of the queue and of its dead letters.
    fn variables(self) -> (&'static str, &'static str) {
        match self {
            Self::Webhooks => ("WEBHOOK_QUEUE_URL", "WEBHOOK_DEAD_LETTERS_URL"),
            Self::Effects => ("EFFECTS_QUEUE_URL", "EFFECTS_DEAD_LETTERS_URL"),
            Self::Dial => ("DIAL_QUEUE_URL", "DIAL_DEAD_LETTERS_URL"),
        }
    }
}

/// The letters found and moved.
#[derive(Serialize)]
struct Outcome {
    dry_run: bool,
    /// Dead letters at the start, as SQS estimates.
    dead_letters: u64,
    letters: Vec<Letter>,
    moved: usize,
    /// Dead letters at the end, as SQS estimates; `None` in a dry run and after a failure.
    left: Option<u64>,
}

/// The last line of the text; the lines before it are printed while the letters move.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            return write!(
                f,
                "nothing was moved; SQS hides the letters shown for {HIDDEN_SECONDS} s"
            );
        }
        write!(f, "{} moved back into the queue", self.moved)?;
        match self.left {
            Some(left) => write!(f, ", {left} left"),
            None => Ok(()),
        }
    }
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    let values = arguments.variables.values()?;
    let named = |argument: &Option<String>, variable: &str| {
        let url = argument.as_deref().or_else(|| value(&values, variable));
        url.map(str::to_owned)
    };
    let (queue, dead_letters) = arguments.queue.variables();
    let to = named(&arguments.to, queue);
    let to = to.ok_or_else(|| format!("no queue: pass --to, or set {queue} in the variables"))?;
    let is_dial =
        arguments.queue == QueueName::Dial || value(&values, "DIAL_QUEUE_URL") == Some(&to);
    if is_dial && !arguments.dry_run {
        return Err(UsageError(NEVER_DIALS.to_owned()).into());
    }
    let from = named(&arguments.from, dead_letters);
    let queues = Queues::find(&values, from, to).await?;
    let origin = arguments.variables.origin(&values);
    message(format_args!(
        "queue {}, dead letters {}; stack: {origin}",
        queues.to, queues.from
    ));
    let mut outcome = Outcome {
        dry_run: arguments.dry_run,
        dead_letters: queues.count_dead_letters().await?,
        letters: Vec::new(),
        moved: 0,
        left: None,
    };
    format.note(format_args!("{} dead letters", outcome.dead_letters));
    let failure = move_letters(&queues, &mut outcome, format).await.err();
    if !outcome.dry_run && failure.is_none() {
        outcome.left = Some(queues.count_dead_letters().await?);
    }
    format.print(&outcome)?;
    failure.map_or(Ok(()), Err)
}

/// Reads as many letters as were there at the start, and moves them unless this is a dry run.
async fn move_letters(queues: &Queues, outcome: &mut Outcome, format: Format) -> Result<()> {
    let count = usize::try_from(outcome.dead_letters)?;
    while outcome.letters.len() < count {
        let messages = queues.receive().await?;
        if messages.is_empty() {
            break;
        }
        for message in &messages {
            let letter = Letter::of(message);
            format.note(format_args!("  {letter}"));
            if letter.is_dial && !outcome.dry_run {
                return Err(NEVER_DIALS.into());
            }
            outcome.letters.push(letter);
            if !outcome.dry_run {
                queues.put_back(message).await?;
                outcome.moved += 1;
            }
        }
    }
    Ok(())
}
