//! The scan through the open calls of one kind, page by page.

use futures_util::{StreamExt, stream};
use mongodb::bson::DateTime;
use outdial::{
    dao::{ReconcileKind, ScanPosition},
    domain::Call,
};
use tracing::Instrument;

use crate::{
    report::{Failure, Outcome},
    run::{Run, Stop, span_of},
};

/// The number of calls of a kind that may wait for a permit or a second look. More would only take memory.
const IN_FLIGHT: usize = 64;

/// A walk through the list.
struct Walk {
    /// The position after which it goes on.
    after: Option<ScanPosition>,
    /// It ends at calls that changed at this time or later.
    until: DateTime,
    is_over: bool,
}

/// Settles the open calls of a kind.
///
/// Two walks take turns: one starts where the last run ended; the other starts with the oldest call and ends where the first
/// started. So neither calls that stay open at the beginning of the list nor ever more calls at its end starve the others. The
/// bookmark is stored after each page, so that the run may end anywhere.
pub(crate) async fn scan(
    run: &Run<'_>,
    kind: ReconcileKind,
    settle: impl AsyncFn(&Call) -> Result<Outcome, Failure>,
) {
    let mut bookmark = match run
        .with_retries(async |dao| dao.get_bookmark(kind).await)
        .await
    {
        Ok(bookmark) => bookmark,
        Err(error) => return run.stop(Stop::Database(error)),
    };
    let until = run.settled_before(kind);
    let mut walks = [
        Walk {
            after: bookmark,
            until,
            is_over: bookmark.is_none(),
        },
        Walk {
            after: None,
            until: bookmark.map_or(until, |position| position.just_after().min(until)),
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
        scan_page(run, kind, walk, &settle).await;
        let unfinished = walks.iter().find(|walk| !walk.is_over);
        let position = unfinished.and_then(|walk| walk.after);
        if position != bookmark && run.has_database() {
            bookmark = position;
            if let Err(error) = run
                .with_retries(async |dao| dao.set_bookmark(kind, position).await)
                .await
            {
                return run.stop(Stop::Database(error));
            }
        }
    }
}

/// Settles the next page of a walk, and moves the walk past the calls that were worked on.
async fn scan_page(
    run: &Run<'_>,
    kind: ReconcileKind,
    walk: &mut Walk,
    settle: &impl AsyncFn(&Call) -> Result<Outcome, Failure>,
) {
    let (until, after, size) = (walk.until, walk.after, run.app.config.page);
    let listed = run
        .with_retries(async |dao| dao.list_open_calls(kind, until, after, size).await)
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
        is_cut |= outcome == Err(Failure::Run);
        if !is_cut {
            walk.after = Some(ScanPosition::of(call));
        }
        run.count(kind, outcome);
    }
    if !is_cut {
        walk.after = listed.more_after.or(walk.after);
        walk.is_over = listed.more_after.is_none();
    }
}
