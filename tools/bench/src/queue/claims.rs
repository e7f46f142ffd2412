//! Measures how many scheduled calls `dispatch` claims and sends in a second, and the same work by its parts.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::{StreamExt, TryStreamExt, stream};
use lambda::scheduled_event;
use mongodb::bson::{DateTime, Document, doc};
use outdial::dao::{Dao, LookRequest};
use outdial::domain::{Lane, Priority};
use serde_json::{Value, json};
use stack::Result;
use stack::output::Output;
use stack::queues::Queues;
use testkit::Stage;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::finding::{Finding, Table, Target};
use crate::queue::running::{start_queues, variables};
use crate::queue::waiting::{DUE_SECONDS, ago, explained, many, store_bulk};
use crate::statistics::f64_of;

type Error = Box<dyn std::error::Error + Send + Sync>;

const FUNCTION: &str = "dispatch";
/// Dials a second: the fastest pace. A claim takes as many calls.
const PACE: u32 = 1_000;
/// The same for the embedded database. Larger claims exceed the time limit of a function there.
const EMBEDDED_PACE: u32 = 250;
/// The most time of a call, in ms: 500 calls a second.
const CALL_MS: f64 = 2.0;
/// Why the target is missed if SQS alone needs more.
const SLOW_SQS: &str = "the local SQS, one Python process, needs as long for a message by itself";
/// The number of messages in a request to SQS, and of concurrent requests, as in the functions.
const MESSAGES: usize = 10;
const CONCURRENCY: usize = 8;
/// The pause after which claimed calls and their messages leave the queues, as if `dial` dialled them.
const DIAL_TIME: Duration = Duration::from_millis(100);

/// Claims and sends the same number of calls: by `dispatch`, by the DAO without sending, and by SQS alone.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let calls = many(bench);
    let pace = if bench.fixture.is_embedded() {
        EMBEDDED_PACE
    } else {
        PACE
    };
    let output = Output::verbatim(&bench.fixture.log)?;
    let queues = start_queues(bench, &output).await?;
    let sent = send_alone(&queues, calls).await?;
    let claimed = claim_alone(bench, calls, pace).await?;
    let (dispatched, report) = dispatch(bench, &queues, calls, pace).await?;
    let mut table = Table::new(&["by", "calls", "s", "per second"]);
    let by_dispatch = report["claimed"].as_u64().unwrap_or_default();
    let by_dispatch = usize::try_from(by_dispatch)?;
    let rows = [
        ("claimed and sent by dispatch", by_dispatch, dispatched),
        ("claimed by the DAO", calls, claimed),
        ("sent by the SQS client", calls, sent),
    ];
    for (name, calls, time) in rows {
        let seconds = time.as_secs_f64();
        table.line(
            name,
            [
                calls.to_string(),
                format!("{seconds:.2}"),
                format!("{:.0}", f64_of(calls) / seconds),
            ],
        );
    }
    let each = dispatched.as_secs_f64() * 1_000.0 / f64_of(by_dispatch);
    let target = Target::new(
        format!("{calls} scheduled calls: ms to claim and send one"),
        CALL_MS,
        each,
    );
    let target = if sent.as_secs_f64() * 1_000.0 / f64_of(calls) > CALL_MS {
        target.bound_by(SLOW_SQS)
    } else {
        explained(bench, target)
    };
    Ok(Finding {
        title: format!(
            "Claims and sends: {calls} due calls at {pace} dials a second, with SQS on this machine"
        ),
        table,
        data: json!({
            "calls": calls, "seconds": dispatched.as_secs_f64(), "report": report,
            "claims_alone_seconds": claimed.as_secs_f64(), "sends_alone_seconds": sent.as_secs_f64(),
        }),
        targets: vec![
            target,
            // SQS that doesn't respond in time: `dispatch` ends the leases of these calls.
            Target::new(
                format!("{calls} scheduled calls: not sent by dispatch"),
                0.0,
                f64_of(calls.saturating_sub(by_dispatch)),
            ),
        ],
    })
}

/// Runs `dispatch` until no call is left. Returns its time and its report.
async fn dispatch(
    bench: &Bench,
    queues: &Queues,
    calls: usize,
    pace: u32,
) -> Result<(Duration, Value)> {
    let stage = bench.fixture.copy().await?;
    let variables: Vec<_> = variables(&stage, queues, pace).into_iter().collect();
    let mut environment = bench.start(FUNCTION, &variables)?;
    // The first run connects, and isn't counted.
    for calls in [0, calls] {
        store_bulk(bench, &stage, calls, ago(DUE_SECONDS)).await?;
        environment.poll().await?;
        let event = scheduled_event(FUNCTION).to_string();
        let answer = tokio::select! {
            answer = environment.handle(event.into()) => answer?,
            failed = dial_claimed(&stage) => return Err(failed),
            failed = take_messages(queues) => return Err(failed),
        };
        answer.expect(FUNCTION, None)?;
        let report: Value = serde_json::from_slice(&answer.body)?;
        if calls == 0 {
            continue;
        }
        stage.database().drop().await?;
        return Ok((answer.took, report));
    }
    Err("there are no calls".into())
}

/// Takes claimed calls out of the queue, one command for all, until this is dropped. Returns only an error.
async fn dial_claimed(stage: &Stage) -> Error {
    loop {
        sleep(DIAL_TIME).await;
        if let Err(error) = take_claimed(stage).await {
            return error;
        }
    }
}

/// Empties the dial queue again and again, until this is dropped: the local SQS counts all its messages for each new one. Returns
/// only an error.
async fn take_messages(queues: &Queues) -> Error {
    loop {
        sleep(DIAL_TIME).await;
        let taken = match dial_queue(queues) {
            Ok(url) => queues.client().purge_queue().queue_url(url).send().await,
            Err(error) => return error,
        };
        if let Err(error) = taken {
            return DisplayErrorContext(error).to_string().into();
        }
    }
}

fn dial_queue(queues: &Queues) -> Result<String> {
    let url = queues.variables().remove("DIAL_QUEUE_URL");
    Ok(url.ok_or("there is no dial queue")?)
}

async fn take_claimed(stage: &Stage) -> Result<()> {
    let calls = stage.database().collection::<Document>("calls");
    let claimed = doc! { "status": "scheduled", "lease_until": { "$gt": DateTime::now() } };
    let dialled = doc! { "$set": { "status": "initiated" } };
    calls.update_many(claimed, dialled).await?;
    Ok(())
}

/// Finds and claims the calls without sending them. Returns the time of that.
async fn claim_alone(bench: &Bench, calls: usize, pace: u32) -> Result<Duration> {
    let stage = bench.fixture.copy().await?;
    store_bulk(bench, &stage, calls, ago(DUE_SECONDS)).await?;
    let dao = Dao::new(&stage.settings().mongo()?)?;
    let request = LookRequest {
        lanes: &[(Lane::of(Priority::Bulk, None), pace)],
        leased_max: pace,
        with_batches: false,
    };
    let (mut took, mut claimed) = (Duration::ZERO, 0);
    while claimed < calls {
        let begun = Instant::now();
        let look = dao.look(&request, DateTime::now()).await?;
        let claim = dao.claim(&look.lanes[0].due).await?;
        took += begun.elapsed();
        if claim.calls.is_empty() {
            return Err("no call can be claimed".into());
        }
        claimed += claim.calls.len();
        take_claimed(&stage).await?;
    }
    stage.database().drop().await?;
    Ok(took)
}

/// Sends as many messages as there are calls. Returns the time.
async fn send_alone(queues: &Queues, calls: usize) -> Result<Duration> {
    let (client, url) = (queues.client(), dial_queue(queues)?);
    let body =
        json!({ "call_id": uuid::Uuid::new_v4(), "lease_id": uuid::Uuid::new_v4().simple() });
    let body = body.to_string();
    let begun = Instant::now();
    let sent = stream::iter((0..calls).step_by(MESSAGES))
        .map(|first| send(&client, &url, &body, MESSAGES.min(calls - first)))
        .buffer_unordered(CONCURRENCY)
        .try_collect::<Vec<()>>();
    tokio::select! {
        sent = sent => sent?,
        failed = take_messages(queues) => return Err(failed),
    };
    Ok(begun.elapsed())
}

async fn send(client: &Client, url: &str, body: &str, count: usize) -> Result<()> {
    let entries: std::result::Result<Vec<_>, _> = (0..count)
        .map(|nth| {
            let entry = SendMessageBatchRequestEntry::builder();
            entry.id(nth.to_string()).message_body(body).build()
        })
        .collect();
    let request = client.send_message_batch().queue_url(url);
    let sent = request.set_entries(Some(entries?)).send().await;
    sent.map_err(|error| DisplayErrorContext(error).to_string())?;
    Ok(())
}
