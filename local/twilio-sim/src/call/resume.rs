//! Cleaning up after an earlier run: ending its open calls, and sending its unanswered callbacks.

use std::sync::Arc;

use tokio::sync::watch;

use super::form::{self, Form};
use super::outbox::{Outbox, new_token};
use crate::faults::CallbackKind;
use crate::model::{Call, Callback, Recording, Status};
use crate::sim::Sim;
use crate::webhook::WebhookTarget;

/// Ends the calls and recordings that an earlier run left open.
///
/// For each call, it first sends the callbacks that the earlier run couldn't deliver, then those about the end.
pub fn resume(sim: &Arc<Sim>) {
    let mut tables = sim.store.lock();
    let (calls, recordings) = tables.end_interrupted();
    for sid in &calls {
        if let Some(call) = tables.call_mut(sid) {
            call.unanswered.extend(end_callback(sim, call));
        }
    }
    for sid in &recordings {
        let report = tables.recording(sid).and_then(|recording| {
            let call = tables.call(&recording.call_sid)?;
            Some((call.sid.clone(), recording_callback(sim, call, recording)?))
        });
        if let Some((call, callback)) = report
            && let Some(call) = tables.call_mut(&call)
        {
            call.unanswered.push(callback);
        }
        tables.save_recording(sid);
    }
    let waiting: Vec<_> = tables
        .calls()
        .filter(|call| !call.unanswered.is_empty() || calls.contains(&call.sid))
        .map(|call| (call.sid.clone(), call.request.to.clone()))
        .collect();
    for (sid, to) in waiting.into_iter().rev() {
        tables.save_call(&sid);
        let unanswered = tables.call(&sid).map(|call| call.unanswered.clone());
        // Ordinal 0, because fault plans count only the calls of this run.
        let outbox = Outbox::open(sim, &sid, &to, 0, watch::Sender::default());
        for callback in unanswered.into_iter().flatten() {
            let _ = outbox.send(callback);
        }
    }
}

/// Returns the last status callback of an interrupted call, if it was requested.
fn end_callback(sim: &Sim, call: &Call) -> Option<Callback> {
    let requested = &call.request.status_events;
    let target = call.status_callback.as_ref()?;
    if !requested.iter().any(|event| event == "completed") {
        return None;
    }
    let status = call.status.as_str();
    let mut form = form::call(sim, &call.sid, &call.request, status);
    // The count includes other callbacks, so this number is higher than those of all earlier status callbacks.
    let sequence = call
        .callbacks_sent
        .saturating_add(call.unanswered.len() as u64);
    form.extend(form::progress(call.updated, sequence));
    let sip_response = if call.status == Status::Completed {
        200
    } else {
        503
    };
    let seconds = call.duration.unwrap_or_default();
    form.extend(form::ending(seconds, sip_response));
    Some(callback(CallbackKind::Status, status, target, form))
}

/// Returns the callback about an interrupted recording of a whole call, if it was requested.
fn recording_callback(sim: &Sim, call: &Call, recording: &Recording) -> Option<Callback> {
    let options = call.request.recording.as_ref()?;
    let target = options.callback.as_ref()?;
    let is_requested = options
        .events
        .iter()
        .any(|event| *event == recording.status);
    let is_of_call = recording.source == "OutboundAPI";
    let form = || form::recording(sim, recording);
    (is_requested && is_of_call)
        .then(|| callback(CallbackKind::Recording, &recording.status, target, form()))
}

fn callback(kind: CallbackKind, event: &str, target: &WebhookTarget, form: Form) -> Callback {
    Callback {
        kind,
        event: event.to_owned(),
        target: target.clone(),
        form,
        token: new_token(),
    }
}
