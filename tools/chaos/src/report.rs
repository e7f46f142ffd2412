//! The report of a run: a table for people, and `report.json`.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use stack::steps::seconds;

use crate::clients::Tally;
use crate::compare::script_outcomes;
use crate::counts::listed;
use crate::database_faults::DatabaseFaults;
use crate::evidence::{Evidence, count};
use crate::queue_events::QueueEvents;
use crate::violation::{Kind, Violation};

/// Number of violations of a kind in the table. The file has all of them.
const EXAMPLES: usize = 3;

/// The report of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The random seed.
    pub seed: u64,
    /// The command that repeats the run.
    pub command: String,
    /// True without any violation.
    pub passed: bool,
    /// The number of calls placed.
    pub calls: usize,
    /// The duration of the run, in milliseconds.
    pub elapsed_ms: u128,
    /// The time from the last response to clients until all calls were settled, in milliseconds.
    pub settled_after_ms: u128,
    /// Counts of the events.
    pub events: Events,
    /// The number of violations by kind, including zeros.
    pub counts: BTreeMap<Kind, usize>,
    /// All violations.
    pub violations: Vec<Violation>,
}

/// Counts of the events in a run.
#[derive(Debug, Default, Serialize)]
pub struct Events {
    /// Calls at the simulator, by status.
    pub dialled: BTreeMap<String, usize>,
    /// Documents of calls, by status.
    pub records: BTreeMap<String, usize>,
    /// Documents of calls, by outcome of the dial.
    pub outcomes: BTreeMap<String, usize>,
    /// Documents of recordings, by status.
    pub recordings: BTreeMap<String, usize>,
    /// Answered calls, by what happened to their script.
    pub scripts: BTreeMap<String, usize>,
    /// Calls that listen, by result.
    pub results: BTreeMap<String, usize>,
    /// Attempts to deliver a webhook, by kind and response.
    pub webhooks: BTreeMap<String, usize>,
    /// Responses to clients.
    #[serde(flatten)]
    pub tally: Tally,
    /// Keys with more than one final response.
    pub repeated_keys: usize,
    /// Injected faults, by kind.
    pub faults: BTreeMap<String, usize>,
    /// Killed environments, by function.
    pub kills: BTreeMap<String, usize>,
    /// Faults of the database.
    pub database: DatabaseFaults,
    /// The functions' own metrics. A killed environment loses its last counts.
    pub metrics: BTreeMap<String, u64>,
    /// Number of times that all statuses were read.
    pub looks: usize,
    /// Changes of a status that were seen.
    pub changes: usize,
    /// The sums of `reconcile`'s reports.
    pub reconciled: BTreeMap<String, usize>,
    /// The dial queue's events, in a run that uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueEvents>,
}

impl Events {
    /// Counts the evidence.
    pub fn new(evidence: &Evidence) -> Self {
        let outcome = |outcome: &Option<String>| outcome.clone().unwrap_or_else(|| "none".into());
        let response = |status: Option<u16>| {
            status.map_or("no answer".to_owned(), |status| status.to_string())
        };
        Self {
            dialled: count(evidence.twilio_calls.iter().map(|call| call.status.clone())),
            records: count(
                evidence
                    .stored_calls
                    .iter()
                    .map(|record| record.status.clone()),
            ),
            outcomes: count(
                evidence
                    .stored_calls
                    .iter()
                    .map(|record| outcome(&record.dial_outcome)),
            ),
            recordings: count(
                evidence
                    .stored_recordings
                    .iter()
                    .map(|one| one.status.clone()),
            ),
            scripts: script_outcomes(evidence),
            results: count(
                evidence
                    .stored_calls
                    .iter()
                    .filter_map(|record| record.result.clone()),
            ),
            webhooks: count(
                evidence
                    .webhooks
                    .iter()
                    .map(|hook| format!("{} {}", hook.kind, response(hook.answer))),
            ),
            repeated_keys: evidence
                .keys
                .iter()
                .filter(|key| key.answers.len() > 1)
                .count(),
            ..Self::default()
        }
    }
}

impl Report {
    /// Counts violations by kind, including zeros.
    pub fn count(violations: &[Violation], uses_queue: bool) -> BTreeMap<Kind, usize> {
        let of_queue = Kind::OF_QUEUE.into_iter().filter(|_| uses_queue);
        let kinds = Kind::USUAL.into_iter().chain(of_queue);
        let mut counts: BTreeMap<_, _> = kinds.map(|kind| (kind, 0)).collect();
        for violation in violations {
            *counts.entry(violation.kind).or_default() += 1;
        }
        counts
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = |ms: u128| seconds(Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)));
        let events = &self.events;
        writeln!(
            f,
            "\nseed {}: {} calls in {}, settled {} after the last response",
            self.seed,
            self.calls,
            time(self.elapsed_ms),
            time(self.settled_after_ms)
        )?;
        let outages: Vec<_> = events
            .database
            .outages_ms
            .iter()
            .map(|ms| time(*ms))
            .collect();
        let database = format!(
            "stopped {} times ({}), {} resets, {} fail points",
            outages.len(),
            outages.join(", "),
            events.database.resets,
            events.database.fail_points
        );
        let read = format!("{} times, {} changes seen", events.looks, events.changes);
        let repeated = format!("{} keys", events.repeated_keys);
        let queue = events.queue.iter().flat_map(QueueEvents::lines);
        let lines = [
            ("calls at Twilio", listed(&events.dialled)),
            ("calls in the database", listed(&events.records)),
            ("dial outcomes", listed(&events.outcomes)),
            ("recordings", listed(&events.recordings)),
            ("scripts", listed(&events.scripts)),
            ("results", listed(&events.results)),
            ("responses to clients", listed(&events.tally.answers)),
            ("repeated requests", repeated),
            ("hang-ups", listed(&events.tally.hang_ups)),
            ("webhooks", listed(&events.webhooks)),
            ("injected faults", listed(&events.faults)),
            ("killed environments", listed(&events.kills)),
            ("database", database),
            ("functions' metrics", listed(&events.metrics)),
            ("reconcile", listed(&events.reconciled)),
            ("statuses read", read),
        ];
        for (name, line) in lines.into_iter().chain(queue) {
            writeln!(f, "  {name:<22} {line}")?;
        }
        for why in &events.database.not_done {
            writeln!(f, "  SKIPPED                {why}")?;
        }
        writeln!(f)?;
        for (kind, count) in &self.counts {
            writeln!(f, "  {:<40} {count:>6}", kind.title())?;
            let of_kind = self
                .violations
                .iter()
                .filter(|violation| violation.kind == *kind);
            for violation in of_kind.take(EXAMPLES) {
                writeln!(f, "      {violation}")?;
            }
        }
        let verdict = if self.passed { "all zero" } else { "VIOLATED" };
        writeln!(f, "  {verdict}; repeat with: {}", self.command)
    }
}
