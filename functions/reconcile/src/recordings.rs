//! Completed calls whose recording no callback has reported.

use outdial::{
    domain::{Call, RecordingStatus, RecordingUpdate},
    telemetry::metrics::{self, Count},
};

use crate::{
    report::{Failure, Outcome},
    run::Run,
};

/// Stores the recordings that Twilio lists for the call. Marks the call as settled unless more recordings may follow.
pub(crate) async fn settle(run: &Run<'_>, call: &Call) -> Result<Outcome, Failure> {
    let _permit = run.start_call().await?;
    let has_url = call
        .recording_url
        .as_ref()
        .is_some_and(|url| !url.is_empty());
    let Some(sid) = call.twilio_sid.as_ref().filter(|_| !has_url) else {
        // An earlier version stored the URL without the mark.
        run.store(async |dao| dao.settle_recording(call.call_id).await)
            .await?;
        return Ok(Outcome::Settled);
    };
    let listed = run.ask(async |twilio| twilio.list_recordings(sid).await);
    // Twilio may no longer know the call.
    let recordings = listed.await?.unwrap_or_default();
    for recording in &recordings {
        run.store(async |dao| dao.create_recording(call, recording).await)
            .await?;
    }
    if may_have_more(run, call, &recordings) {
        return Ok(Outcome::Left);
    }
    run.store(async |dao| dao.settle_recording(call.call_id).await)
        .await?;
    metrics::count(Count::ReconciledCall);
    tracing::info!(call_sid = %sid, found = recordings.len(), "recordings reconciled");
    Ok(Outcome::Settled)
}

fn may_have_more(run: &Run<'_>, call: &Call, recordings: &[RecordingUpdate]) -> bool {
    match recordings {
        [] => call.updated_at >= run.unknown_before(),
        some => some
            .iter()
            .any(|recording| recording.status == RecordingStatus::Processing),
    }
}
