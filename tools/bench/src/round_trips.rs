//! Counts how often each request waits for the database and for Twilio. With distant servers, this determines its time.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use stack::{Result, http};

use crate::bench::Bench;
use crate::finding::{Finding, Table, Target};
use crate::in_process::{Command, InProcessFunctions};
use crate::routes::{DIALS, ROUTES, Route};

/// The added latency of a round trip to the database: more than the time between two concurrent commands.
pub const LATENCY: Duration = Duration::from_millis(5);

/// Requests of each route. On a busy machine, the reply to one of two concurrent commands may arrive before the other is
/// sent. So the smallest count is the result.
const REPEATS: usize = 7;

/// The most steps before the dial, of a request with an idempotency key.
const BEFORE_THE_DIAL: usize = 3;
/// The most steps after the dial.
const AFTER_THE_DIAL: usize = 1;

/// The commands of one request.
pub struct Commands {
    /// The names of the commands, in the order of their replies.
    pub names: Vec<String>,
    pub steps: usize,
    /// The steps before Twilio's first response, and after it.
    around_the_dial: Option<[usize; 2]>,
}

/// Sends several requests to each route, and returns the smallest counts.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let functions = InProcessFunctions::new(bench.fixture.variables(Some(LATENCY))?)?;
    let mut log = TwilioLog::new(bench)?;
    // Skips earlier requests.
    log.new_requests().await?;
    let mut table = Table::new(&["route", "steps", "commands", "Twilio", "names"]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    for route in ROUTES {
        let (least, to_twilio) = least_commands(bench, &functions, &mut log, &route).await?;
        let steps = least.steps;
        let steps_text = match least.around_the_dial {
            Some([before, after]) => format!("{before} + {after}"),
            None => steps.to_string(),
        };
        table.line(
            route.name,
            [
                steps_text,
                least.names.len().to_string(),
                to_twilio.to_string(),
                least.names.join(", "),
            ],
        );
        data.insert(
            route.name.to_owned(),
            json!({
                "steps": steps, "steps_around_the_dial": least.around_the_dial,
                "commands": least.names, "twilio_requests": to_twilio,
            }),
        );
        targets.extend(targets_of(route.name, &least));
    }
    Ok(Finding {
        title: format!(
            "Round trips: the smallest counts of {REPEATS} requests, with {LATENCY:?} more to the database"
        ),
        table,
        data: Value::Object(data),
        targets,
    })
}

/// Sends several requests. Returns the fewest commands, and the most requests to Twilio.
pub async fn least_commands(
    bench: &Bench,
    functions: &InProcessFunctions,
    log: &mut TwilioLog,
    route: &Route,
) -> Result<(Commands, usize)> {
    let (mut least, mut to_twilio) = send(bench, functions, log, route, 0).await?;
    let key = |commands: &Commands| (commands.steps, commands.names.len());
    for nth in 1..REPEATS {
        let (commands, requests) = send(bench, functions, log, route, nth).await?;
        to_twilio = to_twilio.max(requests);
        if key(&commands) < key(&least) {
            least = commands;
        }
    }
    Ok((least, to_twilio))
}

/// Sends a request. Returns its commands, and the number of requests to Twilio.
async fn send(
    bench: &Bench,
    functions: &InProcessFunctions,
    log: &mut TwilioLog,
    route: &Route,
    nth: usize,
) -> Result<(Commands, usize)> {
    let request = route.request(&bench.fixture, nth);
    functions.take_commands();
    functions
        .send(route.function, route.status, &request)
        .await?;
    let commands = functions.take_commands();
    let to_twilio = log.new_requests().await?;
    let around_the_dial = to_twilio.first().map(|&at| around(&commands, at));
    let sent = Commands {
        steps: sequential(&intervals(&commands)),
        names: commands.iter().map(Command::name).collect(),
        around_the_dial: around_the_dial.filter(|_| route.name == DIALS),
    };
    Ok((sent, to_twilio.len()))
}

/// Returns the targets of a route.
fn targets_of(route: &str, commands: &Commands) -> Vec<Target> {
    let target = |what: &str, at_most: usize, measured: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let [at_most, measured] = [at_most, measured].map(|count| count as f64);
        Target::new(format!("{route}: {what}"), at_most, measured)
    };
    match route {
        DIALS => {
            let [before, after] = commands.around_the_dial.unwrap_or([commands.steps, 0]);
            vec![
                target("steps before the dial", BEFORE_THE_DIAL, before),
                target("steps after the dial", AFTER_THE_DIAL, after),
            ]
        }
        "GET /users" | "GET /users/{id}/calls" => vec![
            target("steps", 1, commands.steps),
            target("commands", 2, commands.names.len()),
        ],
        _ if route.starts_with("GET ") || route.starts_with("POST /twilio/") => {
            vec![target("steps", 1, commands.steps)]
        }
        _ => Vec::new(),
    }
}

type Interval = (SystemTime, SystemTime);

fn intervals(commands: &[Command]) -> Vec<Interval> {
    commands
        .iter()
        .map(|command| (command.started, command.finished))
        .collect()
}

/// Returns the number of steps before a moment, and after it. The middle of a command decides, because the moment is only
/// known in whole milliseconds.
fn around(commands: &[Command], at: SystemTime) -> [usize; 2] {
    let (before, after): (Vec<_>, Vec<_>) = intervals(commands)
        .into_iter()
        .partition(|&(begin, end)| begin + end.duration_since(begin).unwrap_or_default() / 2 < at);
    [before, after].map(|intervals| sequential(&intervals))
}

/// Returns the largest number of intervals that don't overlap.
fn sequential<T: Copy + Ord>(intervals: &[(T, T)]) -> usize {
    let mut by_end = intervals.to_vec();
    by_end.sort_unstable_by_key(|&(_, end)| end);
    let mut last_end = None;
    let mut count = 0;
    for (begin, end) in by_end {
        if last_end.is_none_or(|last_end| last_end <= begin) {
            count += 1;
            last_end = Some(end);
        }
    }
    count
}

/// The simulator's log of requests.
pub struct TwilioLog {
    client: reqwest::Client,
    url: String,
    next: u64,
}

impl TwilioLog {
    pub fn new(bench: &Bench) -> Result<Self> {
        let twilio = bench.fixture.stage.variable("TWILIO_API_BASE_URL");
        Ok(Self {
            client: http::client()?,
            url: format!("{}/_sim/log", twilio.unwrap_or_default()),
            next: 0,
        })
    }

    /// Returns when each request since the last call was answered.
    pub async fn new_requests(&mut self) -> Result<Vec<SystemTime>> {
        let url = format!("{}?since={}", self.url, self.next);
        let text = self.client.get(url).send().await?.text().await?;
        let mut answered = Vec::new();
        for line in text.lines() {
            let entry: Value = serde_json::from_str(line)?;
            self.next = entry["n"].as_u64().map_or(self.next, |n| n + 1);
            if entry["kind"] == "rest" {
                let at: DateTime<Utc> = serde_json::from_value(entry["at"].clone())?;
                answered.push(at.into());
            }
        }
        Ok(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_commands_are_one_step() {
        assert_eq!(sequential::<u8>(&[]), 0);
        assert_eq!(sequential(&[(0, 5), (1, 6), (2, 4)]), 1);
        assert_eq!(sequential(&[(0, 5), (5, 10), (6, 12)]), 2);
        assert_eq!(sequential(&[(6, 9), (0, 20), (0, 5), (10, 12)]), 3);
    }

    #[test]
    fn command_is_before_or_after_the_dial() {
        let time = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        let command = |begin, end| Command {
            sent: mongodb::bson::doc! { "find": "calls" },
            started: time(begin),
            finished: time(end),
        };
        let commands = [
            command(0, 5),
            command(1, 6),
            command(6, 11),
            command(12, 17),
        ];
        assert_eq!(around(&commands, time(10)), [2, 1]);
        assert_eq!(commands[0].name(), "find calls");
    }
}
