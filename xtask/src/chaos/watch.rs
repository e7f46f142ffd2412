//! Those who watch while a run goes on: one the statuses in the database, one the simulator's log.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::doc;
use mongodb::{Collection, Database};
use outdial::domain::CallStatus;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use super::evidence::{Webhook, WentBack, call_id_in, is_an_end};
use crate::Result;

/// How often the statuses are looked at, where the database is quick.
const LOOKS: Duration = Duration::from_millis(200);

/// How often the simulator's log is read.
const READS: Duration = Duration::from_millis(500);

/// What the watcher of statuses has seen.
#[derive(Debug, Default)]
pub struct Statuses {
    /// How many times all statuses were read.
    pub looks: usize,
    /// How many changes were seen.
    pub changes: usize,
    /// Those that went back.
    pub went_back: Vec<WentBack>,
    known: HashMap<String, Standing>,
}

/// Where a call stands.
#[derive(Clone, Debug, Deserialize)]
struct Standing {
    call_id: String,
    status: String,
    #[serde(default)]
    status_rank: i32,
}

impl Statuses {
    /// Looks at the statuses of all calls, again and again, until told to stop. What cannot be read just now is read later.
    pub async fn watch(database: Database, mut stop: watch::Receiver<bool>) -> Self {
        let calls: Collection<Standing> = database.collection("calls");
        let mut seen = Self::default();
        loop {
            let started = Instant::now();
            if let Ok(standings) = all(&calls).await {
                seen.looks += 1;
                for standing in standings {
                    seen.see(standing);
                }
            }
            let pause = LOOKS.max(started.elapsed() * 4);
            if stopped_within(&mut stop, pause).await {
                return seen;
            }
        }
    }

    fn see(&mut self, now: Standing) {
        let before = self.known.get(&now.call_id);
        if let Some(before) = before {
            if before.status == now.status && before.status_rank == now.status_rank {
                return;
            }
            self.changes += 1;
            // The reconciler's own `failed` gives way to whatever Twilio knows, and its rank says so.
            let was_given_up = before.status_rank == CallStatus::GIVEN_UP_RANK;
            let resumed = is_an_end(&before.status) && !is_an_end(&now.status);
            if !was_given_up && (now.status_rank < before.status_rank || resumed) {
                self.went_back.push(WentBack {
                    call_id: now.call_id.clone(),
                    from: before.status.clone(),
                    to: now.status.clone(),
                });
            }
        }
        self.known.insert(now.call_id.clone(), now);
    }
}

async fn all(calls: &Collection<Standing>) -> Result<Vec<Standing>> {
    let projection = doc! { "_id": 0, "call_id": 1, "status": 1, "status_rank": 1 };
    Ok(calls
        .find(doc! {})
        .projection(projection)
        .await?
        .try_collect()
        .await?)
}

/// What the simulator's log tells.
#[derive(Debug, Default)]
pub struct Journal {
    /// Every attempt to deliver a webhook.
    pub webhooks: Vec<Webhook>,
    /// The faults that struck, by kind.
    pub faults: BTreeMap<String, usize>,
    /// Entries that the simulator had forgotten before they were read.
    pub missed: u64,
    next: u64,
}

/// An entry of the log: fields that a kind does not have are absent.
#[derive(Debug, Deserialize)]
struct Entry {
    n: u64,
    kind: String,
    call_sid: Option<String>,
    webhook: Option<String>,
    rest: Option<Value>,
    action: Option<String>,
    when: Option<String>,
    event: Option<String>,
    url: Option<String>,
    status: Option<Value>,
    params: Option<Value>,
}

impl Journal {
    /// Follows the log of the simulator at this origin until told to stop.
    pub async fn follow(
        client: reqwest::Client,
        simulator: String,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        let mut journal = Self::default();
        loop {
            let stopped = stopped_within(&mut stop, READS).await;
            let url = format!("{simulator}/_sim/log?since={}", journal.next);
            let log = client
                .get(url)
                .send()
                .await?
                .error_for_status()?
                .text()
                .await?;
            journal.read(&log)?;
            if stopped {
                return Ok(journal);
            }
        }
    }

    fn read(&mut self, log: &str) -> Result<()> {
        for line in log.lines() {
            let entry: Entry = serde_json::from_str(line)
                .map_err(|error| format!("the simulator's log has {line:?}: {error}"))?;
            self.missed += entry.n.saturating_sub(self.next);
            self.next = entry.n + 1;
            match entry.kind.as_str() {
                "webhook" => self.webhooks.push(webhook(entry)),
                "fault" => *self.faults.entry(fault(entry)).or_default() += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

fn webhook(entry: Entry) -> Webhook {
    let answer = entry
        .status
        .and_then(|status| u16::try_from(status.as_u64()?).ok());
    let params = entry.params.unwrap_or_default();
    let param = |name: &str| params[name].as_str().map(str::to_owned);
    Webhook {
        call_sid: entry.call_sid.unwrap_or_default(),
        call_id: entry.url.as_deref().and_then(call_id_in),
        kind: entry.webhook.unwrap_or_default(),
        event: entry.event.unwrap_or_default(),
        answer,
        sequence: param("SequenceNumber").and_then(|number| number.parse().ok()),
        recording_sid: param("RecordingSid"),
    }
}

/// Such as `status drop`, or `create reset after`.
fn fault(entry: Entry) -> String {
    let request = entry.rest.and_then(|what| what.as_str().map(str::to_owned));
    let words = [entry.webhook.or(request), entry.action, entry.when];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Waits; `true` once there is nothing more to do.
async fn stopped_within(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    tokio::time::timeout(pause, stop.wait_for(|&stopped| stopped))
        .await
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backwards(course: &[(&str, i32)]) -> usize {
        let mut seen = Statuses::default();
        for (status, rank) in course {
            seen.see(Standing {
                call_id: "one".into(),
                status: (*status).into(),
                status_rank: *rank,
            });
        }
        seen.went_back.len()
    }

    #[test]
    fn a_status_that_goes_back_is_noticed() {
        assert_eq!(
            backwards(&[("initiated", 0), ("ringing", 1), ("completed", 4)]),
            0
        );
        assert_eq!(backwards(&[("failed", 3), ("completed", 4)]), 0);
        assert_eq!(backwards(&[("failed", 3), ("ringing", 1)]), 0);
        assert_eq!(backwards(&[("in-progress", 2), ("ringing", 1)]), 1);
        assert_eq!(backwards(&[("completed", 4), ("failed", 3)]), 1);
        assert_eq!(backwards(&[("completed", 4), ("ringing", 4)]), 1);
    }

    #[test]
    fn the_log_tells_of_webhooks_and_of_faults() {
        let mut journal = Journal::default();
        let log = concat!(
            r#"{"n":0,"at":"t","kind":"fault","call_sid":"CA1","webhook":"status","event":"ringing","action":"drop"}"#,
            "\n",
            r#"{"n":1,"at":"t","kind":"fault","rest":"create","action":"reset","when":"after","path":"/x"}"#,
            "\n",
            r#"{"n":4,"at":"t","kind":"webhook","call_sid":"CA1","webhook":"status","event":"ringing","attempt":1,
                "url":"http://127.0.0.1:1/twilio/status?call_id=one#rc=2","status":200,"params":{"SequenceNumber":"1"}}"#,
            "\n",
            r#"{"n":5,"at":"t","kind":"call.status","call_sid":"CA1","status":"ringing"}"#,
        );
        journal
            .read(&log.replace("\n                ", ""))
            .unwrap();
        assert_eq!(journal.missed, 2);
        let faults: Vec<_> = journal.faults.keys().map(String::as_str).collect();
        assert_eq!(faults, ["create reset after", "status drop"]);
        let [webhook] = &journal.webhooks[..] else {
            panic!("{:?}", journal.webhooks)
        };
        assert_eq!((webhook.answer, webhook.sequence), (Some(200), Some(1)));
        assert_eq!(webhook.call_id.as_deref(), Some("one"));
    }
}
