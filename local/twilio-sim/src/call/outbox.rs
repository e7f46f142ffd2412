//! The queue of a call's callbacks. The call doesn't wait for them; they go out one after the other, apart from faults.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::notify::{Severity, notify};
use crate::call_events;
use crate::clock::rfc2822;
use crate::faults::{CallbackAction, CallbackContext, CallbackKind};
use crate::model::Callback;
use crate::sim::Sim;
use crate::webhook::{WebhookError, WebhookRequest, WebhookResponse};

/// Sends the callbacks of one call.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    sim: Arc<Sim>,
    sid: String,
    to: String,
    call: u64,
    /// The number of callbacks about machine detection that are waiting or being sent.
    amd_callbacks: watch::Sender<usize>,
}

impl Outbox {
    /// Starts a task that sends the callbacks from the returned channel until it is closed.
    pub(super) fn open(
        sim: &Arc<Sim>,
        sid: &str,
        to: &str,
        call: u64,
        amd_callbacks: watch::Sender<usize>,
    ) -> mpsc::UnboundedSender<Callback> {
        let outbox = Self {
            sim: Arc::clone(sim),
            sid: sid.to_owned(),
            to: to.to_owned(),
            call,
            amd_callbacks,
        };
        let (sender, callbacks) = mpsc::unbounded_channel();
        tokio::spawn(outbox.send_all(callbacks));
        sender
    }

    async fn send_all(self, mut callbacks: mpsc::UnboundedReceiver<Callback>) {
        let mut held: Vec<Callback> = Vec::new();
        let mut ordinal = 0;
        while let Some(callback) = callbacks.recv().await {
            ordinal += 1;
            let context = CallbackContext {
                kind: callback.kind,
                event: &callback.event,
                to: &self.to,
                call: self.call,
                ordinal,
            };
            let fault = self.sim.faults.on_callback(context);
            if let Some((action, delay)) = fault
                && action != CallbackAction::Wrong
            {
                log_fault(
                    &self.sim,
                    &self.sid,
                    &callback.event,
                    callback.kind,
                    action,
                    delay,
                );
            }
            match fault {
                None | Some((CallbackAction::Wrong, _)) => self.send(&callback).await,
                Some((CallbackAction::Drop, _)) => {
                    self.settle(&callback);
                    self.leaves_queue(&callback);
                    continue;
                }
                Some((CallbackAction::Duplicate, delay)) => {
                    self.send(&callback).await;
                    if delay.is_zero() {
                        self.send(&callback).await;
                    } else {
                        self.send_later(&callback, delay);
                    }
                }
                Some((CallbackAction::Delay, delay)) => {
                    self.leaves_queue(&callback);
                    self.send_later(&callback, delay);
                    continue;
                }
                Some((CallbackAction::Reorder, _)) => {
                    self.leaves_queue(&callback);
                    held.push(callback);
                    continue;
                }
            }
            self.leaves_queue(&callback);
            for late in held.extract_if(.., |late| late.kind == callback.kind) {
                self.send(&late).await;
            }
        }
        for late in held {
            self.send(&late).await;
        }
    }

    /// Marks a callback as done, so that the next run doesn't send it again.
    fn settle(&self, callback: &Callback) {
        let mut tables = self.sim.store.lock();
        if let Some(call) = tables.call_mut(&self.sid) {
            let is_other = |other: &Callback| other.token != callback.token;
            call.unanswered.retain(is_other);
        }
        tables.save_call(&self.sid);
    }

    /// Lets the call's time pass at its own speed again if no callback about machine detection is left.
    fn leaves_queue(&self, callback: &Callback) {
        if callback.kind == CallbackKind::Amd {
            self.amd_callbacks
                .send_modify(|count| *count = count.saturating_sub(1));
        }
    }

    /// Sends a callback after a delay, without holding up the others.
    fn send_later(&self, callback: &Callback, delay: Duration) {
        let (later, callback) = (self.clone(), callback.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            later.send(&callback).await;
        });
    }

    /// Sends a callback, and logs a warning if it was not accepted.
    async fn send(&self, callback: &Callback) {
        self.sim
            .store
            .update_call(&self.sid, |call| call.callbacks_sent += 1);
        let result = send_webhook(&self.sim, &self.sid, callback).await;
        let warning = match &result {
            Ok(response) if response.status.is_success() => {
                self.sim
                    .store
                    .update_call(&self.sid, |call| call.callbacks_delivered += 1);
                let readable = matches!(
                    response.media_type.as_str(),
                    "text/xml" | "application/xml" | "text/html"
                );
                (!readable && !response.body.is_empty()).then(|| {
                    (
                        15003,
                        format!("callback response has type {:?}", response.media_type),
                    )
                })
            }
            Ok(response) => Some((
                11200,
                format!("callback response has status {}", response.status),
            )),
            Err(error) => Some((error.code, error.message.clone())),
        };
        if result.is_ok() {
            self.settle(callback);
        } else {
            self.sim.store.lock().save_call(&self.sid);
        }
        if let Some((code, message)) = warning {
            let (warning, target) = ((code, message.as_str()), Some(&callback.target));
            notify(&self.sim, &self.sid, Severity::Warning, warning, target);
        }
    }
}

/// Queues a callback for delivery. With a data file, the next run delivers it if this one can't.
pub(super) fn queue(
    sim: &Sim,
    sid: &str,
    outbox: &mpsc::UnboundedSender<Callback>,
    callback: Callback,
) {
    if sim.config.data.is_some() {
        let mut tables = sim.store.lock();
        if let Some(call) = tables.call_mut(sid) {
            call.unanswered.push(callback.clone());
        }
        tables.save_call(sid);
    }
    // The outbox task runs until the last sender is dropped.
    let _ = outbox.send(callback);
}

/// Sends a webhook and adds it to the call's events.
pub(super) async fn send_webhook(
    sim: &Sim,
    sid: &str,
    callback: &Callback,
) -> Result<WebhookResponse, WebhookError> {
    let Callback {
        kind,
        event,
        target,
        form,
        token,
    } = callback;
    let (sent_at, started) = (rfc2822(Utc::now()), Instant::now());
    let request = WebhookRequest {
        call_sid: sid,
        kind: kind.as_str(),
        event,
        target,
        params: form,
        is_json: false,
        token,
    };
    let result = sim.webhooks.send(request).await;
    let entry = call_events::webhook(
        target,
        form,
        &sent_at,
        started.elapsed(),
        result.as_ref().ok(),
    );
    sim.store
        .update_call(sid, |call| call_events::add(&mut call.events, entry));
    result
}

/// Returns a new `I-Twilio-Idempotency-Token`.
pub(super) fn new_token() -> String {
    Uuid::new_v4().to_string()
}

/// Logs a fault of a webhook.
pub(super) fn log_fault(
    sim: &Sim,
    sid: &str,
    event: &str,
    kind: CallbackKind,
    action: CallbackAction,
    delay: Duration,
) {
    let mut entry = json!({ "webhook": kind.as_str(), "event": event, "action": action });
    if !delay.is_zero() {
        entry["delay_ms"] = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX).into();
    }
    sim.log.write("fault", Some(sid), entry);
}
