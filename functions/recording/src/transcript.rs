//! `POST /twilio/transcript`: hears that Twilio has made a transcript, and fetches its sentences.

use std::time::Duration;

use axum::{
    extract::{FromRef, State},
    http::StatusCode,
};
use outdial::{
    config::{Settings, WebhookKind},
    dao::Dao,
    domain::{CallId, CallSid},
    http::Problem,
    service::transcripts::{Transcriber, TranscriptError},
    twilio::TwilioClient,
    webhook::{SignatureCheck, SignedForm, parse_transcript},
};
use tokio::time::timeout;

/// The time for the database and Twilio after a webhook, of the 15 seconds that Twilio waits. `reconcile` does the rest.
const TIMEOUT: Duration = Duration::from_secs(6);

/// What the transcripts of recordings need.
#[derive(Clone)]
pub(crate) struct Transcripts {
    dao: Dao,
    check: SignatureCheck,
    /// `None` without `TRANSCRIPTION_SERVICES`.
    transcriber: Option<Transcriber>,
}

impl Transcripts {
    pub(crate) fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let dao = Dao::from_settings(settings)?;
        let twilio = || Ok(TwilioClient::new(settings.reloadable(Settings::twilio)?)?.into());
        Ok(Self {
            transcriber: Transcriber::from_settings(settings, &dao, twilio)?,
            check: SignatureCheck::from_settings(settings, WebhookKind::Transcript)?,
            dao,
        })
    }

    /// Asks Twilio for the transcripts of a call whose recording is complete. Logs a failure: `reconcile` tries again.
    pub(crate) async fn begin(&self, id: Option<CallId>, sid: &CallSid) {
        if let (Some(transcriber), Some(id)) = (&self.transcriber, id)
            && let Err(error) = self.advance(transcriber, id).await
        {
            tracing::warn!(call_sid = %sid, %error, "transcript left to reconcile");
        }
    }

    async fn advance(&self, transcriber: &Transcriber, id: CallId) -> Result<(), TranscriptError> {
        let work = async {
            if let Some(call) = self.dao.get_call(id).await? {
                transcriber.advance(&call).await?;
            }
            Ok(())
        };
        timeout(TIMEOUT, work).await.unwrap_or_else(|_| {
            tracing::warn!("transcript cut off by the time limit");
            Ok(())
        })
    }
}

impl FromRef<Transcripts> for SignatureCheck {
    fn from_ref(transcripts: &Transcripts) -> Self {
        transcripts.check.clone()
    }
}

/// Receive a webhook about a transcript
///
/// Twilio's Intelligence service sends it when a transcript is ready. It has no words: outdial fetches them.
#[utoipa::path(
    post, path = "/twilio/transcript", tag = "webhooks", operation_id = "twilio_transcript",
    params(("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form, or of the URL with the hash of the JSON body")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's webhook. JSON is accepted too"),
    responses(
        (status = 204, description = "The transcript was fetched, is fetched later, or belongs to an unknown call"),
        (status = 400, description = "The webhook names no transcript (`malformed_form`)"),
        (status = 403, description = "Twilio's signature is missing or wrong (`bad_signature`)"),
    )
)]
pub(crate) async fn transcript(
    State(transcripts): State<Transcripts>,
    form: SignedForm,
) -> Result<StatusCode, Problem> {
    let update = parse_transcript(&form.body)
        .map_err(|error| Problem::malformed_form(format!("The webhook is malformed: {error}.")))?;
    let Some(transcriber) = &transcripts.transcriber else {
        tracing::warn!(transcript_sid = %update.transcript_sid, "transcript ignored: TRANSCRIPTION_SERVICES is not set");
        return Ok(StatusCode::NO_CONTENT);
    };
    let call = if update.call_id.is_some() {
        update.call_id
    } else {
        let sid = &update.transcript_sid;
        transcripts.dao.get_transcribed_call(sid).await?
    };
    let Some(id) = call else {
        tracing::warn!(transcript_sid = %update.transcript_sid, "webhook of an unknown transcript ignored");
        return Ok(StatusCode::NO_CONTENT);
    };
    tracing::Span::current().record("call_id", tracing::field::display(id));
    match transcripts.advance(transcriber, id).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // Twilio may try again, and `reconcile` certainly does.
        Err(TranscriptError::Database(error)) => Err(error.into()),
        Err(TranscriptError::Twilio(error)) => {
            tracing::warn!(%error, "transcript left to reconcile");
            Ok(StatusCode::NO_CONTENT)
        }
    }
}
