//! How often a request waits for the database, and for Twilio: what decides its time where they are away.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Bench;
use super::finding::{Finding, Table, Target};
use super::observed::{Command, Observed};
use super::routes::{DIALS, ROUTES, Route};
use crate::Result;

/// A round trip to the database takes so much longer than on this machine: more than it takes to begin the next command.
const LATENCY: Duration = Duration::from_millis(5);

/// Of the same route. On a machine that is busy, one of two commands at once may be answered before the other is sent, so
/// that the least is what counts.
const REPEATS: usize = 7;

/// The request has an idempotency key.
const BEFORE_THE_DIAL: usize = 3;
const AFTER_THE_DIAL: usize = 1;

/// What one request asked for.
struct Asked {
    /// The names of the commands, in the order of their answers.
    commands: Vec<String>,
    steps: usize,
    /// Of these, before Twilio's first answer and after it.
    around_the_dial: Option<[usize; 2]>,
}

/// Sends each route's request to its router again and again, and tells the least that any of them asked for.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let observed = Observed::begin(bench.scene.variables(Some(LATENCY))?)?;
    let mut journal = Journal::of(bench)?;
    // What has been asked before is none of ours.
    journal.requests().await?;
    let mut table = Table::new(&["route", "steps", "commands", "Twilio", "which"]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    for route in ROUTES {
        let mut least: Option<Asked> = None;
        let mut of_twilio = 0;
        for nth in 0..REPEATS {
            let (asked, dials) = ask(bench, &observed, &mut journal, &route, nth).await?;
            of_twilio = of_twilio.max(dials);
            let key = |asked: &Asked| (asked.steps, asked.commands.len());
            if least.as_ref().is_none_or(|least| key(&asked) < key(least)) {
                least = Some(asked);
            }
        }
        let Some(least) = least else { continue };
        let (steps, commands) = (least.steps, least.commands.len());
        let steps_in_words = match least.around_the_dial {
            Some([before, after]) => format!("{before} + {after}"),
            None => steps.to_string(),
        };
        table.line(
            route.name,
            [
                steps_in_words,
                commands.to_string(),
                of_twilio.to_string(),
                least.commands.join(", "),
            ],
        );
        data.insert(
            route.name.to_owned(),
            json!({
                "steps": steps, "steps_around_the_dial": least.around_the_dial,
                "commands": least.commands, "twilio_requests": of_twilio,
            }),
        );
        targets.extend(targets_of(route.name, &least));
    }
    Ok(Finding {
        title: format!(
            "Round trips: what waits for what, the least of {REPEATS} requests, the database being {LATENCY:?} away"
        ),
        table,
        data: Value::Object(data),
        targets,
    })
}

async fn ask(
    bench: &Bench,
    observed: &Observed,
    journal: &mut Journal,
    route: &Route,
    nth: usize,
) -> Result<(Asked, usize)> {
    let request = route.request(&bench.scene, nth);
    observed.commands();
    observed
        .send(route.function, route.status, &request)
        .await?;
    let commands = observed.commands();
    let told = journal.requests().await?;
    let around_the_dial = told.first().map(|&at| around(&commands, at));
    let asked = Asked {
        steps: sequential(&intervals(&commands)),
        commands: commands.iter().map(Command::name).collect(),
        around_the_dial: around_the_dial.filter(|_| route.name == DIALS),
    };
    Ok((asked, told.len()))
}

/// What a route's request is to ask for.
fn targets_of(route: &str, asked: &Asked) -> Vec<Target> {
    let target = |what: &str, at_most: usize, measured: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let [at_most, measured] = [at_most, measured].map(|count| count as f64);
        Target::new(format!("{route}: {what}"), at_most, measured)
    };
    match route {
        DIALS => {
            let [before, after] = asked.around_the_dial.unwrap_or([asked.steps, 0]);
            vec![
                target("steps before the dial", BEFORE_THE_DIAL, before),
                target("steps after it", AFTER_THE_DIAL, after),
            ]
        }
        "GET /users" | "GET /users/{id}/calls" => vec![
            target("steps", 1, asked.steps),
            target("commands", 2, asked.commands.len()),
        ],
        _ if route.starts_with("GET ") || route.starts_with("POST /twilio/") => {
            vec![target("steps", 1, asked.steps)]
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

/// The steps before a moment, and those after it. A command belongs where its middle lies: the moment was written down in
/// whole milliseconds.
fn around(commands: &[Command], at: SystemTime) -> [usize; 2] {
    let (before, after): (Vec<_>, Vec<_>) = intervals(commands)
        .into_iter()
        .partition(|&(begin, end)| begin + end.duration_since(begin).unwrap_or_default() / 2 < at);
    [before, after].map(|intervals| sequential(&intervals))
}

/// The most intervals of which no two overlap.
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

/// What Twilio was asked, by its own account.
struct Journal {
    http: reqwest::Client,
    url: String,
    next: u64,
}

impl Journal {
    fn of(bench: &Bench) -> Result<Self> {
        let twilio = bench.scene.stage.variable("TWILIO_API_BASE_URL");
        Ok(Self {
            http: crate::http::client()?,
            url: format!("{}/_sim/log", twilio.unwrap_or_default()),
            next: 0,
        })
    }

    /// When each request that has come since the last time was answered.
    async fn requests(&mut self) -> Result<Vec<SystemTime>> {
        let url = format!("{}?since={}", self.url, self.next);
        let text = self.http.get(url).send().await?.text().await?;
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
    fn commands_that_overlap_are_one_step() {
        assert_eq!(sequential::<u8>(&[]), 0);
        assert_eq!(sequential(&[(0, 5), (1, 6), (2, 4)]), 1);
        assert_eq!(sequential(&[(0, 5), (5, 10), (6, 12)]), 2);
        assert_eq!(sequential(&[(6, 9), (0, 20), (0, 5), (10, 12)]), 3);
    }

    #[test]
    fn a_command_lies_before_or_after_the_dial() {
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
