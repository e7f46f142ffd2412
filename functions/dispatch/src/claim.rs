//! Claims: which of the due calls are sent now, and sending them.

use outdial::{
    aws::sqs::Queue,
    dao::{Dao, DaoError, DueCall},
    domain::{Pace, Priority},
    telemetry::metrics::{self, Count},
};
use serde_json::json;

use crate::lanes::{Found, Lanes, leased_max};

/// Chooses the calls to claim: the most urgent lanes first, at most as many as may be leased at a time. Bulk lanes take turns. A
/// batch that runs no longer gets none.
pub(crate) fn choose(lanes: &mut Lanes, found: &Found, pace: Pace) -> Vec<DueCall> {
    let mut leased = found.look.leased;
    let mut chosen = Vec::new();
    for lane in found.lanes.iter().filter(|lane| lane.bulk.is_none()) {
        let left = leased_max(pace, lane.priority).saturating_sub(leased);
        for call in lane.calls.iter().take(left as usize) {
            chosen.push(*call);
            leased += 1;
        }
    }
    let most = leased_max(pace, Priority::Bulk);
    let bulk = found.lanes.iter();
    let mut bulk: Vec<_> = bulk
        .filter_map(|lane| {
            let turn = lanes.turns.get(lane.bulk?)?;
            let calls = lane.calls.iter().take(turn.allowed());
            Some((turn.served(), lane.bulk?, calls, 0_u32))
        })
        .collect();
    bulk.sort_by_key(|(served, ..)| *served);
    let mut is_taken = true;
    while is_taken && leased < most {
        is_taken = false;
        for (.., calls, claimed) in &mut bulk {
            if leased < most
                && let Some(call) = calls.next()
            {
                chosen.push(*call);
                leased += 1;
                *claimed += 1;
                is_taken = true;
            }
        }
    }
    for (_, lane, _, claimed) in bulk {
        lanes.turns.note_claimed(lane, lanes.looks, claimed);
    }
    chosen
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
