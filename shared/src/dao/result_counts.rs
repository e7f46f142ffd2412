//! Numbers of calls by stored result.

use std::collections::BTreeMap;

/// Numbers by stored result: the most frequent ones each, the others in all. Outcomes are the clients' own words, so there may be
/// any number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultCounts {
    /// The most frequent results.
    pub by_result: BTreeMap<String, u64>,
    /// Number of all others.
    pub others: u64,
}

impl ResultCounts {
    /// Maximum number of results that are counted each.
    pub const MAX: usize = 20;

    /// Takes the number of each result. A result may come several times.
    #[must_use]
    pub fn of(counts: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut all = BTreeMap::<_, u64>::new();
        for (result, count) in counts {
            *all.entry(result).or_default() += count;
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let others = all.split_off(all.len().min(Self::MAX));
        Self {
            by_result: all.into_iter().collect(),
            others: others.into_iter().map(|(_, count)| count).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_frequent_results_are_counted_each() {
        let counts = (1..=25_u64).map(|count| (format!("result_{count}"), count));
        let counts = ResultCounts::of(counts.chain([("result_1".to_owned(), 24)]));
        assert_eq!(counts.by_result.len(), ResultCounts::MAX);
        assert_eq!(counts.by_result["result_1"], 25);
        assert_eq!(counts.by_result["result_7"], 7);
        assert_eq!(counts.others, 2 + 3 + 4 + 5 + 6);
    }
}
