//! The schedules of the dial queue's functions during a run, more often than in the template. And the moments of kills.

use std::time::Duration;

use lambda::{Host, scheduled_event};
use mongodb::bson::{DateTime, Document, doc};
use stack::output::Output;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::moment::{Span, millis, now};
use crate::operators::with_aftermath;
use crate::stop::stopped_within;

/// The functions, and the interval of their schedule in a run. Only one that uses the dial queue has the second.
const SCHEDULES: [(&str, Duration); 2] = [
    ("effects", Duration::from_secs(5)),
    ("dispatch", Duration::from_secs(10)),
];

/// The interval of looking for kills.
const KILLS_INTERVAL: Duration = Duration::from_millis(200);
/// The interval of letting `dispatch` probe a refusing account. It waits for a minute otherwise.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// The functions whose kills delay dials.
const DIALLING: [&str; 2] = ["dispatch", "dial"];

/// Invokes the functions on their schedules until the run stops, and then waits for them.
pub async fn run(host: Host, output: Output, uses_queue: bool, stop: watch::Receiver<bool>) {
    let mut schedules = JoinSet::new();
    let functions = if uses_queue { 2 } else { 1 };
    for (function, interval) in SCHEDULES.into_iter().take(functions) {
        let (host, output, mut stop) = (host.clone(), output.clone(), stop.clone());
        schedules.spawn(async move {
            let mut runs = JoinSet::new();
            loop {
                let (host, output) = (host.clone(), output.clone());
                runs.spawn(async move {
                    if let Err(failure) = host.invoke(function, &scheduled_event(function)).await {
                        output.line(function, &format!("invocation failed: {failure}"));
                    }
                });
                while runs.try_join_next().is_some() {}
                if stopped_within(&mut stop, interval).await {
                    // A run of `dispatch` may take a minute more.
                    runs.abort_all();
                    return;
                }
            }
        });
    }
    while schedules.join_next().await.is_some() {}
}

/// Lets `dispatch` probe a refusing account often, until the run stops.
pub async fn hasten_probes(database: mongodb::Database, mut stop: watch::Receiver<bool>) {
    let counters = database.collection::<Document>("counters");
    while !stopped_within(&mut stop, PROBE_INTERVAL).await {
        let stopped = doc! { "_id": "dispatcher", "stopped": { "$exists": true } };
        let now = doc! { "$set": { "stopped.probe_at": DateTime::now() } };
        // The database may be down.
        let _ = counters.update_one(stopped, now).await;
    }
}

/// Returns the spans after kills of the dialling functions, in which calls may be late, until the run stops. A lost claim ends
/// after a minute.
pub async fn watch_kills(host: Host, mut stop: watch::Receiver<bool>) -> Vec<Span> {
    let count = || {
        let kills = host.kills();
        let of = |function: &str| kills.get(function).copied().unwrap_or_default();
        DIALLING.map(of)
    };
    let (mut spans, mut before) = (Vec::new(), count());
    loop {
        let stopped = stopped_within(&mut stop, KILLS_INTERVAL).await;
        let after = count();
        if after != before {
            let until = now();
            let from = until - 2 * millis(KILLS_INTERVAL);
            spans.push(with_aftermath(Span { from, until }));
            before = after;
        }
        if stopped {
            return spans;
        }
    }
}
