//! After the last fault: until nothing is open any more, or nobody will ever close it.

use std::time::{Duration, Instant};

use super::compare::violations;
use super::evidence::{Dialled, KeyStory};
use super::scene::Scene;
use crate::Result;
use crate::steps::Steps;

/// How long it may take. A dial is looked for once its request must have ended, half a minute after it began.
const PATIENCE: Duration = Duration::from_mins(3);
/// What the fault plan has delayed arrives within this time.
const LATECOMERS: Duration = Duration::from_secs(8);
const LOOKS: Duration = Duration::from_secs(2);

/// Waits until all calls have ended, the queue is empty, and nothing differs; or long enough.
pub async fn settle(scene: &Scene, stories: &[KeyStory], steps: &Steps) -> Result<()> {
    let started = Instant::now();
    tokio::time::sleep(LATECOMERS).await;
    let mut told = Instant::now();
    loop {
        let evidence = scene.evidence(stories.to_vec()).await?;
        let going_on = evidence
            .dialled
            .iter()
            .filter(|call| !Dialled::has_ended(call))
            .count();
        let open = violations(&evidence).len();
        let late = started.elapsed() > PATIENCE;
        if (going_on == 0 && open == 0) || late {
            return Ok(());
        }
        if told.elapsed() > Duration::from_secs(5) {
            told = Instant::now();
            steps.note(format!(
                "{going_on} calls go on, {} webhooks wait in the queue, {open} things are open",
                evidence.queued
            ));
        }
        tokio::time::sleep(LOOKS).await;
    }
}
