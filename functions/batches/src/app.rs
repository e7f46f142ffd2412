//! The state of the function.

use std::sync::Arc;

use axum::extract::FromRef;
use outdial::{
    config::{ApiKeys, Reloadable, Settings},
    dao::Dao,
    domain::{Batch, BatchId},
    http::Problem,
    service::{batches::Batches, rules::Rules, waker::Waker},
};

use crate::counts::CountCache;

/// The state of the handlers.
#[derive(Clone)]
pub struct App {
    pub(crate) dao: Dao,
    pub(crate) batches: Batches,
    pub(crate) waker: Waker,
    pub(crate) counts: Arc<CountCache>,
    keys: Reloadable<ApiKeys>,
    has_queue: bool,
}

impl App {
    /// Creates the state from the settings. The database is connected on first use, after authentication. A background thread
    /// reads the numbering plan.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let calls = settings.calls()?;
        let rules = Arc::new(Rules::new(&calls)?);
        tokio::task::spawn_blocking({
            let rules = rules.clone();
            move || rules.prepare()
        });
        let keys = settings.reloadable(Settings::api_keys)?;
        let dao = Dao::from_settings(settings)?;
        let batches = Batches::new(dao.clone(), rules, &calls, settings.pace()?);
        Ok(Self {
            dao,
            batches,
            waker: Waker::from_settings(settings)?,
            counts: Arc::default(),
            keys,
            has_queue: settings.dial_queue()?.is_some(),
        })
    }

    /// Checks that calls can wait: there is a dial queue.
    ///
    /// # Errors
    ///
    /// 422 if the stack has no dial queue.
    pub(crate) fn check_queue(&self) -> Result<(), Problem> {
        if self.has_queue {
            return Ok(());
        }
        Err(Problem::unprocessable(
            "scheduling_unavailable",
            "Batches need the dial queue, which this stack does not have: set DIAL_QUEUE_URL.",
        ))
    }

    /// Returns the batch.
    ///
    /// # Errors
    ///
    /// 404 if no batch has this id.
    pub(crate) async fn batch(&self, id: BatchId) -> Result<Batch, Problem> {
        self.dao
            .get_batch(id)
            .await?
            .ok_or_else(|| Problem::not_found("batch"))
    }
}

impl FromRef<App> for Reloadable<ApiKeys> {
    fn from_ref(app: &App) -> Self {
        app.keys.clone()
    }
}
