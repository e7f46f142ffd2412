//! `outdial redrive`: dead letters back into the webhook queue.

mod queues;

use std::fmt;

use aws_sdk_sqs::types::Message;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use outdial::webhook::QueuedWebhook;
use serde::Serialize;

use crate::error::Result;
use crate::output::{Format, message};
use crate::variables::{Variables, value};
use queues::{HIDDEN_SECONDS, Queues};

#[derive(Args)]
#[command(after_help = "\
The command prints first which queues it works on. It needs no database and no secret. Without
--from and WEBHOOK_DEAD_LETTERS_URL, it reads the dead-letter queue that the redrive policy of the
webhook queue names.

Examples:
  outdial redrive --from $WEBHOOK_DEAD_LETTERS_URL --to $WEBHOOK_QUEUE_URL --dry-run
  outdial redrive --variables status.json --dry-run
  outdial redrive --variables status.json")]
pub struct Arguments {
    /// URL of the dead-letter queue, the stack's output `WebhookDeadLettersUrl`, instead of `WEBHOOK_DEAD_LETTERS_URL`
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// URL of the webhook queue, the stack's output `WebhookQueueUrl`, instead of `WEBHOOK_QUEUE_URL`
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Show the dead letters and move none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    variables: Variables,
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

/// A dead letter, without anything personal.
#[derive(Serialize)]
struct Letter {
    message_id: Option<String>,
    /// `None` if the message is not a webhook from outdial.
    topic: Option<String>,
    call_id: Option<String>,
    /// When the webhook came in, UTC.
    received_at: Option<String>,
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.message_id.as_deref();
        write!(f, "{}  ", id.unwrap_or("message without an id"))?;
        let Some(topic) = &self.topic else {
            return f.write_str("not a webhook from outdial");
        };
        let call = self.call_id.as_deref().unwrap_or("a call");
        let received = self.received_at.as_deref().unwrap_or_default();
        write!(f, "{topic} of {call}, received {received}")
    }
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
    let to = named(&arguments.to, "WEBHOOK_QUEUE_URL");
    let to = to.ok_or("no queue: pass --to, or set WEBHOOK_QUEUE_URL in the variables")?;
    let from = named(&arguments.from, "WEBHOOK_DEAD_LETTERS_URL");
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
            let letter = letter(message);
            format.note(format_args!("  {letter}"));
            outcome.letters.push(letter);
            if !outcome.dry_run {
                queues.put_back(message).await?;
                outcome.moved += 1;
            }
        }
    }
    Ok(())
}

fn letter(message: &Message) -> Letter {
    let webhook = message.body().map(serde_json::from_str::<QueuedWebhook>);
    let webhook = webhook.and_then(Result::ok);
    let received_at = webhook.as_ref().map(|webhook| {
        let received = DateTime::<Utc>::from_timestamp_millis(webhook.received_at);
        received
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    });
    Letter {
        message_id: message.message_id().map(str::to_owned),
        topic: webhook
            .as_ref()
            .and_then(|webhook| serde_json::to_value(webhook.topic).ok())
            .and_then(|topic| topic.as_str().map(str::to_owned)),
        call_id: webhook.and_then(|webhook| webhook.call_id.map(|id| id.to_string())),
        received_at,
    }
}
