//! `outdial batch`: calls with one script to the recipients in a file, through the API.

mod api;
mod connection;
mod follow;
mod list;
mod read;
mod refusal;
mod results;
mod run;
mod summary;

use clap::{Args, Subcommand};
use outdial::domain::BatchId;
use reqwest::Method;
use serde_json::Value;

use crate::error::Result;
use crate::output::Format;
use api::Api;
use connection::Connection;
use read::{Batch, Shown};

#[derive(Args)]
#[command(after_help = "\
The command uses the API, with a key that has the scopes calls:write and calls:read. It needs no
access to the database. With --local, it uses the key of `cargo xtask dev`.

  OUTDIAL_API_URL  origin of the API, the stack's output `ApiUrl`
  OUTDIAL_API_KEY  API key

Examples:
  outdial batch run people.csv --user 65f0a1b2c3d4e5f601234567 --script-file script.txt --dry-run
  outdial batch run people.csv --user 65f0a1b2c3d4e5f601234567 --script-file script.txt --at 2026-12-01T09:00-05:00 --per-second 5
  outdial batch status 6fa459ea-ee8a-4ca4-894e-db77e160355e --api-key-file key.txt
  outdial batch pause 6fa459ea-ee8a-4ca4-894e-db77e160355e
  outdial batch results 6fa459ea-ee8a-4ca4-894e-db77e160355e --csv > results.csv
  outdial batch list --local")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Call the recipients in a CSV file, and follow the batch to its end
    Run(Box<run::Arguments>),
    /// Show a batch and how far it has come
    Status(One),
    /// Pause a batch: its calls wait until `resume`
    Pause(One),
    /// Dial the calls of a paused batch again
    Resume(One),
    /// Cancel the waiting calls of a batch; calls at Twilio continue
    Cancel(One),
    /// Write one line for each recipient of a batch
    Results(results::Arguments),
    /// List all batches, newest first
    List(list::Arguments),
}

/// A batch of a service.
#[derive(Args)]
struct One {
    /// The batch's `batch_id`
    id: BatchId,
    #[command(flatten)]
    connection: Connection,
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    match arguments.action {
        Action::Run(arguments) => run::run(*arguments, format).await,
        Action::Status(one) => show(one, Method::GET, "", format).await,
        Action::Pause(one) => show(one, Method::POST, "/pause", format).await,
        Action::Resume(one) => show(one, Method::POST, "/resume", format).await,
        Action::Cancel(one) => show(one, Method::POST, "/cancel", format).await,
        Action::Results(arguments) => results::run(arguments, format).await,
        Action::List(arguments) => list::run(arguments, format).await,
    }
}

/// Sends a request about a batch, and prints the batch in the response.
async fn show(one: One, method: Method, change: &str, format: Format) -> Result<()> {
    let api = Api::open(&one.connection)?;
    let request = api.request(method, &format!("/batches/{}{change}", one.id));
    let batch: Value = api.json(request).await?;
    format.print(&Shown {
        batch: Batch::of(&batch)?,
        document: batch,
    })
}
