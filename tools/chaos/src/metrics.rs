//! Adds up the metrics that the functions have written to their logs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use stack::Result;

/// Returns the sum of each metric in a log.
///
/// # Errors
///
/// If the file can't be read.
pub fn counted(log: &Path) -> Result<BTreeMap<String, u64>> {
    Ok(sums(&std::fs::read_to_string(log)?))
}

fn sums(log: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("\"_aws\"")) {
        let parsed = line
            .find('{')
            .map(|start| serde_json::from_str::<Value>(&line[start..]));
        let Some(Ok(fields)) = parsed else {
            continue;
        };
        let groups = fields["_aws"]["CloudWatchMetrics"].as_array();
        let metrics = groups
            .into_iter()
            .flatten()
            .filter_map(|group| group["Metrics"].as_array());
        for name in metrics
            .flatten()
            .filter_map(|metric| metric["Name"].as_str())
        {
            // Durations are lists, and are left out.
            if let Some(count) = fields[name].as_u64() {
                *sums.entry(name.to_owned()).or_default() += count;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_lines_are_added() {
        let log = concat!(
            r#"status        | {"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"outdial","Dimensions":[["Function"]],"Metrics":[{"Name":"A"},{"Name":"B"}]}]},"Function":"status","A":2,"B":1}"#,
            "\n",
            r#"status        | {"level":"INFO","message":"no _aws here"}"#,
            "\n",
            r#"replay        | {"_aws":{"CloudWatchMetrics":[{"Metrics":[{"Name":"A"},{"Name":"Lag"}]}]},"A":3,"Lag":[1.0,2.5]}"#,
        );
        assert_eq!(
            sums(log),
            BTreeMap::from([("A".to_owned(), 5), ("B".to_owned(), 1)])
        );
    }
}
