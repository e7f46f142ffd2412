//! Counts as text, for a line of the report.

use std::collections::BTreeMap;
use std::fmt::Display;

/// Number of kinds in one line of the table.
const LISTED: usize = 16;

/// Lists counts, the largest first.
pub fn listed<K: Display, V: Copy + Ord + Display>(counts: &BTreeMap<K, V>) -> String {
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
