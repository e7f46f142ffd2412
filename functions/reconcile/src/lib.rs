//! What no webhook has told: asked of Twilio, on a schedule, as many calls as a run has time for.

mod dials;
mod ends;
mod gate;
mod recordings;
mod report;
mod run;
mod scan;

use std::{sync::Arc, time::Duration};

use outdial::{
    config::{ReconcileConfig, Settings},
    dao::{Dao, DaoError, ReconcileKind},
    twilio::TwilioClient,
};
use tokio::time::timeout;

pub use report::{Report, Tally};
use run::{Run, Stop};
use scan::scan;

/// What a run needs.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    twilio: Arc<TwilioClient>,
    config: ReconcileConfig,
}

impl App {
    /// Takes what the settings name, and connects to the database in the background.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            config: settings.reconcile()?,
            twilio: TwilioClient::new(settings.reloadable(Settings::twilio)?)?.into(),
            dao: Dao::connect_in_background(settings, Settings::reconcile_mongo)?,
        })
    }
}

/// The last part of a run's time, in which it begins with no other call: what it has begun may take that long.
pub const WIND_DOWN: Duration = Duration::from_secs(20);
/// The last part of that, in which it works on none.
const REPORTING: Duration = Duration::from_secs(5);

/// One run, which may take `time`: dials whose outcome is unknown, calls past their possible end, and completed calls without
/// their recording.
///
/// The three kinds go side by side, and share the requests that may be under way. Each call is settled by one atomic update,
/// so that a run may end anywhere, and two may run at once. What a run does not come to, the next one begins with.
///
/// # Errors
///
/// When the database stays away: the next run finds what this one has not.
pub async fn reconcile(app: &App, time: Duration) -> Result<Report, DaoError> {
    let run = Run::begin(app, time.saturating_sub(WIND_DOWN));
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
        )
    };
    if timeout(time.saturating_sub(REPORTING), all).await.is_err() {
        run.stop(Stop::Early(run::TIME_IS_OVER));
    }
    let (report, stop) = run.end();
    tracing::info!(report = %serde_json::json!(report), "reconciled");
    match stop {
        Some(Stop::Database(error)) => Err(error),
        Some(Stop::Early(reason)) => {
            tracing::warn!(reason, "the run has stopped early; the next one goes on");
            Ok(report)
        }
        None => Ok(report),
    }
}
