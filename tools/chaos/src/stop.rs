//! The signal that ends the background tasks of a run.

use std::time::Duration;

use tokio::sync::watch;

/// Waits for a pause, or until the run stops. Returns whether it has stopped.
pub async fn stopped_within(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    tokio::time::timeout(pause, stop.wait_for(|&stopped| stopped))
        .await
        .is_ok()
}
