//! Where a call stands, and telling the application.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::form::{self, Form};
use super::outbox::{self, new_token};
use super::player::Player;
use crate::faults::CallbackKind;
use crate::model::{Callback, Detection, Status};

impl Player {
    /// Enters a status and tells the application, if it asked for that event.
    pub(super) fn enter(&mut self, status: Status, event: &str, extra: Form) {
        self.set_status(status);
        let hook = self
            .sim
            .store
            .call(&self.sid, |call| call.status_callback.clone())
            .flatten();
        if let Some(hook) = hook
            && self
                .request
                .status_events
                .iter()
                .any(|wanted| wanted == event)
        {
            let mut form = self.form();
            form.extend(form::progress(self.clock.now(), self.sequence));
            form.extend(extra);
            self.sequence += 1;
            self.enqueue(Callback {
                kind: CallbackKind::Status,
                event: status.word().to_owned(),
                hook,
                form,
                token: new_token(),
            });
        }
    }

    pub(super) fn set_status(&mut self, status: Status) {
        self.status = status;
        let now = self.clock.now();
        self.sim.store.call(&self.sid, |call| {
            call.status = status;
            call.updated = now;
            match status {
                Status::Initiated => call.started = Some(now),
                Status::InProgress => call.answered = Some(now),
                _ => {}
            }
        });
        self.sim.store.lock().save_call(&self.sid);
        let detail = json!({ "status": status.word(), "call_time_ms": u64::try_from(self.clock.passed().as_millis()).ok() });
        self.sim.log.write("call.status", Some(&self.sid), detail);
    }

    /// What every request about this call tells now.
    pub(super) fn form(&self) -> Form {
        let mut form = form::call(
            &self.sim,
            &self.sid,
            &self.request.to,
            &self.request.from,
            self.status.word(),
        );
        if let Some(word) = self
            .sim
            .store
            .call(&self.sid, |call| call.answered_by.clone())
            .flatten()
        {
            form.extend(form::pairs([("AnsweredBy", &*word)]));
        }
        form
    }

    /// Hands a callback over for delivery.
    pub(super) fn enqueue(&self, callback: Callback) {
        outbox::queue(&self.sim, &self.sid, &self.outbox, callback);
    }

    pub(super) fn detect_in_background(
        &self,
        detection: Detection,
        word: &'static str,
        time: Duration,
    ) {
        let (sim, sid, outbox) = (Arc::clone(&self.sim), self.sid.clone(), self.outbox.clone());
        tokio::spawn(async move {
            tokio::time::sleep(sim.config.speed.wall(time)).await;
            let live = sim.store.call(&sid, |call| {
                let live = !call.status.has_ended();
                call.answered_by = live.then_some(word.into());
                live
            });
            if live != Some(true) {
                return;
            }
            sim.log.write(
                "amd",
                Some(&sid),
                json!({ "answered_by": word, "in_background": true }),
            );
            let form = form::pairs([
                ("AccountSid", sim.config.account_sid.as_str()),
                ("CallSid", &sid),
                ("AnsweredBy", word),
                ("MachineDetectionDuration", &time.as_millis().to_string()),
            ]);
            if let Some(hook) = detection.callback {
                let callback = Callback {
                    kind: CallbackKind::Amd,
                    event: word.to_owned(),
                    hook,
                    form,
                    token: new_token(),
                };
                outbox::queue(&sim, &sid, &outbox, callback);
            }
        });
    }
}
