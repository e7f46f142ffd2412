//! What befalls the database: it is stopped for a while, and its connections are cut.

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use testkit::Proxy;

use super::clients::Clients;
use super::plan::Plan;
use crate::Result;
use crate::stack::database::Database;
use crate::steps::{Steps, seconds};

/// How long the database is away, by turns: longer than a person who listens is kept waiting, and shorter.
const OUTAGES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(3)];

/// How many commands the fail point breaks each time.
const BROKEN_COMMANDS: i32 = 6;

/// What has befallen the database.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Blows {
    /// How long each outage took, in milliseconds, until the database answered again.
    pub outages_ms: Vec<u128>,
    /// How many times all connections were reset.
    pub resets: usize,
    /// How many times the fail point was set, to close the connections of the next commands.
    pub fail_points: usize,
    /// What could not be done, and why.
    pub not_done: Vec<String>,
}

enum Blow {
    Outage,
    Reset,
    FailPoint,
}

/// Strikes when the plan says so, by the number of orders that have begun.
pub async fn strike(
    database: &mut Database,
    proxy: Option<&Proxy>,
    clients: &Clients,
    plan: &Plan,
    steps: &Steps,
) -> Result<Blows> {
    let outages = plan.outages.iter().map(|moment| (*moment, Blow::Outage));
    let cuts = plan.cuts.iter().enumerate().map(|(nth, moment)| {
        let blow = if nth % 2 == 0 {
            Blow::Reset
        } else {
            Blow::FailPoint
        };
        (*moment, blow)
    });
    let mut all: Vec<_> = outages.chain(cuts).collect();
    all.sort_by_key(|(moment, _)| *moment);
    let mut blows = Blows::default();
    for (moment, blow) in all {
        while clients.begun() < moment {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        match (blow, proxy) {
            (Blow::Outage, _) if !database.is_ours() => {
                blows.leave_out("outages: MONGO_URI names a server that is not ours to stop");
            }
            (Blow::Outage, _) => {
                steps.note("the database is stopped");
                let outage = OUTAGES[blows.outages_ms.len() % OUTAGES.len()];
                let stopped = Instant::now();
                database.stop().await?;
                tokio::time::sleep(outage.saturating_sub(stopped.elapsed())).await;
                database.start_again().await?;
                steps.note(format!(
                    "the database is back after {}",
                    seconds(stopped.elapsed())
                ));
                blows.outages_ms.push(stopped.elapsed().as_millis());
            }
            (Blow::Reset, Some(proxy)) => {
                proxy.cut();
                proxy.restore();
                blows.resets += 1;
            }
            (Blow::Reset, None) => {
                blows.leave_out("resets: MONGO_URI names a server that is reached directly");
            }
            (Blow::FailPoint, _) => match fail_next_commands(database).await {
                Ok(()) => blows.fail_points += 1,
                Err(error) => blows.leave_out(&format!("fail points: {error}")),
            },
        }
    }
    Ok(blows)
}

impl Blows {
    fn leave_out(&mut self, why: &str) {
        if !self.not_done.iter().any(|known| known == why) {
            self.not_done.push(why.to_owned());
        }
    }
}

/// Of the functions' connections alone: they give that name.
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
