//! Claims the scheduled calls that are due, and sends them to the dial queue.

mod app;
mod claim;
mod housekeeping;
mod lanes;
mod report;
mod run;
mod trigger;
mod turns;

use std::time::Duration;

use outdial::dao::DaoError;
use uuid::Uuid;

pub use app::App;
pub use report::Report;
pub use trigger::Trigger;

use run::Run;

/// The last part of the function's time, in which a run starts nothing.
pub const WIND_DOWN: Duration = Duration::from_secs(15);

/// Runs once, for at most `time`: ends the calls that have expired, and sends those that are due to be dialled. Goes on while calls
/// are due, or become due within a minute.
///
/// A run by schedule replaces a run in progress. A wake-up makes the run in progress look again, or starts one.
///
/// # Errors
///
/// If the database is unavailable. The next run claims the calls that this one has not.
pub async fn dispatch(app: &App, trigger: Trigger, time: Duration) -> Result<Report, DaoError> {
    let id = Uuid::new_v4();
    let holder = id.simple().to_string();
    let dispatcher = match trigger {
        Trigger::Schedule => Some(app.dao.take_over_dispatch(&holder).await?),
        Trigger::WakeUp => app.dao.wake_dispatch(&holder).await?,
    };
    let Some(dispatcher) = dispatcher else {
        tracing::info!("another run looks again");
        return Ok(Report::default());
    };
    let report = Run::new(app, id, time.saturating_sub(WIND_DOWN))
        .until_idle(dispatcher)
        .await?;
    tracing::info!(report = %serde_json::json!(report), "dispatched");
    Ok(report)
}
