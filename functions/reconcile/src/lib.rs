//! What no webhook has told: asked of Twilio, on a schedule, a bounded number of calls in each run.

mod dials;
mod ends;
mod recordings;
mod report;
mod run;

use std::sync::Arc;

use outdial::{
    config::{ReconcileConfig, Settings},
    dao::{Dao, DaoError, Open},
    twilio::TwilioClient,
};

pub use report::{Report, Tally};
use run::{Run, Stop};

/// What a run needs.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    twilio: Arc<TwilioClient>,
    config: ReconcileConfig,
}

impl App {
    /// Connects what the settings name; the database is greeted in the background.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            config: settings.reconcile()?,
            twilio: TwilioClient::new(settings.live(Settings::twilio)?)?.into(),
            dao: Dao::begin(settings)?,
        })
    }
}

/// One run: a page of dials whose outcome is unknown, a page of calls past their possible end, and a page of completed calls
/// without their recording.
///
/// Each call is settled by one atomic update, so that a run may end anywhere, and two may run at once. A page that was full
/// is gone on from by the next run; else that begins with the oldest again.
///
/// # Errors
///
/// When the database is away: the next run finds what this one has not.
pub async fn reconcile(app: &App) -> Result<Report, DaoError> {
    let mut run = Run::begin(app);
    let ended = work(&mut run).await;
    let report = match ended {
        Ok(()) => run.report,
        Err(Stop::Early(reason)) => {
            tracing::warn!(reason, "the run has stopped early; the next one goes on");
            Report {
                stopped_early: true,
                ..run.report
            }
        }
        Err(Stop::Database(error)) => return Err(error),
    };
    app.dao.set_bookmarks(&run.bookmarks).await?;
    tracing::info!(report = %serde_json::json!(report), "reconciled");
    Ok(report)
}

async fn work(run: &mut Run<'_>) -> Result<(), Stop> {
    let dials = run.page(Open::Dial).await?;
    let not_found = dials::look(run, dials).await?;
    let ends = run.page(Open::End).await?;
    ends::settle(run, ends).await?;
    let recordings = run.page(Open::Recording).await?;
    recordings::settle(run, recordings).await?;
    dials::look_again(run, not_found).await
}
