//! The pace of a batch: whether it can finish in time, and when.

use bson::DateTime;
use chrono::{TimeDelta, Utc};

use super::{Batches, utc};
use crate::domain::{Batch, Pace, RuleError, TimeZone};

/// A batch has more calls than its pace and the calling hours allow before it expires.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CannotFinish {
    /// Number of calls that wait.
    pub waiting: u64,
    /// The pace, in calls a second.
    pub calls_per_second: f64,
    /// Seconds of calling hours before the batch expires.
    pub seconds: u64,
}

impl Batches {
    /// The pace at which the calls of a batch are dialled, if no other calls wait.
    fn pace_of(&self, batch: &Batch) -> Pace {
        let all = self.pace;
        match batch.pace() {
            Some(own) if own.dials_per_second() < all.dials_per_second() => own,
            _ => all,
        }
    }

    /// Checks that the pace and the calling hours allow this number of calls before the batch expires. It is an estimate: the
    /// hours are those of the user's time zone, or of the default one.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`].
    pub fn can_finish(
        &self,
        batch: &Batch,
        zone: Option<&TimeZone>,
        waiting: u64,
        now: DateTime,
    ) -> Result<Result<(), CannotFinish>, RuleError> {
        let (from, until) = (utc(Self::begin(batch, now)), utc(batch.expires_at));
        let seconds = self.rules.allowed_seconds(&self.zones(zone), from, until)?;
        let pace = self.pace_of(batch);
        if seconds >= seconds_for(waiting, pace) {
            return Ok(Ok(()));
        }
        Ok(Err(CannotFinish {
            waiting,
            calls_per_second: pace.dials_per_second(),
            seconds,
        }))
    }

    /// Estimates when the last of this number of waiting calls can be dialled. `None` if the batch expires before that.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`].
    pub fn eta(
        &self,
        batch: &Batch,
        zone: Option<&TimeZone>,
        waiting: u64,
        now: DateTime,
    ) -> Result<Option<chrono::DateTime<Utc>>, RuleError> {
        let (from, until) = (utc(Self::begin(batch, now)), utc(batch.expires_at));
        let zones = self.zones(zone);
        let needed = seconds_for(waiting, self.pace_of(batch));
        let is_enough = |seconds: i64| {
            let end = from + TimeDelta::seconds(seconds);
            let allowed = self.rules.allowed_seconds(&zones, from, end)?;
            Ok::<_, RuleError>(allowed >= needed)
        };
        let longest = until.signed_duration_since(from).num_seconds();
        if longest < 0 || !is_enough(longest)? {
            return Ok(None);
        }
        // It is rarely much later than without calling hours.
        let mut enough = i64::try_from(needed)
            .unwrap_or(longest)
            .clamp(1, longest.max(1));
        let mut too_few = 0;
        while !is_enough(enough)? {
            too_few = enough;
            enough = enough.saturating_mul(2).min(longest);
        }
        while enough - too_few > 1 {
            let middle = too_few.midpoint(enough);
            if is_enough(middle)? {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        Ok(Some(from + TimeDelta::seconds(enough)))
    }

    fn zones(&self, user: Option<&TimeZone>) -> [TimeZone; 1] {
        [user.unwrap_or(&self.default_zone).clone()]
    }
}

/// Seconds that this number of dials takes.
fn seconds_for(dials: u64, pace: Pace) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a batch has at most 100,000 calls, and the pace is at least 0.1"
    )]
    let seconds = (dials as f64 / pace.dials_per_second()).ceil() as u64;
    seconds
}
