//! Measures how fast `reconcile` settles calls of each kind.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use futures_util::{StreamExt, stream};
use mongodb::bson::DateTime;
use outdial::dao::{Dao, ReconcileKind};
use outdial::domain::{Call, CallSid, CallStatus, DialOutcome};
use serde_json::{Value, json};
use stack::{Result, http, simulator};
use testkit::{ACCOUNT_SID, AUTH_TOKEN, Stage, new_call, new_sid};

use crate::bench::Bench;
use crate::finding::{Finding, Table, Target};
use crate::fixture::variables;
use crate::statistics::f64_of;

const FUNCTION: &str = "reconcile";

/// The number of open calls at the start.
const CALLS: usize = 100_000;
/// The same for the embedded database.
const EMBEDDED_CALLS: usize = 10_000;
/// The page size for the embedded database. It reads all calls for each page, so pages are large.
const EMBEDDED_PAGE: &str = "1000";
/// Number of the calls that the simulator has. It keeps at most ten thousand. The others fail, after as many requests.
const REAL_CALLS: usize = 9_000;
/// Number of calls past their possible end, of ten. The outcome of the dial is unknown for two of the others.
const ENDS: usize = 6;
/// Number of calls without their recording, of ten.
const RECORDINGS: usize = 2;

/// Concurrent requests to the simulator.
const CONCURRENCY: usize = 16;
/// Documents that one command stores.
const BATCH: usize = 1_000;
/// The interval of the schedule.
const INTERVAL: Duration = Duration::from_mins(5);
/// The largest number of runs.
const RUNS_MAX: usize = 100;

/// Fills a database with open calls, and runs `reconcile` until all are settled.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let stage = bench.fixture.empty_copy().await;
    let (calls, within, stage) = if bench.fixture.is_embedded() {
        let stage = stage.set("RECONCILE_PAGE", EMBEDDED_PAGE);
        (EMBEDDED_CALLS, Duration::from_mins(10), stage)
    } else {
        (CALLS, Duration::from_hours(1), stage)
    };
    let begun = Instant::now();
    fill(&stage, calls).await?;
    println!("      {calls} open calls stored in {:.1?}", begun.elapsed());
    let mut environment = bench.start(FUNCTION, &variables(&stage))?;
    let mut table = Table::new(&["run", "s", "settled", "given up", "left", "per second"]);
    let (mut runs, mut took, mut settled) = (Vec::new(), Duration::ZERO, 0);
    let mut on_schedule = Duration::ZERO;
    while settled < calls && runs.len() < RUNS_MAX {
        environment.poll().await?;
        let answer = environment.handle(Bytes::from_static(b"{}")).await?;
        answer.expect(FUNCTION, None)?;
        let report: Value = serde_json::from_slice(&answer.body)?;
        let [done, given_up, left] = ["settled", "given_up", "left"].map(|what| {
            let kinds = ["dials", "ends", "recordings"].iter();
            kinds
                .filter_map(|kind| report[kind][what].as_u64())
                .sum::<u64>()
        });
        let count = usize::try_from(done + given_up)?;
        settled += count;
        took += answer.took;
        on_schedule = INTERVAL * u32::try_from(runs.len())? + answer.took;
        table.line(
            (runs.len() + 1).to_string(),
            [
                format!("{:.1}", answer.took.as_secs_f64()),
                done.to_string(),
                given_up.to_string(),
                left.to_string(),
                format!("{:.0}", rate(count, answer.took)),
            ],
        );
        runs.push(report);
    }
    let left = open(&stage).await?;
    stage.database().drop().await?;
    Ok(Finding {
        title: format!(
            "Reconcile: {calls} open calls, {:.0} settled per second, with Twilio on this machine",
            rate(settled, took)
        ),
        table,
        data: json!({ "calls": calls, "settled": settled, "left_open": left, "seconds": took.as_secs_f64(), "runs": runs }),
        targets: vec![
            Target::new(
                format!("{calls} open calls: minutes until all are settled on the schedule"),
                within.as_secs_f64() / 60.0,
                on_schedule.as_secs_f64() / 60.0,
            ),
            Target::new(
                format!("{calls} open calls: not settled"),
                0.0,
                f64_of(left),
            ),
        ],
    })
}

fn rate(count: usize, took: Duration) -> f64 {
    f64_of(count) / took.as_secs_f64()
}

/// Counts the calls that are still open.
async fn open(stage: &Stage) -> Result<usize> {
    let dao = Dao::new(&stage.settings().mongo()?)?;
    let mut open = 0;
    for kind in ReconcileKind::ALL {
        let listed = dao.list_open_calls(kind, DateTime::now(), None, 1_000);
        open += listed.await?.calls.len();
    }
    Ok(open)
}

/// Stores open calls of each kind. The simulator has played the first of them.
async fn fill(stage: &Stage, calls: usize) -> Result<()> {
    let twilio = stage.variable("TWILIO_API_BASE_URL").unwrap_or_default();
    let client = http::client()?;
    let stored = stage.database().collection::<Call>("calls");
    for begin in (0..calls).step_by(BATCH) {
        let numbers = begin..calls.min(begin + BATCH);
        let batch: Vec<Result<Call>> = stream::iter(numbers)
            .map(|nth| open_call(nth, &client, twilio))
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let batch = batch.into_iter().collect::<Result<Vec<_>>>()?;
        stored.insert_many(&batch).await?;
    }
    wait_until_all_have_ended(&client, twilio).await
}

async fn open_call(nth: usize, client: &reqwest::Client, twilio: &str) -> Result<Call> {
    let long_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 3_600_000);
    let mut call = Call {
        status: CallStatus::Ringing,
        created_at: long_ago,
        updated_at: long_ago,
        // Each call has its own number.
        to_number: format!("+1206{}{:04}", 220 + nth / 10_000, nth % 10_000).parse()?,
        ..new_call()
    };
    let mut form = vec![
        ("To", call.to_number.as_str().to_owned()),
        ("From", simulator::NUMBER.to_owned()),
    ];
    match nth % 10 {
        0..ENDS => form.push(("Twiml", TWIML.to_owned())),
        nth if nth < ENDS + RECORDINGS => {
            call.status = CallStatus::Completed;
            call.recording_enabled = true;
            form.push(("Twiml", TWIML.to_owned()));
            form.push(("Record", "true".to_owned()));
        }
        _ => {
            call.status = CallStatus::Initiated;
            call.dial_outcome = Some(DialOutcome::Unknown);
            call.dial_deadline = Some(DateTime::now());
            // No server listens there. `reconcile` recognizes the call by this URL.
            form.push((
                "Url",
                format!("http://127.0.0.1:9/?call_id={}", call.call_id),
            ));
        }
    }
    call.status_rank = call.status.rank();
    let sid = if nth < REAL_CALLS {
        dial(client, twilio, &form).await?
    } else {
        new_sid()
    };
    call.twilio_sid = (call.dial_outcome != Some(DialOutcome::Unknown)).then_some(sid);
    Ok(call)
}

const TWIML: &str = "<Response><Say>Hello.</Say></Response>";

async fn dial(client: &reqwest::Client, twilio: &str, form: &[(&str, String)]) -> Result<CallSid> {
    let url = format!("{twilio}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json");
    let request = client.post(url).basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
    let answer: Value = request.form(form).send().await?.json().await?;
    let sid = answer["sid"]
        .as_str()
        .ok_or("the simulator refuses to dial")?;
    Ok(sid.parse()?)
}

async fn wait_until_all_have_ended(client: &reqwest::Client, twilio: &str) -> Result<()> {
    let is_open = |call: &Value| {
        let recordings = call["recordings"].as_array().into_iter().flatten();
        let active = ["queued", "initiated", "ringing", "in-progress"];
        active.iter().any(|status| call["status"] == *status)
            || recordings
                .into_iter()
                .any(|one| one["status"] == "processing")
    };
    loop {
        let answer = client.get(format!("{twilio}/_sim/calls")).send().await?;
        let answer: Value = answer.json().await?;
        if !answer["calls"]
            .as_array()
            .is_some_and(|calls| calls.iter().any(is_open))
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
