//! Completed calls whose recording nobody has told of.

use outdial::{
    dao::Open,
    domain::{Call, RecordingStatus},
    metrics::{self, Count},
};

use tracing::Instrument;

use crate::run::{Run, Stop, span_of};

/// Asks which recordings there are of each of them.
pub(crate) async fn settle(run: &mut Run<'_>, calls: Vec<Call>) -> Result<(), Stop> {
    let mut last = None;
    for call in &calls {
        run.go_on(Open::Recording, last)?;
        if let Err(stop) = settle_one(run, call).instrument(span_of(call)).await {
            run.stop_at(Open::Recording, last);
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
    run.report.recordings.examined += 1;
    let answer = run.app.twilio.list_recordings(sid).await;
    let Some(recordings) = run.answered(answer)? else {
        run.report.recordings.left += 1;
        return Ok(());
    };
    for recording in &recordings {
        run.app.dao.create_recording(call, recording).await?;
    }
    let is_final = |status| status != RecordingStatus::Processing;
    let none_is_coming = match &recordings[..] {
        [] => call.updated_at < run.unknown_before(),
        some => some.iter().all(|recording| is_final(recording.status)),
    };
    if none_is_coming {
        run.app.dao.settle_recording(call.call_id).await?;
        run.report.recordings.settled += 1;
        metrics::count(Count::ReconciledCall);
        tracing::info!(call_sid = %sid, found = recordings.len(), "Twilio has told of a call's recordings");
    } else {
        run.report.recordings.left += 1;
    }
    Ok(())
}
