//! The status of a call, and the status callbacks about it.

use serde_json::json;

use super::form::{self, Form};
use super::outbox::{self, new_token};
use super::player::Player;
use crate::faults::CallbackKind;
use crate::model::{Callback, Status};

impl Player {
    /// Sets the status, and sends a status callback if the application requested this event.
    pub(super) fn enter_status(&mut self, status: Status, event: &str, extra: Form) {
        self.set_status(status);
        let target = self
            .sim
            .store
            .update_call(&self.sid, |call| call.status_callback.clone())
            .flatten();
        let requested = &self.request.status_events;
        if let Some(target) = target
            && requested.iter().any(|requested| requested == event)
        {
            let mut form = self.form();
            form.extend(form::progress(self.clock.now(), self.sequence));
            form.extend(extra);
            self.sequence += 1;
            self.enqueue(Callback {
                kind: CallbackKind::Status,
                event: status.as_str().to_owned(),
                target,
                form,
                token: new_token(),
            });
        }
    }

    /// Sets the status without a callback.
    pub(super) fn set_status(&mut self, status: Status) {
        self.status = status;
        let now = self.clock.now();
        self.sim.store.update_call(&self.sid, |call| {
            call.status = status;
            call.updated = now;
            match status {
                Status::Initiated => {
                    call.started = Some(now);
                    call.set_queue_time(self.clock.passed());
                }
                Status::Ringing => _ = call.started.get_or_insert(now),
                Status::InProgress => call.answered = Some(now),
                _ => {}
            }
        });
        self.sim.store.lock().save_call(&self.sid);
        let call_time_ms = u64::try_from(self.clock.passed().as_millis()).ok();
        self.log(
            "call.status",
            json!({ "status": status.as_str(), "call_time_ms": call_time_ms }),
        );
    }

    /// Returns the parameters that all webhooks of this call have in common.
    pub(super) fn form(&self) -> Form {
        let mut form = form::call(&self.sim, &self.sid, &self.request, self.status.as_str());
        if let Some(answered_by) = self
            .sim
            .store
            .update_call(&self.sid, |call| call.answered_by.clone())
            .flatten()
        {
            form.extend(form::pairs([("AnsweredBy", &*answered_by)]));
        }
        form
    }

    /// Queues a callback for delivery.
    pub(super) fn enqueue(&self, callback: Callback) {
        outbox::queue(&self.sim, &self.sid, &self.outbox, callback);
    }
}
