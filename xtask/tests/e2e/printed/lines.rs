//! The lines that functions print: logs, and metrics in the embedded metric format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The stack's name, where functions are started by [`Host`](super::host::Host).
pub const STACK: &str = "stack-of-quicksilver";

/// A line of a log.
pub type Line = Map<String, Value>;

/// A metric that was told: its name, and its dimensions but for the stack and the function.
pub type Metric = (String, BTreeMap<String, String>);

/// What was printed, told apart.
#[derive(Default)]
pub struct Lines {
    pub log: Vec<Line>,
    /// The values of each metric.
    pub metrics: BTreeMap<Metric, Vec<f64>>,
}

impl Lines {
    /// Reads them: each is one JSON object whose members have names of their own, and what a log's or a metric's line must be.
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
        let told = &line["_aws"];
        assert!(told["Timestamp"].as_u64() > Some(1_700_000_000_000));
        assert_eq!(told["CloudWatchMetrics"].as_array().map(Vec::len), Some(1));
        let directive = &told["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "outdial");
        assert_eq!(directive["Dimensions"].as_array().map(Vec::len), Some(1));
        let names = texts(&directive["Dimensions"][0]);
        for name in ["Stack", "Function"] {
            assert!(names.contains(name), "{line:?}");
        }
        assert_eq!(line["Stack"], STACK);
        let of_a_dimension = |name: &String| {
            let value = line[name].as_str().expect("a dimension is a text");
            (name.clone(), value.to_owned())
        };
        let dimensions: BTreeMap<_, _> = names.iter().map(of_a_dimension).collect();
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
            let told = self.metrics.entry((name.to_owned(), own)).or_default();
            told.extend(values.into_iter().map(|value| value.expect("a number")));
        }
        // Nothing beside what is declared: a member that is neither would be somebody's data.
        let known = names.len() + metrics.len() + 1;
        assert_eq!(line.len(), known, "{line:?}");
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

    /// The lines whose field is that.
    pub fn with(&self, field: &str, value: impl Into<Value>) -> Vec<&Line> {
        let value = value.into();
        let lines = self.log.iter();
        lines
            .filter(|line| line.get(field) == Some(&value))
            .collect()
    }

    /// The texts that a field has in all lines.
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

/// The members of an object, none of which comes twice.
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
                return Err(serde::de::Error::custom(format!("{name} comes twice")));
            }
        }
        Ok(Members(members))
    }
}
