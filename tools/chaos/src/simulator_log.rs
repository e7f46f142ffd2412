//! Follows the simulator's log during a run: webhooks and faults.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use stack::Result;
use tokio::sync::watch;

use crate::evidence::{Webhook, call_id_in};
use crate::moment::parse;
use crate::stop::stopped_within;

/// The interval of reading the log.
const INTERVAL: Duration = Duration::from_millis(500);

/// The most failures in a row.
const FAILURES_MAX: usize = 20;

/// The webhooks and faults in the log so far.
#[derive(Debug, Default)]
pub struct SimulatorLog {
    /// Every attempt to deliver a webhook.
    pub webhooks: Vec<Webhook>,
    /// Injected faults, by kind.
    pub faults: BTreeMap<String, usize>,
    /// The keys that were pressed in each call.
    pub pressed: BTreeMap<String, String>,
    /// The calls whose results of machine detection were dropped or delayed.
    pub late_verdicts: BTreeSet<String>,
    /// The calls of which an update failed.
    pub failed_updates: BTreeSet<String>,
    /// Entries that the simulator dropped before they were read.
    pub missed: u64,
    next: u64,
}

/// An entry of the log. Fields that don't belong to its kind are absent.
#[derive(Debug, Deserialize)]
struct Entry {
    n: u64,
    at: String,
    kind: String,
    path: Option<String>,
    key: Option<String>,
    call_sid: Option<String>,
    webhook: Option<String>,
    rest: Option<Value>,
    action: Option<String>,
    when: Option<String>,
    event: Option<String>,
    url: Option<String>,
    status: Option<Value>,
    params: Option<Value>,
    elapsed_ms: Option<u64>,
}

impl SimulatorLog {
    /// Follows the log of the simulator at this origin until the run stops.
    pub async fn follow(
        client: reqwest::Client,
        simulator: String,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        let mut seen = Self::default();
        let mut failed = 0;
        loop {
            let stopped = stopped_within(&mut stop, INTERVAL).await;
            let url = format!("{simulator}/_sim/log?since={}", seen.next);
            let response = match client.get(url).send().await {
                Ok(response) => response,
                // The simulator refuses new connections for some seconds of the plan.
                Err(_) if failed < FAILURES_MAX && !stopped => {
                    failed += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            failed = 0;
            seen.read(&response.error_for_status()?.text().await?)?;
            if stopped {
                return Ok(seen);
            }
        }
    }

    fn read(&mut self, log: &str) -> Result<()> {
        for line in log.lines() {
            let entry: Entry = serde_json::from_str(line)
                .map_err(|error| format!("can't parse the simulator's log: {error}: {line:?}"))?;
            self.missed += entry.n.saturating_sub(self.next);
            self.next = entry.n + 1;
            match entry.kind.as_str() {
                "webhook" => self.webhooks.push(webhook(entry)),
                "key" => {
                    let sid = entry.call_sid.unwrap_or_default();
                    let keys = self.pressed.entry(sid).or_default();
                    keys.push_str(&entry.key.unwrap_or_default());
                }
                "fault" => self.note_fault(entry),
                _ => {}
            }
        }
        Ok(())
    }

    fn note_fault(&mut self, entry: Entry) {
        let is_late = matches!(entry.action.as_deref(), Some("drop" | "delay"));
        if entry.webhook.as_deref() == Some("amd") && is_late {
            self.late_verdicts.extend(entry.call_sid.clone());
        }
        if entry.rest.as_ref().is_some_and(|rest| rest == "update") {
            let path = entry.path.as_deref().unwrap_or_default();
            let sid = path.split(['/', '.']).find(|it| it.starts_with("CA"));
            self.failed_updates.extend(sid.map(str::to_owned));
        }
        *self.faults.entry(fault(entry)).or_default() += 1;
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
        at: parse(&entry.at).unwrap_or_default(),
        event: entry.event.unwrap_or_default(),
        answer,
        elapsed_ms: entry.elapsed_ms.unwrap_or_default(),
        sequence: param("SequenceNumber").and_then(|number| number.parse().ok()),
        recording_sid: param("RecordingSid"),
        url: entry.url.unwrap_or_default(),
        ..Webhook::default()
    }
    .with_digits(params["Digits"].as_str())
}

/// Returns a text such as `status drop` or `create reset after`.
fn fault(entry: Entry) -> String {
    let request = entry.rest.and_then(|what| what.as_str().map(str::to_owned));
    let words = [entry.webhook.or(request), entry.action, entry.when];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_and_faults_are_read() {
        let mut seen = SimulatorLog::default();
        let log = concat!(
            r#"{"n":0,"at":"t","kind":"fault","call_sid":"CA1","webhook":"status","event":"ringing","action":"drop"}"#,
            "\n",
            r#"{"n":1,"at":"t","kind":"fault","rest":"create","action":"reset","when":"after","path":"/x"}"#,
            "\n",
            r#"{"n":4,"at":"t","kind":"webhook","call_sid":"CA1","webhook":"status","event":"ringing","attempt":1,
                "url":"http://127.0.0.1:1/twilio/status?call_id=one#rc=2","status":200,"params":{"SequenceNumber":"1"}}"#,
            "\n",
            r#"{"n":5,"at":"t","kind":"key","call_sid":"CA1","key":"4","call_time_ms":1}"#,
            "\n",
            r#"{"n":6,"at":"t","kind":"fault","call_sid":"CA2","webhook":"amd","event":"human","action":"delay"}"#,
            "\n",
            r#"{"n":7,"at":"t","kind":"fault","rest":"update","action":"reset","when":"before","path":"/2010-04-01/Accounts/ACa/Calls/CA3.json"}"#,
        );
        seen.read(&log.replace("\n                ", "")).unwrap();
        assert_eq!(seen.missed, 2);
        let faults: Vec<_> = seen.faults.keys().map(String::as_str).collect();
        assert_eq!(
            faults,
            [
                "amd delay",
                "create reset after",
                "status drop",
                "update reset before"
            ]
        );
        assert_eq!(seen.pressed["CA1"], "4");
        assert!(seen.late_verdicts.contains("CA2") && seen.failed_updates.contains("CA3"));
        let [webhook] = &seen.webhooks[..] else {
            panic!("{:?}", seen.webhooks)
        };
        assert_eq!((webhook.answer, webhook.sequence), (Some(200), Some(1)));
        assert_eq!(webhook.call_id.as_deref(), Some("one"));
    }
}
