//! Starting, pausing and stopping recordings of a call in progress.

use std::sync::Arc;

use serde_json::Value;

use super::calls;
use super::error::RestError;
use super::new_call;
use super::params::Params;
use super::recordings;
use crate::model::{RecordingChange, Status, Update, new_sid};
use crate::sim::Sim;

/// The SID that stands for the call's current recording.
const CURRENT: &str = "Twilio.CURRENT";

/// Starts a recording of a call in progress.
pub(super) async fn create(
    sim: &Arc<Sim>,
    call_sid: &str,
    form: &Params,
) -> Result<Value, RestError> {
    let options = new_call::recording_options(sim, form)?;
    let commands = {
        let tables = sim.store.lock();
        let call = calls::known(sim, tables.call(call_sid), call_sid)?;
        if call.status != Status::InProgress {
            return Err(not_in_progress());
        }
        call.commands.clone()
    };
    let sid = new_sid("RE");
    let start = Update::StartRecording {
        sid: sid.clone(),
        options,
    };
    calls::apply(&commands, start).await;
    // Without the recording, the call has just ended.
    recordings::fetch(sim, Some(call_sid), &sid).map_err(|_| not_in_progress())
}

/// Pauses, resumes or stops a recording in progress.
pub(super) async fn update(
    sim: &Arc<Sim>,
    call_sid: &str,
    sid: &str,
    form: &Params,
) -> Result<Value, RestError> {
    let change = match form.get("Status") {
        Some("in-progress") => RecordingChange::Resume,
        Some("stopped") => RecordingChange::Stop,
        Some("paused") => RecordingChange::Pause {
            skip: form.one_of("PauseBehavior", &["silence", "skip"])? == "skip",
        },
        other => {
            let other = other.unwrap_or_default();
            let message = format!("Status is not valid: {other}");
            return Err(RestError::bad(20001, message));
        }
    };
    let (sid, commands) = {
        let tables = sim.store.lock();
        let call = calls::known(sim, tables.call(call_sid), call_sid)?;
        let mut own = tables.recordings().filter(|own| own.call_sid == call_sid);
        let found = if sid == CURRENT {
            own.find(|own| own.is_running())
        } else {
            own.find(|own| own.sid == sid)
        };
        let recording = found.ok_or_else(|| recordings::missing(sim, sid, ".json"))?;
        if !recording.is_running() {
            return Err(not_in_progress());
        }
        (recording.sid.clone(), call.commands.clone())
    };
    let change = Update::ChangeRecording {
        sid: sid.clone(),
        change,
    };
    calls::apply(&commands, change).await;
    recordings::fetch(sim, Some(call_sid), &sid)
}

fn not_in_progress() -> RestError {
    let message = "Requested resource is not eligible for recording: it is not in progress";
    RestError::bad(21220, message)
}
