//! Calls that must have ended by now.

use outdial::{
    domain::Call,
    metrics::{self, Count},
};

use crate::{
    report::Outcome,
    run::{Run, Trouble},
};

/// Asks what became of the call.
pub(crate) async fn settle(run: &Run<'_>, call: &Call) -> Result<Outcome, Trouble> {
    let Some(sid) = &call.twilio_sid else {
        return Ok(Outcome::NotYet);
    };
    let _place = run.enter().await?;
    let details = run.ask(async |twilio| twilio.get_call_details(sid).await);
    let Some(details) = details.await? else {
        let give_up = run.store(async |dao| dao.give_up_call(call.call_id, Some(sid)).await);
        if !give_up.await? {
            return Ok(Outcome::Settled);
        }
        metrics::count(Count::ReconciledCall);
        tracing::warn!(call_sid = %sid, "Twilio knows the call no more: it counts as failed");
        return Ok(Outcome::GivenUp);
    };
    run.record(call, &details).await?;
    if details.status.is_terminal() {
        Ok(Outcome::Settled)
    } else {
        Ok(Outcome::Left)
    }
}
