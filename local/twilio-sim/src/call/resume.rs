//! What is left of an earlier run: calls that nobody plays any more, and callbacks that nobody has answered.

use std::sync::Arc;

use super::form::{self, Form};
use super::outbox::{Outbox, new_token};
use crate::faults::CallbackKind;
use crate::model::{Call, Callback, Hook, Recording, Status};
use crate::sim::Sim;

/// Breaks off what was under way, and sends the callbacks about that, after those that an earlier run could not deliver.
pub fn resume(sim: &Arc<Sim>) {
    let mut tables = sim.store.lock();
    let (calls, recordings) = tables.break_off();
    for sid in &calls {
        if let Some(call) = tables.call_mut(sid) {
            call.unanswered.extend(ended(sim, call));
        }
    }
    for sid in &recordings {
        let told = tables.recording(sid).and_then(|recording| {
            let call = tables.call(&recording.call_sid)?;
            Some((call.sid.clone(), recorded(sim, call, recording)?))
        });
        if let Some((call, callback)) = told
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
        // Fault plans count the calls of this run, of which it is none.
        let outbox = Outbox::open(sim, &sid, &to, 0);
        for callback in unanswered.into_iter().flatten() {
            let _ = outbox.send(callback);
        }
    }
}

/// The last status callback of a call that has been broken off, if it was asked for.
fn ended(sim: &Sim, call: &Call) -> Option<Callback> {
    let wanted = &call.request.status_events;
    let hook = call.status_callback.as_ref()?;
    if !wanted.iter().any(|event| event == "completed") {
        return None;
    }
    let (to, from, word) = (&call.request.to, &call.request.from, call.status.word());
    let mut form = form::call(sim, &call.sid, to, from, word);
    // Of all kinds, there were at least as many callbacks as status callbacks.
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
    Some(callback(CallbackKind::Status, word, hook, form))
}

/// The callback about a recording that has been broken off, if it was asked for.
fn recorded(sim: &Sim, call: &Call, recording: &Recording) -> Option<Callback> {
    let options = call.request.recording.as_ref()?;
    let hook = options.callback.as_ref()?;
    let is_wanted = options
        .events
        .iter()
        .any(|event| *event == recording.status);
    let is_of_call = recording.source == "OutboundAPI";
    let form = || form::recording(sim, recording);
    (is_wanted && is_of_call)
        .then(|| callback(CallbackKind::Recording, &recording.status, hook, form()))
}

fn callback(kind: CallbackKind, event: &str, hook: &Hook, form: Form) -> Callback {
    Callback {
        kind,
        event: event.to_owned(),
        hook: hook.clone(),
        form,
        token: new_token(),
    }
}
