//! The webhook about a transcript: to the URL of its service, with the faults of the plan.

use serde_json::json;

use crate::faults::{CallbackAction, CallbackContext, CallbackKind};
use crate::sim::Sim;
use crate::webhook::{WebhookRequest, WebhookTarget};

/// The only event that Twilio documents.
const EVENT: &str = "voice_intelligence_transcript_available";

/// A webhook to send.
struct Report {
    target: WebhookTarget,
    status: String,
    params: Vec<(String, String)>,
    /// The call of the recording. Empty if it is not known.
    call_sid: String,
    to: String,
    ordinal: u64,
}

impl Report {
    /// Returns the webhook about a transcript, if its service has a URL.
    fn of(sim: &Sim, sid: &str) -> Option<Self> {
        let tables = sim.store.lock();
        let transcript = tables.transcript(sid)?;
        let service = tables.service(&transcript.service_sid)?;
        let url = service.webhook_url.clone()?;
        let recording = tables.recording(&transcript.source_sid);
        let call = recording.and_then(|recording| tables.call(&recording.call_sid));
        let call = call.map(|call| (call.sid.clone(), call.request.to.clone()));
        let (call_sid, to) = call.unwrap_or_default();
        let mut params = vec![
            ("account_sid", sim.config.account_sid.as_str()),
            ("service_sid", &transcript.service_sid),
            ("transcript_sid", &transcript.sid),
            ("event_type", EVENT),
        ];
        let key = transcript.customer_key.as_deref();
        params.extend(key.map(|key| ("customer_key", key)));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Some(Self {
            target: WebhookTarget { url, get: false },
            status: transcript.status.to_string(),
            params: params.into_iter().map(owned).collect(),
            call_sid,
            to,
            ordinal: tables.transcripts().count() as u64,
        })
    }
}

/// Sends the webhook about a transcript that has ended, if its service has a URL.
pub(super) async fn report(sim: &Sim, sid: &str) {
    let Some(report) = Report::of(sim, sid) else {
        return;
    };
    let token = crate::model::new_sid("");
    let request = WebhookRequest {
        call_sid: &report.call_sid,
        kind: CallbackKind::Transcript.as_str(),
        event: &report.status,
        target: &report.target,
        params: &report.params,
        is_json: !sim.config.intelligence.form_webhooks,
        token: &token,
    };
    let fault = sim.faults.on_callback(CallbackContext {
        kind: CallbackKind::Transcript,
        event: request.event,
        to: &report.to,
        call: 0,
        ordinal: report.ordinal,
    });
    if let Some((action, _)) = fault {
        let detail = json!({ "webhook": request.kind, "event": request.event, "action": action });
        sim.log.write("fault", Some(&report.call_sid), detail);
    }
    // The application may answer as it likes: Twilio has no use for that.
    match fault {
        None | Some((CallbackAction::Wrong, _)) => _ = sim.webhooks.send(request).await,
        Some((CallbackAction::Drop, _)) => {}
        Some((CallbackAction::Duplicate, delay)) => {
            _ = sim.webhooks.send(request.clone()).await;
            tokio::time::sleep(delay).await;
            _ = sim.webhooks.send(request).await;
        }
        Some((CallbackAction::Delay | CallbackAction::Reorder, delay)) => {
            tokio::time::sleep(delay).await;
            _ = sim.webhooks.send(request).await;
        }
    }
}
