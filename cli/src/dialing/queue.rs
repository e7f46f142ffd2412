//! The dial queue: the waiting calls, the pace and Twilio's refusal.

use std::collections::BTreeMap;
use std::fmt;

use mongodb::Database;
use outdial::config::Settings;
use outdial::dao::admin::queue::{self, WaitingGroup};
use outdial::domain::Pace;
use serde::Serialize;

use crate::error::Result;

/// The most groups in the text.
const SHOWN_MAX: usize = 20;

/// The dial queue.
#[derive(Serialize)]
pub struct Queue {
    /// Number of waiting calls.
    waiting: u64,
    /// The waiting calls by lane, and by what they wait for.
    by_lane: BTreeMap<String, BTreeMap<String, u64>>,
    #[serde(skip)]
    groups: Vec<WaitingGroup>,
    /// `DIALS_PER_SECOND`, if the command's variables have a dial queue.
    dials_per_second: Option<f64>,
    /// Seconds until the next dial is permitted. `None`: the indexes were not created by this version.
    next_permit_seconds: Option<f64>,
    /// Seconds since a schedule started `dispatch`. `None`: never, or before this version.
    dispatched_seconds_ago: Option<u64>,
    /// Twilio's refusal of the account, because of which no calls are dialled but probes.
    stopped: Option<Stopped>,
}

#[derive(Serialize)]
struct Stopped {
    /// Twilio's error code.
    code: Option<i32>,
    /// RFC 3339.
    since: Option<String>,
}

impl Queue {
    /// Reads the dial queue.
    pub async fn read(database: &Database, settings: &Settings) -> Result<Self> {
        let (groups, state) =
            tokio::try_join!(queue::count_waiting(database), queue::state(database))?;
        let mut by_lane: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for group in &groups {
            let lane = by_lane.entry(group.lane.clone()).or_default();
            *lane.entry(group.waiting_for.clone()).or_default() += group.count;
        }
        let dispatcher = state.dispatcher;
        let pace = settings.pace_of_queue().ok().flatten();
        Ok(Self {
            waiting: groups.iter().map(|group| group.count).sum(),
            by_lane,
            groups,
            dials_per_second: pace.map(Pace::dials_per_second),
            next_permit_seconds: state.next_permit.map(|wait| wait.as_secs_f64()),
            dispatched_seconds_ago: dispatcher
                .as_ref()
                .and_then(|dispatcher| dispatcher.last_run)
                .map(|ago| ago.as_secs()),
            stopped: dispatcher
                .and_then(|dispatcher| dispatcher.stop)
                .map(|stop| Stopped {
                    code: stop.code,
                    since: stop.since.try_to_rfc3339_string().ok(),
                }),
        })
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiting calls: {}", self.waiting)?;
        for WaitingGroup {
            lane,
            waiting_for,
            count,
        } in self.groups.iter().take(SHOWN_MAX)
        {
            write!(f, "\n  {count}  {lane}, waiting for {waiting_for}")?;
        }
        if let Some(more) = self
            .groups
            .len()
            .checked_sub(SHOWN_MAX)
            .filter(|more| *more > 0)
        {
            write!(f, "\n  and {more} smaller groups")?;
        }
        if let Some(pace) = self.dials_per_second {
            write!(f, "\npace: {pace} a second (DIALS_PER_SECOND)")?;
        }
        match self.next_permit_seconds {
            Some(wait) => write!(f, "\nnext permit: in {wait:.1} s")?,
            None => f.write_str("\nnext permit: unknown, run `outdial indexes`")?,
        }
        match self.dispatched_seconds_ago {
            Some(seconds) => write!(f, "\nlast run of dispatch by its schedule: {seconds} s ago")?,
            None => f.write_str("\nlast run of dispatch by its schedule: unknown")?,
        }
        let Some(Stopped { code, since }) = &self.stopped else {
            return Ok(());
        };
        f.write_str("\nTwilio refuses the account")?;
        if let Some(code) = code {
            write!(f, " (error {code})")?;
        }
        if let Some(since) = since {
            write!(f, " since {since}")?;
        }
        f.write_str(": one call a minute is tried")
    }
}
