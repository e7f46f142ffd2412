//! Measures what the dial queue costs a call that is dialled at once: steps, commands, time, and index entries.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde_json::{Map, Value, json};
use stack::Result;
use testkit::Stage;

use crate::bench::Bench;
use crate::environment::Environment;
use crate::finding::{Finding, Table, Target};
use crate::fixture::{delayed_variables, variables};
use crate::in_process::InProcessFunctions;
use crate::round_trips::{Commands, LATENCY, TwilioLog, least_commands};
use crate::routes::{DIALS, ROUTES, Route};
use crate::statistics::{f64_of, median, ms};

/// The URL of a queue that nothing is sent to.
pub const UNUSED_QUEUE: &str = "http://127.0.0.1:9/123456789012/unused";
/// A pace at which there is always a permit.
const PACE: &str = "1000";
/// Rounds before the measurement.
const WARM_UP: usize = 5;
/// The most time of a call with a queue, by the time without one.
const RATIO: f64 = 1.1;
/// Number of index entries of a dialled call with an idempotency key, before there was a dial queue.
const INDEX_ENTRIES: usize = 10;

/// One configuration.
struct Setting {
    name: &'static str,
    stage: Stage,
    commands: Commands,
    indexes: Vec<String>,
    environment: Environment,
    times: Vec<Duration>,
}

impl Setting {
    async fn new(bench: &Bench, name: &'static str, stage: Stage, route: &Route) -> Result<Self> {
        let functions = InProcessFunctions::new(delayed_variables(&stage, LATENCY)?)?;
        let mut log = TwilioLog::new(bench)?;
        log.new_requests().await?;
        let (commands, _) = least_commands(bench, &functions, &mut log, route).await?;
        let environment = bench.start(route.function, &variables(&stage))?;
        Ok(Self {
            name,
            stage,
            commands,
            indexes: Vec::new(),
            environment,
            times: Vec::new(),
        })
    }

    /// Places a call, and returns its id.
    async fn place(&mut self, bench: &Bench, route: &Route, nth: usize) -> Result<String> {
        self.environment.poll().await?;
        let answer = self
            .environment
            .handle(route.event(&bench.fixture, nth))
            .await?;
        answer.expect(self.name, Some(route.status))?;
        if nth >= WARM_UP {
            self.times.push(answer.took);
        }
        let answer: Value = serde_json::from_slice(&answer.body)?;
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or("null"))?;
        Ok(body["call_id"].as_str().unwrap_or_default().to_owned())
    }
}

/// Places calls without a dial queue and with one, in turn.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let route = ROUTES.into_iter().find(|route| route.name == DIALS);
    let route = route.ok_or("no route dials")?;
    let without = bench.fixture.copy().await?;
    let with = bench.fixture.copy().await?;
    let with = with
        .set("DIAL_QUEUE_URL", UNUSED_QUEUE)
        .set("DIALS_PER_SECOND", PACE);
    let mut settings = [
        Setting::new(bench, "without a queue", without, &route).await?,
        Setting::new(bench, "with a queue", with, &route).await?,
    ];
    for nth in 0..WARM_UP + bench.requests {
        for setting in &mut settings {
            let call = setting.place(bench, &route, nth).await?;
            if nth == 0 {
                setting.indexes = indexes_of(&setting.stage, &call).await?;
            }
        }
    }
    for setting in &settings {
        setting.stage.database().drop().await?;
    }
    Ok(finding(&settings))
}

fn finding(settings: &[Setting; 2]) -> Finding {
    let mut table = Table::new(&[
        "calls",
        "steps",
        "commands",
        "index entries",
        "p50, ms",
        "names",
    ]);
    let mut data = Map::new();
    for setting in settings {
        let p50 = ms(median(&setting.times));
        let Commands { names, steps, .. } = &setting.commands;
        table.line(
            setting.name,
            [
                steps.to_string(),
                names.len().to_string(),
                setting.indexes.len().to_string(),
                format!("{p50:.3}"),
                names.join(", "),
            ],
        );
        data.insert(
            setting.name.to_owned(),
            json!({
                "steps": steps, "commands": names, "index_entries": setting.indexes, "p50_ms": p50,
                "calls": setting.times.len(),
            }),
        );
    }
    let [without, with] = settings;
    let target = |what: &str, at_most: usize, measured: usize| {
        let [at_most, measured] = [at_most, measured].map(f64_of);
        Target::new(
            format!("immediate call with a queue: {what}"),
            at_most,
            measured,
        )
    };
    let ratio = ms(median(&with.times)) / ms(median(&without.times));
    Finding {
        title: "Immediate calls: without a dial queue, and with one whose permits suffice"
            .to_owned(),
        table,
        data: data.into(),
        targets: vec![
            target("steps", without.commands.steps, with.commands.steps),
            target(
                "commands",
                without.commands.names.len(),
                with.commands.names.len(),
            ),
            target("index entries", INDEX_ENTRIES, with.indexes.len()),
            Target::new("immediate call with a queue: p50, × without", RATIO, ratio),
        ],
    }
}

/// Returns the indexes that have an entry of a call.
async fn indexes_of(stage: &Stage, call_id: &str) -> Result<Vec<String>> {
    let calls = stage.database().collection::<Document>("calls");
    let indexes: Vec<_> = calls.list_indexes().await?.try_collect().await?;
    let mut containing = Vec::new();
    for index in indexes {
        let options = index.options.unwrap_or_default();
        let sparse = options.sparse.unwrap_or(false);
        let mut covered = vec![doc! { "call_id": call_id }];
        covered.extend(options.partial_filter_expression);
        if sparse {
            // An entry exists if any of the fields does.
            let fields = index
                .keys
                .keys()
                .map(|field| doc! { field: { "$exists": true } });
            covered.push(doc! { "$or": fields.collect::<Vec<_>>() });
        }
        if calls.count_documents(doc! { "$and": covered }).await? > 0 {
            containing.push(options.name.unwrap_or_default());
        }
    }
    Ok(containing)
}
