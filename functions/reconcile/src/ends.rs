//! Calls that must have ended by now.

use outdial::{
    domain::Call,
    telemetry::metrics::{self, Count},
};

use crate::{
    report::{Failure, Outcome},
    run::Run,
};

/// Stores the status that Twilio reports of the call; gives the call up if Twilio does not know it.
pub(crate) async fn settle(run: &Run<'_>, call: &Call) -> Result<Outcome, Failure> {
    let Some(sid) = &call.twilio_sid else {
        return Ok(Outcome::NotYet);
    };
    let _permit = run.start_call().await?;
    let details = run.ask(async |twilio| twilio.get_call_details(sid).await);
    let Some(details) = details.await? else {
        let give_up = run.store(async |dao| dao.give_up_call(call.call_id, Some(sid)).await);
        if !give_up.await? {
            return Ok(Outcome::Settled);
        }
        metrics::count(Count::ReconciledCall);
        tracing::warn!(call_sid = %sid, "call unknown to Twilio, given up");
        return Ok(Outcome::GivenUp);
    };
    run.record(call, &details).await?;
    if details.status.is_terminal() {
        Ok(Outcome::Settled)
    } else {
        Ok(Outcome::Left)
    }
}
