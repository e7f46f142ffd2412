//! Follows a batch until it ends.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;

use super::api::Api;
use super::read::{Batch, Progress};
use super::refusal::advised;
use super::summary::Summary;
use crate::error::Result;
use crate::output::{Format, message};
use crate::progress;

/// The pause between two looks at a small batch: the service counts anew after two seconds.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause: counting a large batch takes longer.
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// Recipients for each second of the pause.
const RECIPIENTS_PER_SECOND: u64 = 5_000;
/// The pause between two lines of text, which show the progress where no bar can.
const LINE_PAUSE: Duration = Duration::from_secs(10);
/// The time for which the service may fail to respond.
const PATIENCE: Duration = Duration::from_mins(15);

/// A line of the JSON output.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    batch_id: &'a str,
    status: &'a str,
    ended: u64,
    #[serde(flatten)]
    progress: &'a Progress,
}

/// The last line of the JSON output.
#[derive(Serialize)]
struct Ended<'a> {
    event: &'static str,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// Shows the progress of a batch until it has ended, and returns it.
///
/// # Errors
///
/// If the service refuses, or does not respond for a quarter of an hour.
pub async fn to_the_end(api: &Api, batch: &Batch, format: Format) -> Result<Batch> {
    let bar = progress::counted(0)?;
    let path = format!("/batches/{}", batch.id);
    let mut responded = Instant::now();
    let mut last = None;
    let mut lines = Lines::default();
    loop {
        let current = match api.json::<Value>(api.request(Method::GET, &path)).await {
            Ok(document) => Batch::of(&document)?,
            Err(error) if error.is_transient() && responded.elapsed() < PATIENCE => {
                bar.set_message("the API does not respond");
                sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(advised(&error, "the batch goes on")),
        };
        responded = Instant::now();
        let progress = current.progress.clone().unwrap_or_default();
        show(&bar, &current, &progress);
        let state = Some((current.status.clone(), progress));
        if state != last {
            if bar.is_hidden() && format == Format::Text {
                lines.add(&current);
            }
            if let Some((status, progress)) = &state {
                format.document(&Line {
                    event: "progress",
                    batch_id: &current.id,
                    status,
                    ended: progress.ended(),
                    progress,
                })?;
            }
            last = state;
        }
        if current.has_ended() {
            bar.finish_and_clear();
            return Ok(current);
        }
        let recipients = last.as_ref().map_or(0, |(_, progress)| progress.recipients);
        let pause = Duration::from_secs(recipients / RECIPIENTS_PER_SECOND);
        sleep(pause.clamp(PAUSE, PAUSE_MAX)).await;
    }
}

/// The progress as lines of text, on standard error.
#[derive(Default)]
struct Lines {
    /// The status in the last line, and its time.
    last: Option<(String, Instant)>,
}

impl Lines {
    /// Prints a line, unless the last one is recent and has the same status.
    fn add(&mut self, batch: &Batch) {
        let is_recent = self
            .last
            .as_ref()
            .is_some_and(|(status, at)| *status == batch.status && at.elapsed() < LINE_PAUSE);
        if is_recent {
            return;
        }
        if let Some(progress) = &batch.progress {
            message(format_args!("{}: {progress}", batch.status));
        }
        self.last = Some((batch.status.clone(), Instant::now()));
    }
}

fn show(bar: &ProgressBar, batch: &Batch, progress: &Progress) {
    bar.set_length(progress.recipients);
    bar.set_position(progress.ended());
    let eta = progress.eta.as_ref();
    let eta = eta.map(|eta| format!(", last dial about {eta}"));
    bar.set_message(format!(
        "ended, {}{}",
        batch.status,
        eta.unwrap_or_default()
    ));
}

/// Prints the summary of a batch.
pub fn print_summary(format: Format, summary: &Summary) -> Result<()> {
    match format {
        Format::Text => format.print(summary),
        Format::Json => format.document(&Ended {
            event: "ended",
            summary,
        }),
    }
}

/// Says what becomes of the batch when the command ends before it, also by a signal.
pub struct Farewell {
    batch_id: String,
    /// The options that select the same service.
    options: String,
    state: State,
}

enum State {
    Draft,
    Started,
    Over,
}

impl Farewell {
    pub fn new(batch_id: &str, options: String) -> Self {
        Self {
            batch_id: batch_id.to_owned(),
            options,
            state: State::Draft,
        }
    }

    /// Notes that calls are dialled from now on.
    pub fn started(&mut self) {
        self.state = State::Started;
    }

    /// Says nothing: the batch has ended.
    pub fn disarm(&mut self) {
        self.state = State::Over;
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let Self {
            batch_id, options, ..
        } = self;
        match self.state {
            State::Draft => message(format_args!(
                "batch {batch_id} is not started, so nothing is dialled; to go on, repeat the command\n  \
                 cancel: outdial batch cancel {batch_id}{options}"
            )),
            State::Started => message(format_args!(
                "batch {batch_id} goes on; to follow it again, repeat the command\n  \
                 show:   outdial batch status {batch_id}{options}\n  \
                 pause:  outdial batch pause {batch_id}{options}\n  \
                 cancel: outdial batch cancel {batch_id}{options}"
            )),
            State::Over => {}
        }
    }
}
