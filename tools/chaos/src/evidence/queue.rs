//! The evidence about the dial queue: the moments of dials, and of what clients and operators did.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Sent;
use crate::hours::Hours;
use crate::moment::{Moment, Span, parse};
use crate::plan::DailyCaps;

/// The evidence about the dial queue.
#[derive(Clone, Debug, Default)]
pub struct QueueEvidence {
    /// Each request to dial that Twilio got, in the order of arrival.
    pub dials: Vec<Dial>,
    /// The ends that clients asked for and that were answered with success.
    pub ends: Vec<RequestedEnd>,
    /// The new times that clients asked for.
    pub moves: Vec<RequestedMove>,
    /// The numbers that were blocked, and when that was answered.
    pub blocked: BTreeMap<String, Moment>,
    /// When dialling was switched off.
    pub switched_off: Vec<Span>,
    /// The batches.
    pub batches: Vec<BatchHistory>,
    /// The calling hours.
    pub hours: Hours,
    /// The messages to `dial`.
    pub sent: Vec<Sent>,
    /// The daily caps, in a run that has some.
    pub caps: Option<DailyCaps>,
    /// The time zone of each user, by the user's id.
    pub users: BTreeMap<String, Option<String>>,
    /// When something failed that delays dials: outages, kills, refusals.
    pub disturbed: Vec<Span>,
    /// The most requests to dial within any second, and when that second began.
    pub busiest: Option<(usize, Moment)>,
    /// The most requests to dial that are allowed within a second.
    pub busiest_allowed: usize,
    /// The moment of this evidence.
    pub at: Moment,
    /// Messages in dead-letter queues, by the queue's variable.
    pub dead_letters: BTreeMap<&'static str, u64>,
}

/// A request to dial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dial {
    /// When it arrived.
    pub at: Moment,
    /// The `call_id`.
    pub call_id: String,
    /// The call that it created, also if the response was lost.
    pub call_sid: Option<String>,
    /// The time zones where the called number may be. None if that is anywhere in its country.
    pub zones: Vec<String>,
}

/// An end that a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedEnd {
    /// The named call.
    pub call_id: String,
    /// When the success was answered.
    pub at: Moment,
    /// True if the response shows a canceled call: then the series ends. Otherwise, only the later attempts end.
    pub is_canceled: bool,
}

/// A new time that a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedMove {
    /// The call.
    pub call_id: String,
    /// The new time.
    pub scheduled_at: Moment,
    /// When the success was answered. `None`: the outcome is unknown.
    pub at: Option<Moment>,
}

/// The history of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchHistory {
    /// Its id; `None` if it was not created.
    pub batch_id: Option<String>,
    /// The recipients' numbers that the service has taken.
    pub recipients: Vec<String>,
    /// The most calls to a recipient.
    pub attempts: usize,
    /// When it was paused.
    pub paused: Option<Span>,
    /// When its cancellation was answered with success.
    pub canceled: Option<Moment>,
    /// The recipients by the status of their last call, as the service counts them at the end.
    pub counts: Option<BTreeMap<String, usize>>,
}

/// A line of `/_sim/dials`.
#[derive(Deserialize)]
struct Line {
    at: String,
    call_id: Option<String>,
    call_sid: Option<String>,
    #[serde(default)]
    callee_clocks: Vec<Clock>,
    #[serde(default)]
    country_wide: bool,
}

#[derive(Deserialize)]
struct Clock {
    zone: String,
}

impl Dial {
    /// Reads a line of `/_sim/dials`.
    pub fn read(line: &str) -> Option<Self> {
        let line: Line = serde_json::from_str(line).ok()?;
        let zones = line.callee_clocks.into_iter().map(|clock| clock.zone);
        Some(Self {
            at: parse(&line.at)?,
            call_id: line.call_id?,
            call_sid: line.call_sid,
            zones: if line.country_wide {
                Vec::new()
            } else {
                zones.collect()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_the_simulator_is_read() {
        let line = r#"{"n":0,"at":"2026-11-28T00:00:01.500Z","to":"+12065550123","from":"+15005550006","call_id":"one","status":null,
            "code":null,"call_sid":"CA1","callee_clocks":[{"zone":"America/Los_Angeles","local_time":"x"}],"country_wide":false}"#;
        let dial = Dial::read(line).unwrap();
        assert_eq!(Some(dial.at), parse("2026-11-28T00:00:01.500Z"));
        assert_eq!(
            (dial.call_id.as_str(), dial.call_sid.as_deref()),
            ("one", Some("CA1"))
        );
        assert_eq!(dial.zones, ["America/Los_Angeles"]);
    }
}
