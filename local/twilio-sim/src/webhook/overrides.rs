//! Connection overrides: timeouts and retries in the fragment of a webhook's URL.

use std::time::Duration;

/// The kinds of failed delivery that a retry policy distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Connecting failed or took too long (`ct`).
    Connect,
    /// The response was late or the connection broke (`rt`).
    Read,
    /// A response of 400 to 499 (`4xx`).
    ClientError,
    /// A response of 500 to 599 (`5xx`).
    ServerError,
    /// An unusable URL or redirect; never retried.
    Unusable,
}

/// The timeouts and retries of one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overrides {
    /// `rc`: the number of retries, 0 to 5; 1 by default.
    pub retries: u32,
    /// `rp`: the failures to retry; a failed connect by default.
    policy: Vec<String>,
    /// `ct`: the connect timeout, 100 ms to 10 s; 5 s by default.
    pub connect: Duration,
    /// `rt`: the read timeout, 100 ms to 15 s; 15 s by default.
    pub read: Duration,
    /// `tt`: the total time of all attempts, 100 ms to 15 s; 15 s by default.
    pub total: Duration,
}

impl Overrides {
    /// Parses the fragment of `url`. Missing and invalid values get their defaults.
    #[must_use]
    pub fn from_url(url: &str) -> Self {
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

    /// Returns true if the policy allows a retry after this failure.
    #[must_use]
    pub fn retry_on(&self, failure: Failure) -> bool {
        let name = match failure {
            Failure::Connect => "ct",
            Failure::Read => "rt",
            Failure::ClientError => "4xx",
            Failure::ServerError => "5xx",
            Failure::Unusable => return false,
        };
        self.policy.iter().any(|word| word == name || word == "all")
    }
}
