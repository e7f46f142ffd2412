//! A kind of open calls, page by page.

use futures_util::{StreamExt, stream};
use mongodb::bson::DateTime;
use outdial::{
    dao::{ReconcileKind, ScanPosition},
    domain::Call,
};
use tracing::Instrument;

use crate::{
    report::Outcome,
    run::{Run, Stop, Trouble, span_of},
};

/// So many calls of a kind wait at the gate, or for a second look. More would only take memory.
const IN_FLIGHT: usize = 64;

/// A way through the list, from the place on that it has come to.
struct Walk {
    after: Option<ScanPosition>,
    /// It ends at calls that changed then or later.
    until: DateTime,
    is_over: bool,
}

/// Settles the open calls of a kind.
///
/// Two walks take turns: one goes on where the last run has ended, the other begins with the oldest and ends where the first
/// began. So neither calls that stay open at the beginning of the list nor ever more at its end keep the others from being
/// looked at. After each page the database is told where the next run goes on, so that this one may end anywhere.
pub(crate) async fn scan(
    run: &Run<'_>,
    open: ReconcileKind,
    settle: impl AsyncFn(&Call) -> Result<Outcome, Trouble>,
) {
    let mut bookmark = match run.tried(async |dao| dao.get_bookmark(open).await).await {
        Ok(bookmark) => bookmark,
        Err(error) => return run.stop(Stop::Database(error)),
    };
    let until = run.settled_before(open);
    let mut walks = [
        Walk {
            after: bookmark,
            until,
            is_over: bookmark.is_none(),
        },
        Walk {
            after: None,
            until: bookmark.map_or(until, |place| place.just_after().min(until)),
            is_over: false,
        },
    ];
    let mut turn = 0;
    while walks.iter().any(|walk| !walk.is_over) && !run.is_stopped() {
        let walk = &mut walks[turn % 2];
        turn += 1;
        if walk.is_over {
            continue;
        }
        page(run, open, walk, &settle).await;
        let goes_on = walks.iter().find(|walk| !walk.is_over);
        let place = goes_on.and_then(|walk| walk.after);
        if place != bookmark && run.has_database() {
            bookmark = place;
            if let Err(error) = run
                .tried(async |dao| dao.set_bookmark(open, place).await)
                .await
            {
                return run.stop(Stop::Database(error));
            }
        }
    }
}

/// The next page of a walk, which is then behind the last call before which all were looked at.
async fn page(
    run: &Run<'_>,
    open: ReconcileKind,
    walk: &mut Walk,
    settle: &impl AsyncFn(&Call) -> Result<Outcome, Trouble>,
) {
    let (until, after, size) = (walk.until, walk.after, run.app.config.page);
    let listed = run
        .tried(async |dao| dao.list_open_calls(open, until, after, size).await)
        .await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => return run.stop(Stop::Database(error)),
    };
    let mut outcomes = stream::iter(&listed.calls)
        .map(async |call| (call, settle(call).instrument(span_of(call)).await))
        .buffered(IN_FLIGHT);
    let mut is_cut = false;
    while let Some((call, outcome)) = outcomes.next().await {
        is_cut |= outcome == Err(Trouble::Run);
        if !is_cut {
            walk.after = Some(ScanPosition::of(call));
        }
        run.count(open, outcome);
    }
    if !is_cut {
        walk.after = listed.more_after.or(walk.after);
        walk.is_over = listed.more_after.is_none();
    }
}
