//! Injects faults into the database: stops it for a while, and cuts its connections.

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use testkit::Proxy;

use crate::clients::Clients;
use crate::moment::{Span, now};
use crate::plan::Plan;
use stack::Result;
use stack::database::Database;
use stack::steps::{Steps, seconds};

/// The lengths of outages, in turn. `voice` lets a caller wait longer than the short outage, and less than the
/// long one.
const OUTAGES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(3)];

/// Number of commands that each fail point breaks.
const BROKEN_COMMANDS: i32 = 6;

/// The interval of checks for the next fault.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// The faults that were injected.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct DatabaseFaults {
    /// The time of each outage until the database answered again, in milliseconds.
    pub outages_ms: Vec<u128>,
    /// Number of resets of all connections.
    pub resets: usize,
    /// Number of fail points, which close the connections of the next commands.
    pub fail_points: usize,
    /// The faults that weren't possible, and why.
    pub not_done: Vec<String>,
    /// When each fault was.
    #[serde(skip)]
    pub spans: Vec<Span>,
}

enum DatabaseFault {
    Outage,
    Reset,
    FailPoint,
}

/// Injects each fault once as many orders have begun as the plan says.
///
/// # Errors
///
/// If the database doesn't start again after an outage.
pub async fn inject(
    database: &mut Database,
    proxy: Option<&Proxy>,
    clients: &Clients,
    plan: &Plan,
    steps: &Steps,
) -> Result<DatabaseFaults> {
    let outages = plan
        .outages
        .iter()
        .map(|moment| (*moment, DatabaseFault::Outage));
    let cuts = plan.cuts.iter().enumerate().map(|(nth, moment)| {
        let fault = if nth % 2 == 0 {
            DatabaseFault::Reset
        } else {
            DatabaseFault::FailPoint
        };
        (*moment, fault)
    });
    let mut all: Vec<_> = outages.chain(cuts).collect();
    all.sort_by_key(|(moment, _)| *moment);
    let mut injected = DatabaseFaults::default();
    for (moment, fault) in all {
        while clients.begun() < moment {
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
        let from = now();
        match (fault, proxy) {
            (DatabaseFault::Outage, _) if !database.is_ours() => {
                injected.skip("outages: chaos can't stop the server of MONGO_URI");
            }
            (DatabaseFault::Outage, _) => {
                steps.note("the database stops");
                let outage = OUTAGES[injected.outages_ms.len() % OUTAGES.len()];
                let stopped = Instant::now();
                database.stop().await?;
                tokio::time::sleep(outage.saturating_sub(stopped.elapsed())).await;
                database.start_again().await?;
                let elapsed = stopped.elapsed();
                steps.note(format!("the database is back after {}", seconds(elapsed)));
                injected.outages_ms.push(elapsed.as_millis());
            }
            (DatabaseFault::Reset, Some(proxy)) => {
                proxy.cut();
                proxy.restore();
                injected.resets += 1;
            }
            (DatabaseFault::Reset, None) => {
                injected.skip("resets: there is no proxy before the server of MONGO_URI");
            }
            (DatabaseFault::FailPoint, _) => match fail_next_commands(database).await {
                Ok(()) => injected.fail_points += 1,
                Err(error) => injected.skip(&format!("fail points: {error}")),
            },
        }
        injected.spans.push(Span { from, until: now() });
    }
    Ok(injected)
}

impl DatabaseFaults {
    fn skip(&mut self, why: &str) {
        if !self.not_done.iter().any(|known| known == why) {
            self.not_done.push(why.to_owned());
        }
    }
}

/// Closes the connections of the functions' next commands. The functions connect with this `appName`.
async fn fail_next_commands(database: &Database) -> mongodb::error::Result<()> {
    let command = doc! {
        "configureFailPoint": "failCommand",
        "mode": { "times": BROKEN_COMMANDS },
        "data": {
            "failCommands": ["find", "insert", "update", "aggregate", "delete"],
            "closeConnection": true,
            "appName": "outdial",
        },
    };
    database
        .client()
        .database("admin")
        .run_command(command)
        .await?;
    Ok(())
}
