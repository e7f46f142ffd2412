//! A call's callbacks: sent one after the other, off the path of the call itself, unless the fault plan says otherwise.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::clock::rfc2822;
use crate::events;
use crate::faults::{About, CallbackAction, CallbackKind};
use crate::model::Callback;
use crate::sim::Sim;
use crate::webhook::{Answer, Ask, Trouble};

/// Whose callbacks they are.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    sim: Arc<Sim>,
    sid: String,
    to: String,
    call: u64,
}

impl Outbox {
    /// Starts to send what comes through the returned channel, until that is closed.
    pub(super) fn open(
        sim: &Arc<Sim>,
        sid: &str,
        to: &str,
        call: u64,
    ) -> mpsc::UnboundedSender<Callback> {
        let outbox = Self {
            sim: Arc::clone(sim),
            sid: sid.to_owned(),
            to: to.to_owned(),
            call,
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
            let about = About {
                kind: callback.kind,
                event: &callback.event,
                to: &self.to,
                call: self.call,
                ordinal,
            };
            let fault = self.sim.faults.on_callback(about);
            if let Some((action, delay)) = fault {
                tell_fault(
                    &self.sim,
                    &self.sid,
                    &callback.event,
                    callback.kind,
                    action,
                    delay,
                );
            }
            match fault {
                None => self.send(&callback).await,
                Some((CallbackAction::Drop, _)) => {
                    self.settle(&callback);
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
                    self.send_later(&callback, delay);
                    continue;
                }
                Some((CallbackAction::Reorder, _)) => {
                    held.push(callback);
                    continue;
                }
            }
            for late in held.extract_if(.., |late| late.kind == callback.kind) {
                self.send(&late).await;
            }
        }
        for late in held {
            self.send(&late).await;
        }
    }

    /// The next run does not send it again.
    fn settle(&self, callback: &Callback) {
        let mut tables = self.sim.store.lock();
        if let Some(call) = tables.call_mut(&self.sid) {
            let is_other = |other: &Callback| other.token != callback.token;
            call.unanswered.retain(is_other);
        }
        tables.save_call(&self.sid);
    }

    /// The others go on meanwhile.
    fn send_later(&self, callback: &Callback, delay: Duration) {
        let (later, callback) = (self.clone(), callback.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            later.send(&callback).await;
        });
    }

    async fn send(&self, callback: &Callback) {
        self.sim
            .store
            .call(&self.sid, |call| call.callbacks_sent += 1);
        let result = ask(&self.sim, &self.sid, callback).await;
        let warning = match &result {
            Ok(answer) if answer.status.is_success() => {
                self.sim
                    .store
                    .call(&self.sid, |call| call.callbacks_delivered += 1);
                let readable = matches!(
                    answer.media_type.as_str(),
                    "text/xml" | "application/xml" | "text/html"
                );
                (!readable && !answer.body.is_empty()).then(|| {
                    (
                        15003,
                        format!("a callback was answered with {:?}", answer.media_type),
                    )
                })
            }
            Ok(answer) => Some((
                11200,
                format!("a callback was answered with {}", answer.status),
            )),
            Err(trouble) => Some((trouble.code, trouble.message.clone())),
        };
        if result.is_ok() {
            self.settle(callback);
        } else {
            self.sim.store.lock().save_call(&self.sid);
        }
        if let Some((code, message)) = warning {
            self.sim.log.write(
                "warning",
                Some(&self.sid),
                json!({ "code": code, "message": message }),
            );
        }
    }
}

/// Hands a callback over for delivery, by this run or, where calls are kept, the next.
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
    // The outbox lives as long as the player.
    let _ = outbox.send(callback);
}

/// Sends a webhook and notes it among the call's events.
pub(super) async fn ask(sim: &Sim, sid: &str, callback: &Callback) -> Result<Answer, Trouble> {
    let Callback {
        kind,
        event,
        hook,
        form,
        token,
    } = callback;
    let (asked_at, started) = (rfc2822(Utc::now()), Instant::now());
    let asked = Ask {
        call_sid: sid,
        kind: kind.word(),
        event,
        hook,
        params: form,
        token,
    };
    let result = sim.webhooks.send(asked).await;
    let told = events::webhook(
        hook,
        form,
        &asked_at,
        started.elapsed(),
        result.as_ref().ok(),
    );
    sim.store
        .call(sid, |call| events::note(&mut call.events, told));
    result
}

/// A new `I-Twilio-Idempotency-Token`.
pub(super) fn new_token() -> String {
    Uuid::new_v4().to_string()
}

/// Tells of a fault that strikes a webhook.
pub(super) fn tell_fault(
    sim: &Sim,
    sid: &str,
    event: &str,
    kind: CallbackKind,
    action: CallbackAction,
    delay: Duration,
) {
    let mut entry = json!({ "webhook": kind.word(), "event": event, "action": action });
    if !delay.is_zero() {
        entry["delay_ms"] = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX).into();
    }
    sim.log.write("fault", Some(sid), entry);
}
