//! Adds the recipients to a draft. Each request can be repeated: the batch keeps a recipient that it has already.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use tokio::time::sleep;

use super::recipients::{Chunk, Recipients};
use crate::batch::api::Api;
use crate::batch::follow::Farewell;
use crate::batch::refusal::{ApiError, Fault};
use crate::error::Result;
use crate::output::message;
use crate::progress;

/// The time for which the service may fail to add the recipients of one request, and the pause between two attempts.
const PATIENCE: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_secs(2);
/// The most faults that are printed.
const SHOWN_MAX: usize = 1_000;

/// Adds all recipients. If the service refuses one, finds the faults of the others too, and cancels the draft.
///
/// # Errors
///
/// If a recipient is refused, or the service does not respond.
pub async fn all(
    api: &Api,
    batch_id: &str,
    recipients: &Recipients,
    farewell: &mut Farewell,
) -> Result<()> {
    let bar = progress::counted(recipients.rows.len() as u64)?.with_message("recipients added");
    let mut faults = 0;
    for chunk in recipients.chunks() {
        let chunk = chunk?;
        let count = chunk.lines.len() as u64;
        match add(api, batch_id, &chunk).await {
            Ok(()) => bar.inc(count),
            Err(ApiError::Refused { problem, .. }) if problem.code == "validation_failed" => {
                for fault in problem.errors {
                    faults += 1;
                    if faults <= SHOWN_MAX {
                        bar.suspend(|| message(named(&fault, &chunk.lines)));
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    bar.finish_and_clear();
    if faults == 0 {
        return Ok(());
    }
    let path = format!("/batches/{batch_id}/cancel");
    let canceled = api.send(api.request(Method::POST, &path)).await;
    farewell.disarm();
    Err(match canceled {
        Ok(_) => format!("recipients that the service refuses: {faults}; the batch was canceled, and nothing is dialled").into(),
        Err(error) => format!("recipients that the service refuses: {faults}; nothing is dialled, but the draft remains: {error}").into(),
    })
}

/// Adds the recipients of one request. Repeats it if the service fails: each time it has fewer left to store. A file has at most as
/// many recipients as a batch, so a full batch keeps places for a request that has failed.
async fn add(api: &Api, batch_id: &str, chunk: &Chunk) -> Result<(), ApiError> {
    let begun = Instant::now();
    loop {
        match add_once(api, batch_id, chunk).await {
            Err(error)
                if (error.is_transient() || error.code() == Some("batch_full"))
                    && begun.elapsed() < PATIENCE =>
            {
                sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn add_once(api: &Api, batch_id: &str, chunk: &Chunk) -> Result<(), ApiError> {
    let request = api.request(Method::POST, &format!("/batches/{batch_id}/recipients"));
    let request = request
        .header(CONTENT_TYPE, "application/json")
        .body(chunk.body.clone());
    api.json::<Value>(request).await.map(drop)
}

/// Names the line of a fault in place of `recipients[3]`.
fn named(Fault { field, message }: &Fault, lines: &[u64]) -> String {
    let place = field
        .strip_prefix("recipients[")
        .and_then(|rest| rest.split_once(']'));
    let line = place.and_then(|(at, rest)| {
        let line = lines.get(at.parse::<usize>().ok()?)?;
        Some((line, rest.trim_start_matches('.')))
    });
    match line {
        Some((line, "")) => format!("line {line}: the row {message}"),
        Some((line, field)) => format!("line {line}: {field} {message}"),
        None => format!("{field} {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_is_named_by_its_line() {
        let name = |field: &str| {
            let fault = Fault {
                field: field.to_owned(),
                message: "is wrong".to_owned(),
            };
            named(&fault, &[2, 5])
        };
        assert_eq!(
            name("recipients[1].to_number"),
            "line 5: to_number is wrong"
        );
        assert_eq!(name("recipients[0]"), "line 2: the row is wrong");
        assert_eq!(
            name("recipients[2].to_number"),
            "recipients[2].to_number is wrong"
        );
        assert_eq!(name("recipients"), "recipients is wrong");
    }
}
