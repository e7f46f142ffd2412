//! Claims: which of the due calls are sent now, and sending them.

use outdial::{
    aws::sqs::Queue,
    dao::{Dao, DaoError, DueCall},
    domain::Priority,
    telemetry::metrics::{self, Count},
};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    lanes::{Found, LaneCalls, leased_max},
    run::{Allowance, Run},
};

/// Chooses the calls to claim: the most urgent lanes first, at most as many as may be leased at a time. Bulk lanes take turns.
pub(crate) fn choose(run: &mut Run<'_>, found: &Found) -> Vec<DueCall> {
    let pace = run.app.pace;
    let mut leased = found.leased();
    let mut chosen = Vec::new();
    let (bulk, urgent): (Vec<_>, Vec<_>) = found
        .0
        .iter()
        .partition(|lane| lane.priority == Priority::Bulk);
    for lane in urgent {
        let most = leased_max(pace, lane.priority);
        for call in free(lane).take(most.saturating_sub(leased)) {
            chosen.push(*call);
            leased += 1;
        }
    }
    let most = leased_max(pace, Priority::Bulk);
    let turn = usize::try_from(run.ticks()).unwrap_or(0);
    let mut lanes: Vec<_> = bulk
        .iter()
        .map(|lane| {
            let allowed = run.allowance(lane);
            free(lane).take(allowed)
        })
        .collect();
    let first = turn % lanes.len().max(1);
    lanes.rotate_left(first);
    let mut taken = true;
    while taken && leased < most {
        taken = false;
        for lane in &mut lanes {
            if leased >= most {
                break;
            }
            if let Some(call) = lane.next() {
                chosen.push(*call);
                leased += 1;
                taken = true;
            }
        }
    }
    for lane in &bulk {
        let claimed = chosen
            .iter()
            .filter(|call| lane.calls.contains(call))
            .count();
        run.spend(lane, claimed);
    }
    chosen
}

fn free(lane: &LaneCalls) -> impl Iterator<Item = &DueCall> {
    lane.calls.iter().filter(|call| !call.is_leased)
}

impl Run<'_> {
    /// The number of calls that a lane may claim now, by its batch's own pace.
    fn allowance(&mut self, lane: &LaneCalls) -> usize {
        let Some((id, pace)) = lane.batch.and_then(|batch| Some((batch.id, batch.pace?))) else {
            return usize::MAX;
        };
        let now = Instant::now();
        let allowance = self.allowances.entry(id).or_insert(Allowance {
            calls: 1.0,
            at: now,
        });
        let earned = (now - allowance.at).as_secs_f64() * pace.dials_per_second();
        allowance.calls = (allowance.calls + earned).min(pace.dials_per_second().max(1.0));
        allowance.at = now;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and a thousand"
        )]
        let calls = allowance.calls as usize;
        calls
    }

    fn spend(&mut self, lane: &LaneCalls, calls: usize) {
        if let Some(allowance) = lane
            .batch
            .and_then(|batch| self.allowances.get_mut(&batch.id))
        {
            #[expect(clippy::cast_precision_loss, reason = "it is at most a few thousand")]
            let spent = calls as f64;
            allowance.calls -= spent;
        }
    }
}

/// Claims calls and sends them to the dial queue. Returns the number that was sent. The lease of a call that was not sent ends by
/// itself.
pub(crate) async fn claim_and_send(
    dao: &Dao,
    queue: &Queue,
    calls: &[DueCall],
) -> Result<u64, DaoError> {
    if calls.is_empty() {
        return Ok(0);
    }
    let claim = dao.claim(calls).await?;
    let message = |call_id| json!({ "call_id": call_id, "lease_id": claim.lease_id }).to_string();
    let messages: Vec<_> = claim.calls.iter().map(message).collect();
    let all = messages.len();
    let not_sent = queue.send_all(messages).await;
    if let Some(first) = not_sent.first() {
        tracing::error!(count = not_sent.len(), error = %first.error, "due calls not sent");
        let calls: Vec<_> = not_sent
            .iter()
            .filter_map(|one| claim.calls.get(one.index))
            .copied()
            .collect();
        dao.end_lease(&claim.lease_id, &calls).await?;
    }
    let sent = (all - not_sent.len()) as u64;
    metrics::count_times(Count::DispatchedCall, sent);
    Ok(sent)
}
