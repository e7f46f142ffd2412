//! After the last fault: until nothing is open any more, or nobody will ever close it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::compare::{Kind, Violation, violations};
use super::evidence::{Dialled, Evidence, KeyStory, count};
use super::scene::Scene;
use crate::Result;
use crate::steps::Steps;

/// The longest that nothing may change though somebody works on it: `reconcile` leaves alone for a minute what has changed,
/// then asks Twilio twice, and a run of it is over only when it is through.
const PATIENCE: Duration = Duration::from_mins(3);
/// Where a webhook waits in the queue: `replay` hides one that has failed often for a quarter of an hour.
const PATIENCE_WITH_QUEUE: Duration = Duration::from_mins(17);
/// What the fault plan has delayed arrives within this time.
const LATECOMERS: Duration = Duration::from_secs(8);
/// A look reads every document: it takes a small part of the database's time.
const LOOKS: Duration = Duration::from_secs(2);
const LOOKS_SHARE: u32 = 6;
/// How often it is told how it goes.
const TOLD: Duration = Duration::from_secs(10);

/// What is open.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    /// Calls that Twilio has not ended.
    going_on: usize,
    /// Webhooks in the queue.
    queued: u64,
    /// What differs, by kind.
    differences: BTreeMap<Kind, usize>,
}

impl Open {
    fn of(evidence: &Evidence, violations: &[Violation]) -> Self {
        let dialled = evidence.dialled.iter();
        Self {
            going_on: dialled.filter(|call| !Dialled::has_ended(call)).count(),
            queued: evidence.queued,
            differences: count(violations.iter().map(|violation| violation.kind)),
        }
    }

    fn is_nothing(&self) -> bool {
        self.going_on == 0 && self.differences.is_empty()
    }

    fn patience(&self) -> Duration {
        if self.queued > 0 {
            PATIENCE_WITH_QUEUE
        } else {
            PATIENCE
        }
    }

    fn in_words(&self) -> String {
        let mut parts = vec![
            format!("{} calls go on", self.going_on),
            format!("{} webhooks wait in the queue", self.queued),
        ];
        let kinds = self.differences.iter();
        parts.extend(kinds.map(|(kind, count)| format!("{count} {}", kind.title())));
        parts.join(", ")
    }
}

/// Whether something becomes ever less: the least of everything so far, and since when it is that.
struct Progress {
    least: Open,
    since: Instant,
}

impl Progress {
    fn see(&mut self, now: &Open, at: Instant) {
        let least = &mut self.least;
        let mut is_less = now.going_on < least.going_on || now.queued < least.queued;
        least.going_on = least.going_on.min(now.going_on);
        least.queued = least.queued.min(now.queued);
        for (kind, least) in &mut least.differences {
            let count = now.differences.get(kind).copied().unwrap_or_default();
            is_less |= count < *least;
            *least = count.min(*least);
        }
        for (kind, count) in &now.differences {
            least.differences.entry(*kind).or_insert(*count);
        }
        if is_less {
            self.since = at;
        }
    }
}

/// Waits until all calls have ended, the queue is empty, and nothing differs, for as long as it becomes less.
pub async fn settle(scene: &Scene, stories: &[KeyStory], steps: &Steps) -> Result<()> {
    tokio::time::sleep(LATECOMERS).await;
    let mut progress: Option<Progress> = None;
    let mut told = Instant::now();
    loop {
        let begun = Instant::now();
        let evidence = scene.evidence(stories.to_vec()).await?;
        let open = Open::of(&evidence, &violations(&evidence));
        if open.is_nothing() {
            return Ok(());
        }
        let progress = progress.get_or_insert_with(|| Progress {
            least: open.clone(),
            since: begun,
        });
        progress.see(&open, begun);
        if progress.since.elapsed() > open.patience() {
            let stretch = progress.since.elapsed().as_secs();
            steps.note(format!(
                "nothing has become less for {stretch} s, and this is open still: {}",
                open.in_words()
            ));
            return Ok(());
        }
        if told.elapsed() > TOLD {
            told = Instant::now();
            steps.note(open.in_words());
        }
        tokio::time::sleep(LOOKS.max(begun.elapsed() * LOOKS_SHARE)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(going_on: usize, queued: u64, differences: &[(Kind, usize)]) -> Open {
        Open {
            going_on,
            queued,
            differences: differences.iter().copied().collect(),
        }
    }

    #[test]
    fn whatever_becomes_less_than_ever_is_progress() {
        let at = Instant::now();
        let mut progress = Progress {
            least: open(5, 2, &[(Kind::StatusDiffers, 9)]),
            since: at,
        };
        let mut is_progress = |seconds, now: &Open| {
            let later = at + Duration::from_secs(seconds);
            progress.see(now, later);
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
    fn a_webhook_in_the_queue_is_waited_for_longer() {
        assert!(open(0, 1, &[]).patience() > Duration::from_mins(15));
        assert_eq!(open(1, 0, &[]).patience(), PATIENCE);
        assert!(open(0, 0, &[]).is_nothing());
    }
}
