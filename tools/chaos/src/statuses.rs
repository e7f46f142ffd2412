//! Watches the statuses in the database during a run, and reports those that went backwards.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::doc;
use mongodb::{Collection, Database};
use outdial::domain::CallStatus;
use serde::Deserialize;
use stack::Result;
use tokio::sync::watch;

use crate::evidence::{WentBack, is_terminal};
use crate::moment::{Moment, now};
use crate::stop::stopped_within;

/// The interval of reading the statuses. With a slow database, reading takes at most a fifth of the time.
const INTERVAL: Duration = Duration::from_millis(200);

/// The statuses of all calls so far, and their changes.
#[derive(Debug, Default)]
pub struct StatusWatch {
    /// Number of times that all statuses were read.
    pub looks: usize,
    /// Number of changes seen.
    pub changes: usize,
    /// Changes to an earlier status.
    pub went_back: Vec<WentBack>,
    known: HashMap<String, CallState>,
    /// When the known statuses were read.
    read_at: Moment,
}

/// The status of a call.
#[derive(Clone, Debug, Deserialize)]
struct CallState {
    call_id: String,
    status: String,
    #[serde(default)]
    status_rank: i32,
}

impl StatusWatch {
    /// Reads the statuses of all calls at intervals until the run stops. If reading fails, the next interval tries again.
    pub async fn run(database: Database, mut stop: watch::Receiver<bool>) -> Self {
        let calls: Collection<CallState> = database.collection("calls");
        let mut seen = Self::default();
        loop {
            let (started, at) = (Instant::now(), now());
            if let Ok(states) = read_all(&calls).await {
                seen.looks += 1;
                for state in states {
                    seen.observe(state);
                }
                seen.read_at = at;
            }
            let pause = INTERVAL.max(started.elapsed() * 4);
            if stopped_within(&mut stop, pause).await {
                return seen;
            }
        }
    }

    fn observe(&mut self, now: CallState) {
        let before = self.known.get(&now.call_id);
        if let Some(before) = before {
            if before.status == now.status && before.status_rank == now.status_rank {
                return;
            }
            self.changes += 1;
            // Any callback may replace the `failed` of a call that `reconcile` gave up.
            let was_given_up = before.status_rank == CallStatus::GIVEN_UP_RANK;
            let resumed = is_terminal(&before.status) && !is_terminal(&now.status);
            if !was_given_up && (now.status_rank < before.status_rank || resumed) {
                self.went_back.push(WentBack {
                    call_id: now.call_id.clone(),
                    from: before.status.clone(),
                    to: now.status.clone(),
                    last_seen: self.read_at,
                });
            }
        }
        self.known.insert(now.call_id.clone(), now);
    }
}

async fn read_all(calls: &Collection<CallState>) -> Result<Vec<CallState>> {
    let projection = doc! { "_id": 0, "call_id": 1, "status": 1, "status_rank": 1 };
    Ok(calls
        .find(doc! {})
        .projection(projection)
        .await?
        .try_collect()
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backward_changes(history: &[(&str, i32)]) -> usize {
        let mut seen = StatusWatch::default();
        for (status, rank) in history {
            seen.observe(CallState {
                call_id: "one".into(),
                status: (*status).into(),
                status_rank: *rank,
            });
        }
        seen.went_back.len()
    }

    #[test]
    fn backward_change_is_found() {
        assert_eq!(
            backward_changes(&[("initiated", 0), ("ringing", 1), ("completed", 4)]),
            0
        );
        assert_eq!(backward_changes(&[("failed", 3), ("completed", 4)]), 0);
        assert_eq!(backward_changes(&[("failed", 3), ("ringing", 1)]), 0);
        assert_eq!(backward_changes(&[("in-progress", 2), ("ringing", 1)]), 1);
        assert_eq!(backward_changes(&[("completed", 4), ("failed", 3)]), 1);
        assert_eq!(backward_changes(&[("completed", 4), ("ringing", 4)]), 1);
    }
}
