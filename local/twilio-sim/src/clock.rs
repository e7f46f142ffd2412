//! The time of one call.
//!
//! A call has a time of its own: waiting for ten seconds of speech moves it by exactly ten seconds, whatever the
//! speed at which the simulator runs, and a webhook moves it by what it really took. So a duration depends on what
//! was said, not on how fast the machine is.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How many seconds of call time pass in one second of the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Speed(f64);

impl Speed {
    /// The speed at which everything takes as long as it does in life.
    pub const LIFE: Self = Self(1.0);

    /// Parses a factor, `1` being life.
    ///
    /// # Errors
    ///
    /// A sentence, where the factor is not a number between 0.01 and 100,000.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(factor) if (0.01..=100_000.0).contains(&factor) => Ok(Self(factor)),
            _ => Err("must be a number between 0.01 and 100000".to_owned()),
        }
    }

    /// The wall time that `call_time` takes.
    #[must_use]
    pub fn wall(self, call_time: Duration) -> Duration {
        call_time.div_f64(self.0)
    }

    /// The call time that passes in `wall`.
    #[must_use]
    pub fn call(self, wall: Duration) -> Duration {
        wall.mul_f64(self.0)
    }
}

/// Where one call stands in its own time.
#[derive(Clone, Copy, Debug)]
pub struct CallClock {
    origin: DateTime<Utc>,
    passed: Duration,
}

impl CallClock {
    /// A clock that starts at `origin`.
    #[must_use]
    pub fn starting(origin: DateTime<Utc>) -> Self {
        Self {
            origin,
            passed: Duration::ZERO,
        }
    }

    /// The time in the call's own calendar.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.origin + TimeDelta::from_std(self.passed).unwrap_or(TimeDelta::MAX)
    }

    /// How long the call has existed.
    #[must_use]
    pub fn passed(&self) -> Duration {
        self.passed
    }

    /// How long it is since the call was `then` old.
    #[must_use]
    pub fn since(&self, then: Duration) -> Duration {
        self.passed.saturating_sub(then)
    }

    /// Moves the clock on.
    pub fn advance(&mut self, by: Duration) {
        self.passed = self.passed.saturating_add(by);
    }
}

/// The form of every date that Twilio writes: RFC 2822, in UTC.
#[must_use]
pub fn rfc2822(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
