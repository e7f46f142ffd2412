//! Calls that must have ended by now.

use outdial::{
    dao::Open,
    domain::Call,
    metrics::{self, Count},
    twilio::TwilioError,
};

use tracing::Instrument;

use crate::run::{NOT_FOUND, Run, Stop, span_of};

/// Asks what became of each of them.
pub(crate) async fn settle(run: &mut Run<'_>, calls: Vec<Call>) -> Result<(), Stop> {
    let mut last = None;
    for call in &calls {
        run.go_on(Open::End, last)?;
        if let Err(stop) = settle_one(run, call).instrument(span_of(call)).await {
            run.stop_at(Open::End, last);
            return Err(stop);
        }
        last = Some(call);
    }
    Ok(())
}

async fn settle_one(run: &mut Run<'_>, call: &Call) -> Result<(), Stop> {
    let Some(sid) = &call.twilio_sid else {
        return Ok(());
    };
    run.report.ends.examined += 1;
    let answer = run.app.twilio.get_call_details(sid).await;
    if let Err(TwilioError::Refused(refusal)) = &answer
        && refusal.http_status == Some(NOT_FOUND)
    {
        let given_up = run.app.dao.give_up_call(call.call_id, Some(sid)).await?;
        if given_up {
            run.report.ends.given_up += 1;
            metrics::count(Count::ReconciledCall);
            tracing::warn!(call_sid = %sid, "Twilio knows the call no more: it counts as failed");
        }
        return Ok(());
    }
    let Some(details) = run.answered(answer)? else {
        run.report.ends.left += 1;
        return Ok(());
    };
    run.record(call, &details).await?;
    if details.status.is_terminal() {
        run.report.ends.settled += 1;
    } else {
        run.report.ends.left += 1;
    }
    Ok(())
}
