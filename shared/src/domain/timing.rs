//! The rules between the times, the wait and the retries of a request: each field alone is valid.

use std::{borrow::Cow, time::Duration};

use bson::DateTime;

use super::{OutboundCallRequest, Retry, RetryReason};

/// A field of a request that does not fit the others, or the present time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's JSON name. Dots join nested names.
    pub field: Cow<'static, str>,
    /// A sentence without its subject, which is the field: `must be …`.
    pub message: String,
}

/// The times, the wait and the retries of a call or a batch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timing<'a> {
    /// Time at which the client wants it, UTC.
    pub scheduled_at: Option<DateTime>,
    /// Time from which it is no longer dialled, UTC, if the client names one.
    pub expires_at: Option<DateTime>,
    /// Default time between the first allowed minute and the end.
    pub default_life: Duration,
    /// Longest wait of a call without `scheduled_at`, in seconds.
    pub max_wait_seconds: Option<u32>,
    /// The retries.
    pub retry: Option<&'a Retry>,
    /// Number of the next attempt, from 1.
    pub attempt: u32,
    /// True if answering machines are detected.
    pub detects_machines: bool,
}

/// How far ahead a call may be scheduled.
const HORIZON: Duration = Duration::from_hours(365 * 24);
/// How far ahead a call may expire: a day after it is due.
const LAST_END: Duration = Duration::from_hours(366 * 24);
/// How old `scheduled_at` may be. Older ones are mistakes.
const PAST: Duration = Duration::from_hours(24);

impl Timing<'_> {
    /// Returns every field that does not fit the others or the present time.
    #[must_use]
    pub fn faults(&self, now: DateTime) -> Vec<FieldFault> {
        let due = self.scheduled_at.map_or(now, |at| at.max(now));
        let end = self.expires_at;
        let mut faults = Faults(Vec::new());
        if let Some(at) = self.scheduled_at {
            let is_far = at > now.saturating_add_duration(HORIZON);
            faults.add(is_far, "scheduled_at", "must be at most 365 days ahead");
            let is_old = at.saturating_add_duration(PAST) < now;
            faults.add(
                is_old,
                "scheduled_at",
                "must not be more than 24 hours in the past",
            );
        }
        if let Some(end) = end {
            let is_over = end <= now;
            faults.add(is_over, "expires_at", "must be in the future");
            faults.add(
                !is_over && end <= due,
                "expires_at",
                "must be later than scheduled_at",
            );
            let is_far = end > now.saturating_add_duration(LAST_END);
            faults.add(is_far, "expires_at", "must be at most 366 days ahead");
        }
        if let Some(seconds) = self.max_wait_seconds {
            let max = OutboundCallRequest::MAX_WAIT_SECONDS;
            faults.add(
                seconds > max,
                "max_wait_seconds",
                &format!("must be at most {max}"),
            );
            faults.add(
                self.scheduled_at.is_some(),
                "max_wait_seconds",
                "can't be combined with scheduled_at: use expires_at",
            );
        }
        faults.0.extend(self.fault_of_delays(due));
        if let Some(retry) = self.retry {
            faults.add(
                retry.on.contains(&RetryReason::Voicemail) && !self.detects_machines,
                "retry.on",
                "must not have voicemail without machine_detection",
            );
        }
        faults.0
    }

    /// Returns the fault of the retries if not all attempts can begin before the end, the next one at `due`.
    #[must_use]
    pub fn fault_of_delays(&self, due: DateTime) -> Option<FieldFault> {
        let retry = self.retry?;
        let default_end = due.saturating_add_duration(self.default_life);
        let end = self.expires_at.unwrap_or(default_end);
        let last = due.saturating_add_duration(total_delay(retry, self.attempt));
        (end > due && last >= end).then(|| FieldFault {
            field: "retry.delays_seconds".into(),
            message:
                "must leave time for max_attempts attempts before expires_at: their sum is too large"
                    .to_owned(),
        })
    }
}

/// The faults so far.
struct Faults(Vec<FieldFault>);

impl Faults {
    fn add(&mut self, is_fault: bool, field: &'static str, message: &str) {
        if is_fault {
            self.0.push(FieldFault {
                field: field.into(),
                message: message.to_owned(),
            });
        }
    }
}

/// The sum of the delays between this attempt and the last one.
fn total_delay(retry: &Retry, attempt: u32) -> Duration {
    let delays = (attempt.max(1)..retry.max_attempts).filter_map(|nth| retry.delay_after(nth));
    Duration::from_secs(delays.map(u64::from).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn now() -> DateTime {
        DateTime::from_millis(1_795_000_000_000)
    }

    fn in_hours(hours: i64) -> DateTime {
        DateTime::from_millis(now().timestamp_millis() + hours * HOUR)
    }

    fn timing() -> Timing<'static> {
        Timing {
            default_life: Duration::from_hours(24),
            attempt: 1,
            ..Timing::default()
        }
    }

    fn fields(timing: &Timing<'_>) -> Vec<String> {
        let faults = timing.faults(now()).into_iter();
        faults.map(|fault| fault.field.into_owned()).collect()
    }

    #[test]
    fn times_must_be_in_order_and_within_a_year() {
        for (scheduled_at, expires_at, faults) in [
            (None, None, &[][..]),
            (Some(in_hours(365 * 24)), None, &[]),
            (Some(in_hours(365 * 24 + 1)), None, &["scheduled_at"]),
            (Some(in_hours(-24)), None, &[]),
            (Some(in_hours(-25)), None, &["scheduled_at"]),
            (None, Some(in_hours(1)), &[]),
            (None, Some(in_hours(0)), &["expires_at"]),
            (Some(in_hours(2)), Some(in_hours(2)), &["expires_at"]),
            (Some(in_hours(2)), Some(in_hours(3)), &[]),
            (Some(in_hours(-2)), Some(in_hours(-1)), &["expires_at"]),
            (None, Some(in_hours(366 * 24 + 1)), &["expires_at"]),
            (
                Some(in_hours(400 * 24)),
                Some(in_hours(399 * 24)),
                &["scheduled_at", "expires_at", "expires_at"],
            ),
        ] {
            let timing = Timing {
                scheduled_at,
                expires_at,
                ..timing()
            };
            assert_eq!(fields(&timing), faults, "{timing:?}");
        }
    }

    #[test]
    fn wait_is_a_day_at_most_and_only_without_a_time() {
        for (seconds, scheduled_at, faults) in [
            (0, None, &[][..]),
            (86_400, None, &[]),
            (86_401, None, &["max_wait_seconds"]),
            (60, Some(in_hours(1)), &["max_wait_seconds"]),
        ] {
            let timing = Timing {
                max_wait_seconds: Some(seconds),
                scheduled_at,
                ..timing()
            };
            assert_eq!(fields(&timing), faults, "{timing:?}");
        }
    }

    #[test]
    fn every_attempt_must_fit_before_the_end() {
        let retry = |max_attempts, delay| Retry {
            max_attempts,
            on: vec![RetryReason::Busy],
            delays_seconds: vec![delay],
            expires_at: DateTime::MAX,
        };
        for (retry, expires_at, attempt, fits) in [
            (retry(3, 3_600), Some(in_hours(3)), 1, true),
            (retry(3, 3_600), Some(in_hours(2)), 1, false),
            (retry(3, 3_600), Some(in_hours(2)), 2, true),
            (retry(1, 604_800), Some(in_hours(1)), 1, true),
            (retry(2, 86_399), None, 1, true),
            (retry(2, 86_400), None, 1, false),
        ] {
            let timing = Timing {
                retry: Some(&retry),
                expires_at,
                attempt,
                ..timing()
            };
            assert_eq!(fields(&timing).is_empty(), fits, "{timing:?}");
        }
    }

    #[test]
    fn voicemail_is_retried_only_if_machines_are_detected() {
        let retry = Retry {
            max_attempts: 2,
            on: vec![RetryReason::Voicemail],
            delays_seconds: vec![60],
            expires_at: DateTime::MAX,
        };
        for detects_machines in [true, false] {
            let timing = Timing {
                retry: Some(&retry),
                detects_machines,
                ..timing()
            };
            assert_eq!(fields(&timing).is_empty(), detects_machines);
        }
    }
}
