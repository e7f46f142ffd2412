//! Call time: the clock of one call, and the speed of all calls.
//!
//! Ten seconds of speech advance a call's clock by exactly ten seconds at any speed. A webhook advances it by the real
//! time that it took. A call's duration therefore doesn't depend on the machine's speed.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// The speed factor: seconds of call time per second of wall time.
#[derive(Clone, Copy, Debug)]
pub struct Speed(f64);

impl Speed {
    /// Call time equals wall time.
    pub const REAL_TIME: Self = Self(1.0);

    /// Parses a speed factor.
    ///
    /// # Errors
    ///
    /// A message, if `text` is not a number between 0.01 and 100,000.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(factor) if (0.01..=100_000.0).contains(&factor) => Ok(Self(factor)),
            _ => Err("must be a number between 0.01 and 100000".to_owned()),
        }
    }

    /// Converts call time to wall time.
    #[must_use]
    pub fn wall(self, call_time: Duration) -> Duration {
        call_time.div_f64(self.0)
    }

    /// Converts wall time to call time.
    #[must_use]
    pub fn call(self, wall: Duration) -> Duration {
        wall.mul_f64(self.0)
    }
}

/// The clock of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallClock {
    origin: DateTime<Utc>,
    passed: Duration,
}

impl CallClock {
    /// Starts a clock at `origin`.
    #[must_use]
    pub fn starting(origin: DateTime<Utc>) -> Self {
        Self {
            origin,
            passed: Duration::ZERO,
        }
    }

    /// The current date and time of the call.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.origin + TimeDelta::from_std(self.passed).unwrap_or(TimeDelta::MAX)
    }

    /// The age of the call, in call time.
    #[must_use]
    pub fn passed(&self) -> Duration {
        self.passed
    }

    /// The call time since the call had the age `then`.
    #[must_use]
    pub fn since(&self, then: Duration) -> Duration {
        self.passed.saturating_sub(then)
    }

    /// Advances the clock.
    pub fn advance(&mut self, by: Duration) {
        self.passed = self.passed.saturating_add(by);
    }
}

/// Formats a date as Twilio does: RFC 2822, in UTC.
#[must_use]
pub fn rfc2822(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
