//! Waits after the last fault until all calls are settled or the progress stops.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stack::Result;
use stack::steps::Steps;

use crate::compare::violations;
use crate::evidence::{Evidence, TwilioCall, count};
use crate::known::Known;
use crate::services::Services;
use crate::violation::{Kind, Violation};

/// The longest wait without progress. `reconcile` leaves a changed call alone for a minute, then queries Twilio twice, and
/// reports only at the end of its run.
const TIMEOUT: Duration = Duration::from_mins(3);
/// The longest wait without progress while a webhook is queued. `replay` hides a webhook that has failed often for 15
/// minutes.
const TIMEOUT_WITH_QUEUE: Duration = Duration::from_mins(17);
/// The longest delay of a webhook in the fault plan, with a margin.
const DELAYED_WEBHOOKS: Duration = Duration::from_secs(8);
/// The interval of reading the evidence.
const INTERVAL: Duration = Duration::from_secs(2);
/// Reading takes at most one part in so many of the time, because it reads every document.
const INTERVAL_FACTOR: u32 = 6;
/// The interval of printing the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Counts of unsettled calls, webhooks and violations.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    /// Calls that haven't ended at Twilio.
    active: usize,
    /// Webhooks in the queue.
    queued: u64,
    /// Violations, by kind.
    violations: BTreeMap<Kind, usize>,
}

impl Open {
    fn new(evidence: &Evidence, violations: &[Violation]) -> Self {
        let calls = evidence.twilio_calls.iter();
        Self {
            active: calls.filter(|call| !TwilioCall::has_ended(call)).count(),
            queued: evidence.queued,
            violations: count(
                violations
                    .iter()
                    .map(|violation| violation.kind)
                    .filter(|kind| kind.may_settle()),
            ),
        }
    }

    fn is_settled(&self) -> bool {
        self.active == 0 && self.violations.is_empty()
    }

    fn timeout(&self) -> Duration {
        if self.queued > 0 {
            TIMEOUT_WITH_QUEUE
        } else {
            TIMEOUT
        }
    }

    fn describe(&self) -> String {
        let mut parts = vec![
            format!("{} active calls", self.active),
            format!("{} queued webhooks", self.queued),
        ];
        let kinds = self.violations.iter();
        parts.extend(kinds.map(|(kind, count)| format!("{count} {}", kind.title())));
        parts.join(", ")
    }
}

/// The smallest counts so far, and the time when one of them last decreased.
struct Progress {
    least: Open,
    since: Instant,
}

impl Progress {
    fn update(&mut self, now: &Open, at: Instant) {
        let least = &mut self.least;
        let mut has_decreased = now.active < least.active || now.queued < least.queued;
        least.active = least.active.min(now.active);
        least.queued = least.queued.min(now.queued);
        for (kind, least) in &mut least.violations {
            let count = now.violations.get(kind).copied().unwrap_or_default();
            has_decreased |= count < *least;
            *least = count.min(*least);
        }
        for (kind, count) in &now.violations {
            least.violations.entry(*kind).or_insert(*count);
        }
        if has_decreased {
            self.since = at;
        }
    }
}

/// Waits until all calls have ended without any violation, or until the progress stops.
///
/// # Errors
///
/// If the evidence can't be read.
pub async fn settle(services: &Services, known: &Known, steps: &Steps) -> Result<()> {
    tokio::time::sleep(DELAYED_WEBHOOKS).await;
    let mut progress: Option<Progress> = None;
    let mut printed = Instant::now();
    loop {
        let begun = Instant::now();
        let evidence = services.evidence(known).await?;
        let open = Open::new(&evidence, &violations(&evidence));
        if open.is_settled() {
            return Ok(());
        }
        let progress = progress.get_or_insert_with(|| Progress {
            least: open.clone(),
            since: begun,
        });
        progress.update(&open, begun);
        if progress.since.elapsed() > open.timeout() {
            let seconds = progress.since.elapsed().as_secs();
            steps.note(format!(
                "no progress for {seconds} s; not settled: {}",
                open.describe()
            ));
            return Ok(());
        }
        if printed.elapsed() > PROGRESS_INTERVAL {
            printed = Instant::now();
            steps.note(open.describe());
        }
        tokio::time::sleep(INTERVAL.max(begun.elapsed() * INTERVAL_FACTOR)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(active: usize, queued: u64, violations: &[(Kind, usize)]) -> Open {
        Open {
            active,
            queued,
            violations: violations.iter().copied().collect(),
        }
    }

    #[test]
    fn new_minimum_is_progress() {
        let at = Instant::now();
        let mut progress = Progress {
            least: open(5, 2, &[(Kind::StatusDiffers, 9)]),
            since: at,
        };
        let mut is_progress = |seconds, now: &Open| {
            let later = at + Duration::from_secs(seconds);
            progress.update(now, later);
            progress.since == later
        };
        assert!(!is_progress(1, &open(5, 2, &[(Kind::StatusDiffers, 9)])));
        assert!(is_progress(2, &open(5, 2, &[(Kind::StatusDiffers, 8)])));
        assert!(is_progress(3, &open(4, 9, &[(Kind::StatusDiffers, 9)])));
        assert!(!is_progress(4, &open(4, 3, &[(Kind::StatusDiffers, 8)])));
        let another = [(Kind::StatusDiffers, 8), (Kind::LeftUnknown, 3)];
        assert!(!is_progress(5, &open(4, 3, &another)));
        assert!(is_progress(6, &open(4, 3, &[(Kind::LeftUnknown, 3)])));
        assert!(is_progress(7, &open(4, 1, &[(Kind::LeftUnknown, 3)])));
    }

    #[test]
    fn queued_webhook_extends_the_timeout() {
        assert!(open(0, 1, &[]).timeout() > Duration::from_mins(15));
        assert_eq!(open(1, 0, &[]).timeout(), TIMEOUT);
        assert!(open(0, 0, &[]).is_settled());
    }
}
