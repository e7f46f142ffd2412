//! Connection overrides: how the fragment of a webhook's URL changes its delivery.

use std::time::Duration;

/// What can go wrong with a delivery, as far as the retry policy tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Connecting failed or took too long (`ct`).
    Connect,
    /// No answer in time, or the connection broke (`rt`).
    Read,
    /// An answer of 400 to 499 (`4xx`).
    ClientError,
    /// An answer of 500 to 599 (`5xx`).
    ServerError,
    /// An answer that can't be followed; never retried.
    Answer,
}

/// How one webhook is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overrides {
    /// `rc`: how many times it is sent again, 0 to 5; 1 by default.
    pub retries: u32,
    /// `rp`: after what; a failed connect by default.
    policy: Vec<String>,
    /// `ct`: the connect time-out, 100 ms to 10 s; 5 s by default.
    pub connect: Duration,
    /// `rt`: the read time-out, 100 ms to 15 s; 15 s by default.
    pub read: Duration,
    /// `tt`: the time for all attempts together, 100 ms to 15 s; 15 s by default.
    pub total: Duration,
}

impl Overrides {
    /// Reads the fragment of `url`. What it doesn't say, or says out of range, is as without it.
    #[must_use]
    pub fn of(url: &str) -> Self {
        let fragment = url.split_once('#').map_or("", |(_, fragment)| fragment);
        let value = |wanted: &str| {
            fragment
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let millis = |name: &str, range: std::ops::RangeInclusive<u64>, default: u64| {
            let given = value(name)
                .and_then(|text| text.parse().ok())
                .filter(|ms| range.contains(ms));
            Duration::from_millis(given.unwrap_or(default))
        };
        let policy = value("rp")
            .unwrap_or("ct")
            .replace("%2C", ",")
            .replace("%2c", ",");
        Self {
            retries: value("rc")
                .and_then(|text| text.parse().ok())
                .filter(|count| *count <= 5)
                .unwrap_or(1),
            policy: policy.split(',').map(str::to_owned).collect(),
            connect: millis("ct", 100..=10_000, 5_000),
            read: millis("rt", 100..=15_000, 15_000),
            total: millis("tt", 100..=15_000, 15_000),
        }
    }

    /// Whether the policy names this failure.
    #[must_use]
    pub fn retry_on(&self, failure: Failure) -> bool {
        let name = match failure {
            Failure::Connect => "ct",
            Failure::Read => "rt",
            Failure::ClientError => "4xx",
            Failure::ServerError => "5xx",
            Failure::Answer => return false,
        };
        self.policy.iter().any(|word| word == name || word == "all")
    }
}
