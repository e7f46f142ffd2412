//! The lines that functions print: log lines, and metrics in the embedded metric format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The `STACK_NAME` of all functions.
pub const STACK: &str = "stack-of-quicksilver";

/// A line of a log.
pub type Line = Map<String, Value>;

/// A metric: its name, and its dimensions without `Stack` and `Function`.
pub type Metric = (String, BTreeMap<String, String>);

/// Everything that was printed, by kind of line.
#[derive(Default)]
pub struct Lines {
    pub log: Vec<Line>,
    /// The values of each metric.
    pub metrics: BTreeMap<Metric, Vec<f64>>,
}

impl Lines {
    /// Parses the lines. Each must be a JSON object without duplicate names, and a valid log or metric line.
    pub fn read(printed: &str) -> Self {
        let mut lines = Self::default();
        for line in printed.lines() {
            let Members(members) =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if members.contains_key("_aws") {
                lines.read_metrics(&members);
            } else {
                for name in ["timestamp", "level", "message", "function"] {
                    assert!(members[name].is_string(), "no {name}: {line}");
                }
                lines.log.push(members);
            }
        }
        lines
    }

    fn read_metrics(&mut self, line: &Line) {
        let metadata = &line["_aws"];
        assert!(metadata["Timestamp"].as_u64() > Some(1_700_000_000_000));
        assert_eq!(
            metadata["CloudWatchMetrics"].as_array().map(Vec::len),
            Some(1)
        );
        let directive = &metadata["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "outdial");
        assert_eq!(directive["Dimensions"].as_array().map(Vec::len), Some(1));
        let names = texts(&directive["Dimensions"][0]);
        for name in ["Stack", "Function"] {
            assert!(names.contains(name), "{line:?}");
        }
        assert_eq!(line["Stack"], STACK);
        let dimension = |name: &String| {
            let value = line[name].as_str().expect("a dimension is a text");
            (name.clone(), value.to_owned())
        };
        let dimensions: BTreeMap<_, _> = names.iter().map(dimension).collect();
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert!(!metrics.is_empty() && metrics.len() <= 100);
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            let is_time = name == "WebhookLag";
            let unit = if is_time { "Milliseconds" } else { "Count" };
            assert_eq!(metric["Unit"], unit, "{name}");
            let values: Vec<_> = match &line[name] {
                Value::Array(values) if is_time => values.iter().map(Value::as_f64).collect(),
                value => vec![value.as_f64()],
            };
            let mut own = dimensions.clone();
            own.retain(|name, _| name != "Stack" && name != "Function");
            let stored = self.metrics.entry((name.to_owned(), own)).or_default();
            stored.extend(values.into_iter().map(|value| value.expect("a number")));
        }
        // A member that is neither a metric nor a dimension could be personal data.
        let known = names.len() + metrics.len() + 1;
        assert_eq!(line.len(), known, "{line:?}");
    }

    /// Checks that each log line names its request, message, call or invocation.
    pub fn assert_context(&self) {
        for line in &self.log {
            let needed: &[_] = match line.get("name").and_then(Value::as_str) {
                Some("request") => &["request_id", "method", "route"],
                Some("message") => &["request_id", "message_id"],
                Some("call") => &["request_id", "call_id"],
                Some("invocation") => &["request_id"],
                _ => {
                    let message = line["message"].as_str().unwrap_or_default();
                    let is_the_runtimes = line["target"] == "lambda_runtime::layers::api_response";
                    assert!(message == "starting" || is_the_runtimes, "{line:?}");
                    continue;
                }
            };
            for name in needed {
                assert!(
                    line.get(*name).is_some_and(Value::is_string),
                    "no {name}: {line:?}"
                );
            }
        }
        for line in self.with("message", "answered") {
            for name in ["status", "elapsed_ms"] {
                assert!(line[name].is_u64(), "no {name}: {line:?}");
            }
            let is_with_key = ["users", "outbound-calls"]
                .contains(&line["function"].as_str().unwrap_or_default())
                && ![401, 404, 405].contains(&line["status"].as_u64().unwrap_or_default());
            assert!(
                !is_with_key || line.get("api_key") == Some(&"backend".into()),
                "{line:?}"
            );
        }
    }

    /// The sum of a metric over all functions.
    pub fn sum(&self, name: &str, dimension: Option<(&str, &str)>) -> f64 {
        let dimensions = dimension
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let values = self.metrics.get(&(name.to_owned(), dimensions));
        values.into_iter().flatten().sum()
    }

    /// The log lines whose field has this value.
    pub fn with(&self, field: &str, value: impl Into<Value>) -> Vec<&Line> {
        let value = value.into();
        let lines = self.log.iter();
        lines
            .filter(|line| line.get(field) == Some(&value))
            .collect()
    }

    /// All string values of a field.
    pub fn all(&self, field: &str) -> BTreeSet<&str> {
        let lines = self.log.iter();
        lines.filter_map(|line| line.get(field)?.as_str()).collect()
    }
}

fn texts(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().expect("a list");
    list.iter()
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

/// The members of an object without duplicate names.
struct Members(Line);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadMembers)
    }
}

struct ReadMembers;

impl<'de> Visitor<'de> for ReadMembers {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Line::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.insert(name.clone(), value).is_some() {
                return Err(serde::de::Error::custom(format!("duplicate name {name}")));
            }
        }
        Ok(Members(members))
    }
}
