//! What a run has to tell: a table for people, and `report.json`.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use super::blows::Blows;
use super::clients::Tally;
use super::compare::{Kind, Violation, courses};
use super::evidence::{Evidence, count};
use crate::steps::seconds;

/// How many violations of a kind are shown; the file has all of them.
const EXAMPLES: usize = 3;

/// How many of a long list are shown in a line.
const LISTED: usize = 16;

/// One run, in figures.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What the run follows from.
    pub seed: u64,
    /// The command that repeats it.
    pub command: String,
    /// Whether nothing is wrong.
    pub passed: bool,
    /// How many calls were asked for.
    pub calls: usize,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u128,
    /// How long after the last call it took until all was settled, in milliseconds.
    pub settled_after_ms: u128,
    /// What happened.
    pub events: Events,
    /// How many violations there are, by kind.
    pub counts: BTreeMap<Kind, usize>,
    /// All of them.
    pub violations: Vec<Violation>,
}

/// What happened in a run.
#[derive(Debug, Default, Serialize)]
pub struct Events {
    /// Calls that the simulator accepted, by how they ended.
    pub dialled: BTreeMap<String, usize>,
    /// Records, by status.
    pub records: BTreeMap<String, usize>,
    /// Records, by outcome of the dial.
    pub outcomes: BTreeMap<String, usize>,
    /// Documents of recordings, by status.
    pub recordings: BTreeMap<String, usize>,
    /// What became of the scripts of answered calls.
    pub scripts: BTreeMap<String, usize>,
    /// Attempts to deliver a webhook, by kind and answer.
    pub webhooks: BTreeMap<String, usize>,
    /// What the clients were answered.
    #[serde(flatten)]
    pub tally: Tally,
    /// Keys with more answers than one.
    pub repeated_keys: usize,
    /// Faults that struck, by kind.
    pub faults: BTreeMap<String, usize>,
    /// Environments that were killed, by function.
    pub kills: BTreeMap<String, usize>,
    /// What befell the database.
    pub database: Blows,
    /// What the functions have counted themselves; a killed one's last counts are lost.
    pub metrics: BTreeMap<String, u64>,
    /// How often all statuses were read while the run went on, and how many changes were seen.
    pub looks: usize,
    /// Changes of a status that were seen.
    pub changes: usize,
    /// How often the reconciler ran, and how often it failed.
    pub reconciled: BTreeMap<String, usize>,
}

impl Events {
    /// Counts what is in the evidence.
    pub fn of(evidence: &Evidence) -> Self {
        let outcome = |outcome: &Option<String>| outcome.clone().unwrap_or_else(|| "none".into());
        let answer = |answer: Option<u16>| {
            answer.map_or("no answer".to_owned(), |status| status.to_string())
        };
        Self {
            dialled: count(evidence.dialled.iter().map(|call| call.status.clone())),
            records: count(evidence.records.iter().map(|record| record.status.clone())),
            outcomes: count(
                evidence
                    .records
                    .iter()
                    .map(|record| outcome(&record.dial_outcome)),
            ),
            recordings: count(evidence.recordings.iter().map(|one| one.status.clone())),
            scripts: courses(evidence),
            webhooks: count(
                evidence
                    .webhooks
                    .iter()
                    .map(|hook| format!("{} {}", hook.kind, answer(hook.answer))),
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
    /// How many violations there are, by kind, the zeros too.
    pub fn count(violations: &[Violation]) -> BTreeMap<Kind, usize> {
        let mut counts: BTreeMap<_, _> = Kind::ALL.into_iter().map(|kind| (kind, 0)).collect();
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
            "\nseed {}: {} calls in {}, settled {} after the last answer",
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
        let watched = format!("{} times, {} changes seen", events.looks, events.changes);
        let repeated = format!("{} keys", events.repeated_keys);
        for (name, line) in [
            ("calls at Twilio", listed(&events.dialled)),
            ("records", listed(&events.records)),
            ("dials", listed(&events.outcomes)),
            ("recordings", listed(&events.recordings)),
            ("scripts", listed(&events.scripts)),
            ("answers to clients", listed(&events.tally.answers)),
            ("answered repeatedly", repeated),
            ("hang-ups", listed(&events.tally.hang_ups)),
            ("webhooks", listed(&events.webhooks)),
            ("faults", listed(&events.faults)),
            ("environments killed", listed(&events.kills)),
            ("database", database),
            ("counted by functions", listed(&events.metrics)),
            ("reconcile runs", listed(&events.reconciled)),
            ("statuses watched", watched),
        ] {
            writeln!(f, "  {name:<22} {line}")?;
        }
        for why in &events.database.not_done {
            writeln!(f, "  NOT DONE               {why}")?;
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
        writeln!(f, "  {verdict}; again with: {}", self.command)
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = [
            ("key", &self.key),
            ("call_id", &self.call_id),
            ("CallSid", &self.call_sid),
        ];
        for (name, value) in names {
            if let Some(value) = value {
                write!(f, "{name} {value}  ")?;
            }
        }
        write!(f, "expected: {}; found: {}", self.expected, self.found)
    }
}

/// The most frequent first.
fn listed<K: Display, V: Copy + Ord + Display>(counts: &BTreeMap<K, V>) -> String {
    let mut pairs: Vec<_> = counts.iter().collect();
    pairs.sort_by(|(_, one), (_, other)| other.cmp(one));
    let mut text: Vec<_> = pairs
        .iter()
        .take(LISTED)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    if pairs.len() > LISTED {
        text.push(format!("{} other kinds", pairs.len() - LISTED));
    }
    if text.is_empty() {
        return "none".to_owned();
    }
    text.join(", ")
}
