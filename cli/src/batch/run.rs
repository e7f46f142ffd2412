//! `outdial batch run`: creates a batch from a file, starts it and follows it. A repeated run continues the same batch.

mod options;
mod recipients;
mod upload;
mod user;
mod words;

use std::fmt;

use clap::Args;
use reqwest::Method;
use ring::digest::{Context, SHA256};
use serde::Serialize;
use serde_json::Value;

use super::api::Api;
use super::connection::Connection;
use super::follow::{self, Farewell};
use super::read::Batch;
use super::refusal::advised;
use super::summary::Summary;
use crate::error::Result;
use crate::output::Format;
use crate::prompt;
use options::Options;
use recipients::Recipients;
use words::Words;

#[derive(Args)]
#[command(after_help = "\
CSV: the header names to_number and, optionally, external_id, time_zone and metadata.KEY. Every other
column is a variable of the script or the steps. The command checks the whole file before it stores anything, and
names each fault by its line. Then the service checks each number by the calling rules. If it refuses
one, the command cancels the batch, and nothing is dialled.

Without --user, the calls are for the service's only user. To find it, the key needs the scope users:read.

A run that was interrupted can be repeated with the same arguments: the name and the file identify the
batch. So nobody is called twice. To call the same file again later, pass another --name.

Ctrl-C ends the command, and the batch goes on. With --output json, the command writes JSON lines:
`created`, `started`, `progress` and `ended`.

Examples:
  outdial batch run people.csv --user 65f0a1b2c3d4e5f601234567 --script-file script.txt --dry-run
  outdial batch run people.csv --user 65f0a1b2c3d4e5f601234567 --script-file script.txt --at 2026-12-01T09:00-05:00 --per-second 5 --retry 3 --retry-delays 300,3600
  outdial batch run people.csv --user 65f0a1b2c3d4e5f601234567 --steps-file steps.json --message-file message.txt")]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Check the file and show the first recipient's script, but send nothing
    #[arg(long)]
    dry_run: bool,
    /// Start the batch without a question
    #[arg(long)]
    yes: bool,
    /// Start the batch and end, without following it
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    connection: Connection,
}

/// The result of a dry run.
#[derive(Serialize)]
struct Checked {
    dry_run: bool,
    recipients: usize,
    /// Rows that repeat another one.
    duplicates: usize,
    /// The script of the first recipient, or the words of its steps.
    first_script: String,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            recipients,
            duplicates,
            first_script,
            ..
        } = self;
        write!(
            f,
            "{recipients} recipients, {duplicates} repeated rows; the first script:\n{first_script}"
        )
    }
}

/// A line of the JSON output.
#[derive(Serialize)]
struct Line {
    event: &'static str,
    batch_id: String,
    status: String,
    recipients: usize,
    /// True if an earlier run created the batch.
    continued: bool,
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    let Arguments {
        options,
        connection,
        ..
    } = &arguments;
    let words = Words::read(&options.words)?;
    let recipients = Recipients::read(&options.file, &words.template)?;
    let name = options.name()?;
    if arguments.dry_run {
        return format.print(&Checked {
            dry_run: true,
            recipients: recipients.rows.len(),
            duplicates: recipients.duplicates,
            first_script: recipients.first_script,
        });
    }
    let api = Api::open(connection)?;
    let user = user::choose(&api, options.user.as_deref()).await?;
    if !arguments.yes {
        let question = format!(
            "Call {} recipients, {}?",
            recipients.rows.len(),
            options.time()
        );
        if !prompt::confirms(&question)? {
            return Err("nothing was sent".into());
        }
    }
    let body = options.body(&name, &user, &words);
    let key = idempotency_key(&name, &recipients.digest);
    let (batch, is_repeat) = create(&api, &body, &key).await?;
    let mut farewell = Farewell::new(&batch.id, connection.options());
    let line = |event, batch: &Batch| Line {
        event,
        batch_id: batch.id.clone(),
        status: batch.status.clone(),
        recipients: recipients.rows.len(),
        continued: is_repeat,
    };
    announce(format, &line("created", &batch))?;
    let batch = match batch.status.as_str() {
        "draft" => {
            upload::all(&api, &batch.id, &recipients, &mut farewell).await?;
            let started = start(&api, &batch.id, &mut farewell).await?;
            announce(format, &line("started", &started))?;
            started
        }
        "canceling" | "canceled" => {
            farewell.disarm();
            return Err(format!(
                "an earlier run of this file created batch {}, which was canceled: to call the file, pass another --name",
                batch.id
            )
            .into());
        }
        _ => batch,
    };
    farewell.started();
    if arguments.detach {
        return Ok(());
    }
    let batch = if batch.has_ended() {
        batch
    } else {
        follow::to_the_end(&api, &batch, format).await?
    };
    farewell.disarm();
    let summary = Summary::read(&api, &batch).await?;
    follow::print_summary(format, &summary)?;
    match batch.status.as_str() {
        "canceled" => Err("the batch was canceled".into()),
        _ => Ok(()),
    }
}

async fn start(api: &Api, batch_id: &str, farewell: &mut Farewell) -> Result<Batch> {
    let path = format!("/batches/{batch_id}/start");
    let started = api.json::<Value>(api.request(Method::POST, &path)).await;
    let started = started.map_err(|error| {
        if error.is_transient() {
            farewell.started();
            return advised(&error, "the batch may have started");
        }
        error.into()
    })?;
    Batch::of(&started)
}

/// Creates the batch. Returns true with the batch of an earlier run.
async fn create(api: &Api, body: &Value, key: &str) -> Result<(Batch, bool)> {
    let request = api.request(Method::POST, "/batches");
    let request = request.header("idempotency-key", key).json(body);
    let response = match api.send(request).await {
        Ok(response) => response,
        Err(error) if error.code() == Some("idempotency_key_reused") => {
            return Err(
                "a batch with this name and file exists already, with another script or other options: repeat its options, or pass \
                 another --name; `outdial batch list` shows it"
                    .into(),
            );
        }
        Err(error) => return Err(error.into()),
    };
    let is_repeat = response.headers().contains_key("idempotent-replayed");
    let created: Batch = response
        .json()
        .await
        .map_err(|_| "the API's response is not a batch")?;
    if !is_repeat {
        return Ok((created, false));
    }
    // A replayed response may show an earlier state.
    let path = format!("/batches/{}", created.id);
    let batch: Value = api.json(api.request(Method::GET, &path)).await?;
    Ok((Batch::of(&batch)?, true))
}

/// The name and the file identify the run.
fn idempotency_key(name: &str, file: &[u8]) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(name.as_bytes());
    hash.update(&[0]);
    hash.update(file);
    let digits = hash.finish();
    let digits = digits.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("batch-run-{}", digits.collect::<String>())
}

/// Names the batch and its state.
fn announce(format: Format, line: &Line) -> Result<()> {
    let Line {
        batch_id, status, ..
    } = line;
    match format {
        Format::Text if line.continued => {
            format.note(format_args!("batch {batch_id} of an earlier run: {status}"));
        }
        Format::Text => format.note(format_args!("batch {batch_id}: {status}")),
        Format::Json => format.document(line)?,
    }
    Ok(())
}
