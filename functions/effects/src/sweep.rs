//! The sweep: finds the calls whose effects no message has brought, page by page.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{dao::DaoError, domain::CallId};
use tokio::time::Instant;
use tracing::Instrument;

use crate::{App, call};

/// Effects that are younger have a message on its way.
const GRACE: Duration = Duration::from_secs(10);
/// The number of calls of one database read.
const PAGE: u32 = 100;
/// The number of calls at once: as many as there are connections.
const AT_ONCE: usize = 2;

/// Applies the effects of all calls that have some, until the time is up.
///
/// Begins at a random place in the list, and goes round once. So calls whose effects stay, because they fail or because a later
/// version noted them, do not starve the others.
///
/// # Errors
///
/// If the database is unavailable. Any other failure concerns one call.
pub(crate) async fn sweep(app: &App, until: Instant) -> Result<(), DaoError> {
    let millis = DateTime::now().timestamp_millis();
    let grace = i64::try_from(GRACE.as_millis()).unwrap_or(i64::MAX);
    let before = DateTime::from_millis(millis.saturating_sub(grace));
    let start = CallId::generate().object_id();
    let mut swept = Swept::default();
    let rest = swept.pages(app, before, Some(start), None, until).await;
    let all = match rest {
        Ok(()) => swept.pages(app, before, None, Some(start), until).await,
        error => error,
    };
    tracing::info!(
        calls = swept.calls,
        failed = swept.failed,
        is_complete = !swept.is_cut,
        "swept"
    );
    all
}

#[derive(Default)]
struct Swept {
    calls: u32,
    failed: u32,
    is_cut: bool,
}

impl Swept {
    /// Goes through the pages after one `_id`, up to another.
    async fn pages(
        &mut self,
        app: &App,
        before: DateTime,
        mut after: Option<ObjectId>,
        last: Option<ObjectId>,
        until: Instant,
    ) -> Result<(), DaoError> {
        loop {
            if Instant::now() >= until {
                self.is_cut = true;
                return Ok(());
            }
            let page = app.dao.list_calls_with_effects(before, after, PAGE).await?;
            let mut applied = stream::iter(&page.calls)
                .take_while(|_| std::future::ready(Instant::now() < until))
                .map(|id| {
                    call::apply(app, *id).instrument(tracing::error_span!("call", call_id = %id))
                })
                .buffer_unordered(AT_ONCE);
            while let Some(result) = applied.next().await {
                self.calls += 1;
                match result {
                    Ok(()) => {}
                    Err(error) if error.is_transient() => return Err(error),
                    Err(_) => self.failed += 1,
                }
            }
            after = page.more_after;
            let is_round = after.zip(last).is_some_and(|(after, last)| after >= last);
            if after.is_none() || is_round {
                return Ok(());
            }
        }
    }
}
