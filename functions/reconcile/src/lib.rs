//! Settles calls that webhooks have left open: on a schedule, asks Twilio about as many of them as a run has time for.

mod app;
mod dials;
mod ends;
mod limiter;
mod recordings;
mod report;
mod run;
mod scan;
mod steps;
mod transcripts;

use std::time::Duration;

use outdial::dao::{DaoError, ReconcileKind};
use tokio::time::timeout;

pub use app::App;
pub use report::{Report, Tally};
use run::{Run, Stop, TIME_IS_UP};
use scan::scan;

/// The last part of a run's time, in which the run starts no calls and waits for those in progress.
pub const WIND_DOWN: Duration = Duration::from_secs(20);
/// The last part of [`WIND_DOWN`], in which calls in progress are abandoned.
const REPORTING: Duration = Duration::from_secs(5);

/// Runs once, for at most `time`: settles dials of unknown outcome, calls past their possible end, and completed calls without their
/// recording or transcript.
///
/// The kinds run concurrently and share the limit of concurrent calls. One atomic update settles each call, so a run may end
/// anywhere, and two runs may overlap. The next run starts with the calls that this one does not reach.
///
/// # Errors
///
/// If the database stays unavailable. The next run finds the calls that this one has not settled.
pub async fn reconcile(app: &App, time: Duration) -> Result<Report, DaoError> {
    let run = Run::new(app, time.saturating_sub(WIND_DOWN));
    let all = async {
        tokio::join!(
            scan(&run, ReconcileKind::Dial, async |call| dials::settle(
                &run, call
            )
            .await),
            scan(&run, ReconcileKind::End, async |call| ends::settle(
                &run, call
            )
            .await),
            scan(&run, ReconcileKind::Recording, async |call| {
                recordings::settle(&run, call).await
            }),
            transcripts::scan_all(&run),
        )
    };
    if timeout(time.saturating_sub(REPORTING), all).await.is_err() {
        run.stop(Stop::Early(TIME_IS_UP));
    }
    let (report, stop) = run.finish();
    tracing::info!(report = %serde_json::json!(report), "reconciled");
    match stop {
        Some(Stop::Database(error)) => Err(error),
        Some(Stop::Early(reason)) => {
            tracing::warn!(reason, "run stopped early");
            Ok(report)
        }
        None => Ok(report),
    }
}
