//! The log of everything that happens, as JSON objects in order.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Mutex;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// The most entries to keep; each further one removes the oldest.
pub const KEPT_ENTRIES: usize = 20_000;

/// The log behind `GET /_sim/log`.
#[derive(Debug)]
pub struct Log {
    entries: Mutex<Entries>,
    live: broadcast::Sender<Value>,
    print: bool,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    kept: VecDeque<Value>,
}

impl Log {
    /// Creates an empty log. With `print`, it prints each entry in readable form on standard output.
    #[must_use]
    pub fn new(print: bool) -> Self {
        Self {
            entries: Mutex::default(),
            live: broadcast::channel(4_096).0,
            print,
        }
    }

    /// Adds an entry of this `kind`, with the call's SID if there is a call, and the fields of `detail`.
    pub fn write(&self, kind: &str, call_sid: Option<&str>, detail: Value) {
        let mut entry = json!({
            "n": 0,
            "at": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "kind": kind,
        });
        if let Some(sid) = call_sid {
            entry["call_sid"] = sid.into();
        }
        if let Value::Object(fields) = detail {
            for (name, value) in fields {
                entry[name] = value;
            }
        }
        if self.print {
            // A closed standard output must not stop the simulator.
            let _ = writeln!(std::io::stdout().lock(), "{}", readable(&entry));
        }
        let mut entries = self
            .entries
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        entry["n"] = entries.next.into();
        entries.next += 1;
        if entries.kept.len() == KEPT_ENTRIES {
            entries.kept.pop_front();
        }
        entries.kept.push_back(entry.clone());
        // Readers subscribe under the same lock, so they get each entry exactly once. Without readers, sending fails.
        let _ = self.live.send(entry);
    }

    /// Returns the kept entries from number `since` on, and a channel with the later ones.
    #[must_use]
    pub fn read(&self, since: u64) -> (Vec<Value>, broadcast::Receiver<Value>) {
        let entries = self
            .entries
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = entries.next - entries.kept.len() as u64;
        let skip = usize::try_from(since.saturating_sub(first)).unwrap_or(usize::MAX);
        (
            entries.kept.iter().skip(skip).cloned().collect(),
            self.live.subscribe(),
        )
    }
}

/// Formats an entry for people: the time, the call, and what happened.
fn readable(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let time = text("at").get(11..23).unwrap_or_default();
    let call = text("call_sid").get(..8).unwrap_or_default();
    format!("{time}  {call:<8}  {}", sentence(entry, text))
}

fn sentence<'a>(entry: &'a Value, text: impl Fn(&str) -> &'a str) -> String {
    let outcome = match &entry["status"] {
        Value::Number(status) => status.to_string(),
        _ => format!("{} ({})", text("error"), entry["error_code"]),
    };
    match text("kind") {
        "rest" => format!(
            "{} {} -> {outcome}  ({} ms)",
            text("method"),
            text("path"),
            entry["elapsed_ms"]
        ),
        "call.status" => match text("to") {
            "" => format!("== {}", text("status")),
            to => format!("== {}: {} -> {to}", text("status"), text("from")),
        },
        "webhook" => format!(
            "   {} {}: {} {} -> {outcome}  (attempt {}, {} ms{})",
            text("webhook"),
            text("event"),
            text("method"),
            text("url"),
            entry["attempt"],
            entry["elapsed_ms"],
            if entry["retry"] == true {
                ", will retry"
            } else {
                ""
            },
        ),
        "verb" => format!("   <{}> {}{}", text("verb"), text("text"), text("url")),
        kind @ ("warning" | "error") => format!("!! {kind} {}: {}", entry["code"], text("message")),
        kind => format!("   {kind} {}", details(entry)),
    }
}

fn details(entry: &Value) -> String {
    let fields = entry.as_object().into_iter().flatten();
    let shown = fields.filter(|(name, value)| {
        !matches!(name.as_str(), "n" | "at" | "kind" | "call_sid") && !value.is_null()
    });
    shown
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}
