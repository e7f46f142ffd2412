//! Completed calls whose recording has no transcript yet.

use outdial::{
    dao::ReconcileKind,
    domain::Call,
    service::transcripts::{Progress, Transcriber, TranscriptError},
};

use crate::{
    report::{Failure, Outcome},
    run::Run,
    scan::scan,
};

/// Works on all calls, if recordings are transcribed.
pub(crate) async fn scan_all(run: &Run<'_>) {
    if let Some(transcriber) = &run.app.transcriber {
        let settle = async |call: &Call| settle(run, transcriber, call).await;
        scan(run, ReconcileKind::Transcript, settle).await;
    }
}

/// Asks Twilio for the transcripts that are missing, and stores those that are complete.
async fn settle(run: &Run<'_>, transcriber: &Transcriber, call: &Call) -> Result<Outcome, Failure> {
    let _permit = run.start_call().await?;
    let advanced = run.ask(async |_| match transcriber.advance(call).await {
        Ok(progress) => Ok(Ok(progress)),
        Err(TranscriptError::Database(error)) => Ok(Err(error)),
        Err(TranscriptError::Twilio(error)) => Err(error),
    });
    match advanced.await? {
        Some(Ok(Progress::Settled)) => Ok(Outcome::Settled),
        Some(Ok(Progress::Waiting)) | None => Ok(Outcome::Left),
        Some(Err(error)) => {
            tracing::warn!(%error, "database operation failed");
            Err(Failure::Call)
        }
    }
}
