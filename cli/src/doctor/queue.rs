//! The dial queue: its SQS queue, the permits, the dispatcher, and calls that are late.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use mongodb::bson::DateTime;
use outdial::config::Settings;
use outdial::dao::Dao;
use outdial::dao::admin::queue::{self, QueueState};
use outdial::domain::{Lane, Priority};

use super::finding::{Finding, Verdict, failed, required, skipped};
use crate::sqs;
use crate::variables::Values;

/// The checks that read the database.
pub const NAMES: [&str; 3] = ["permits", "dispatcher", "due calls"];

/// The schedule starts `dispatch` every minute.
const DISPATCH_LATE: Duration = Duration::from_mins(3);
/// As the alarm on `OldestDueSeconds`.
const DUE_LATE: Duration = Duration::from_mins(5);

/// Checks the SQS queue.
pub async fn check(settings: &Settings, values: &Values) -> Finding {
    Finding::of("dial queue", is_reachable(settings, values)).await
}

async fn is_reachable(settings: &Settings, values: &Values) -> Result<String, Verdict> {
    let url = has_queue(settings)?;
    let client = sqs::connect(values).await;
    let client = client.map_err(|error| skipped(error.to_string()))?;
    let name = QueueAttributeName::ApproximateNumberOfMessages;
    let messages = sqs::attribute(&client, &url, name).await;
    let messages = messages.map_err(|error| {
        failed(
            error.to_string(),
            "check DIAL_QUEUE_URL, AWS_REGION, and that the credentials allow sqs:GetQueueAttributes",
        )
    })?;
    Ok(format!(
        "it can be reached; {} messages",
        messages.unwrap_or_default()
    ))
}

/// Returns the queue's URL.
fn has_queue(settings: &Settings) -> Result<String, Verdict> {
    let url = required(settings.dial_queue())?;
    let url = url.ok_or_else(|| skipped("DIAL_QUEUE_URL is not set: calls can't be scheduled"))?;
    Ok(url.into())
}

/// Checks the documents and the waiting calls of the database.
pub async fn check_database(dao: &Dao, settings: &Settings) -> Vec<Finding> {
    let state = async { Ok::<_, Verdict>(queue::state(&dao.database().await?).await?) };
    let state: Result<QueueState, Verdict> = state.await;
    let (permits, dispatcher, due) = tokio::join!(
        Finding::of(NAMES[0], async { has_permits(&state.clone()?) }),
        Finding::of(NAMES[1], async {
            has_queue(settings)?;
            is_dispatched(&state.clone()?)
        }),
        Finding::of(NAMES[2], async {
            has_queue(settings)?;
            are_dialled(dao).await
        }),
    );
    vec![permits, dispatcher, due]
}

fn has_permits(state: &QueueState) -> Result<String, Verdict> {
    match state.next_permit {
        Some(wait) => Ok(format!(
            "the next dial is permitted in {:.1} s",
            wait.as_secs_f64()
        )),
        None => Err(failed(
            "the document `permits` in `counters` is missing, so no immediate call is dialled",
            "run `outdial indexes`",
        )),
    }
}

fn is_dispatched(state: &QueueState) -> Result<String, Verdict> {
    const ADVICE: &str =
        "check the function dispatch: its schedule, its logs and its reserved concurrency";
    let dispatcher = state.dispatcher.as_ref();
    let Some(dispatcher) = dispatcher else {
        return Err(failed("dispatch has never run", ADVICE));
    };
    if let Some(stop) = &dispatcher.stop {
        let code = stop
            .code
            .map_or("unknown".to_owned(), |code| code.to_string());
        let since = stop.since.try_to_rfc3339_string().unwrap_or_default();
        return Err(failed(
            format!(
                "Twilio refuses the account since {since} (error {code}): one call a minute is tried"
            ),
            "see the error in Twilio's documentation, and the checks of Twilio below; dials go on as soon as Twilio accepts one",
        ));
    }
    let Some(ago) = dispatcher.last_run else {
        return Err(failed("the schedule has not started dispatch", ADVICE));
    };
    let detail = format!("its schedule started it {} s ago", ago.as_secs());
    if ago > DISPATCH_LATE {
        return Err(failed(detail, ADVICE));
    }
    Ok(detail)
}

/// Checks that urgent and normal calls are not late. Bulk calls may wait for hours, by their pace.
async fn are_dialled(dao: &Dao) -> Result<String, Verdict> {
    if !dao.dialing().await?.on {
        return Err(skipped("dialling is off"));
    }
    let database = dao.database().await?;
    let now = DateTime::now();
    let mut oldest = Duration::ZERO;
    for priority in [Priority::Urgent, Priority::Normal] {
        let due = queue::oldest_due(&database, &Lane::of(priority, None)).await?;
        oldest = oldest.max(due.map_or(Duration::ZERO, |due| now.saturating_duration_since(due)));
    }
    let detail = format!(
        "the oldest urgent or normal call has been due for {} s",
        oldest.as_secs()
    );
    if oldest >= DUE_LATE {
        return Err(failed(
            detail,
            "check the functions dispatch and dial: their logs, and whether DIALS_PER_SECOND is too low for the calls",
        ));
    }
    if oldest.is_zero() {
        return Ok("no urgent or normal call is late".to_owned());
    }
    Ok(detail)
}
