//! Erases the words of sensitive calls that have ended.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::dao::DaoError;
use tokio::time::Instant;

use crate::App;

/// Calls that ended later may still get their last callbacks, and notes of effects.
const GRACE: Duration = Duration::from_secs(10);
/// The number of calls of one database read.
const PAGE: u32 = 50;

/// Erases the words and the keys of all sensitive calls that have ended, until the time is up.
///
/// A call whose next attempt is not decided keeps its words for that attempt. The next sweep finds it again, and a call whose keys
/// came late.
///
/// # Errors
///
/// If the database is unavailable.
pub(crate) async fn erase(app: &App, until: Instant) -> Result<(), DaoError> {
    let millis = DateTime::now().timestamp_millis();
    let grace = i64::try_from(GRACE.as_millis()).unwrap_or(i64::MAX);
    let before = DateTime::from_millis(millis.saturating_sub(grace));
    let (mut after, mut erased) = (None, 0_u32);
    while Instant::now() < until {
        let page = app.dao.list_ended_words(before, after, PAGE).await?;
        for ended in &page.calls {
            erased += u32::from(app.dao.erase_words(ended).await?);
        }
        after = page.more_after;
        if after.is_none() {
            break;
        }
    }
    if erased > 0 {
        tracing::info!(calls = erased, "words of sensitive calls erased");
    }
    Ok(())
}
