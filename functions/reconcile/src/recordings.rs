//! Completed calls whose recording nobody has told of.

use outdial::{
    domain::{Call, RecordingStatus, RecordingUpdate},
    metrics::{self, Count},
};

use crate::{
    report::Outcome,
    run::{Run, Trouble},
};

/// Asks which recordings there are of the call.
pub(crate) async fn settle(run: &Run<'_>, call: &Call) -> Result<Outcome, Trouble> {
    let _place = run.enter().await?;
    let has_one = call
        .recording_url
        .as_ref()
        .is_some_and(|url| !url.is_empty());
    let Some(sid) = call.twilio_sid.as_ref().filter(|_| !has_one) else {
        // An earlier version has left it so.
        run.store(async |dao| dao.settle_recording(call.call_id).await)
            .await?;
        return Ok(Outcome::Settled);
    };
    let listed = run.ask(async |twilio| twilio.list_recordings(sid).await);
    // Twilio may know the call no more.
    let recordings = listed.await?.unwrap_or_default();
    for recording in &recordings {
        run.store(async |dao| dao.create_recording(call, recording).await)
            .await?;
    }
    if is_more_coming(run, call, &recordings) {
        return Ok(Outcome::Left);
    }
    run.store(async |dao| dao.settle_recording(call.call_id).await)
        .await?;
    metrics::count(Count::ReconciledCall);
    tracing::info!(call_sid = %sid, found = recordings.len(), "Twilio has told of a call's recordings");
    Ok(Outcome::Settled)
}

fn is_more_coming(run: &Run<'_>, call: &Call, recordings: &[RecordingUpdate]) -> bool {
    match recordings {
        [] => call.updated_at >= run.unknown_before(),
        some => some
            .iter()
            .any(|recording| recording.status == RecordingStatus::Processing),
    }
}
