//! Making recordings, and reporting them.

use std::time::Duration;

use serde_json::json;

use super::active_recording::ActiveRecording;
use super::form::{self, Form};
use super::outbox::new_token;
use super::player::Player;
use crate::faults::CallbackKind;
use crate::model::{Callback, Recording, RecordingOptions, new_sid};
use crate::wav::{Sound, Voice};

/// The processing time of a stopped recording, in call time.
pub(super) const PROCESSING: Duration = Duration::from_secs(1);
const TOO_SHORT: u32 = 16101;
const SILENT: u32 = 16102;

impl Player {
    /// Starts a recording, sends its callback if requested, and returns its SID.
    pub(super) fn start_recording(
        &mut self,
        options: RecordingOptions,
        source: &'static str,
    ) -> String {
        let now = self.clock.now();
        let recording = Recording {
            sid: new_sid("RE"),
            call_sid: self.sid.clone(),
            status: "in-progress".into(),
            created: now,
            updated: now,
            started: now,
            seconds: None,
            channels: options.channels,
            source: source.into(),
            track: options.track.clone(),
            error_code: None,
            sounds: Vec::new(),
        };
        let sid = recording.sid.clone();
        self.sim.store.lock().add_recording(recording);
        self.report_recording(&sid, &options);
        self.recordings.push(ActiveRecording {
            sid: sid.clone(),
            options,
            began: self.clock.passed(),
            sounds: Vec::new(),
        });
        sid
    }

    /// Adds a sound of this length, from now on, to all recordings in progress.
    pub(super) fn sound(&mut self, voice: Voice, length: Duration) {
        let clock = self.clock;
        for recording in &mut self.recordings {
            let at = clock.since(recording.began);
            recording.sounds.push(Sound {
                voice,
                at: at..at.saturating_add(length),
            });
        }
    }

    /// Stops a recording now, or cuts it to `length`, and stores its sounds.
    pub(super) fn stop_recording(
        &mut self,
        recording: &mut ActiveRecording,
        length: Option<Duration>,
    ) {
        let length = length.unwrap_or(self.clock.since(recording.began));
        let seconds = u32::try_from(length.as_secs()).unwrap_or(u32::MAX);
        let error_code = match seconds {
            0 => Some(TOO_SHORT),
            _ if self.callee.recording_absent => Some(SILENT),
            _ => None,
        };
        let now = self.clock.now();
        self.sim.store.update_recording(&recording.sid, |stored| {
            stored.status = "processing".into();
            stored.seconds = Some(seconds);
            stored.error_code = error_code;
            stored.updated = now;
            stored.sounds = std::mem::take(&mut recording.sounds);
        });
        self.sim.store.lock().save_recording(&recording.sid);
    }

    /// Returns the parameters about a recording for a status callback or an action. Empty if it is absent.
    pub(super) fn recorded_form(&self, sid: &str) -> Form {
        let tables = self.sim.store.lock();
        let recording = tables
            .recording(sid)
            .filter(|recording| recording.error_code.is_none());
        recording
            .map(|recording| form::recorded(&self.sim, recording))
            .unwrap_or_default()
    }

    /// Ends the processing of a stopped recording: it becomes completed or absent.
    pub(super) fn finish_recording(&mut self, recording: &ActiveRecording) {
        let now = self.clock.now();
        self.sim.store.update_recording(&recording.sid, |stored| {
            stored.finish();
            stored.updated = now;
        });
        self.sim.store.lock().save_recording(&recording.sid);
        self.report_recording(&recording.sid, &recording.options);
    }

    fn report_recording(&self, sid: &str, options: &RecordingOptions) {
        let tables = self.sim.store.lock();
        let Some(recording) = tables.recording(sid) else {
            return;
        };
        let (status, form) = (
            recording.status.clone(),
            form::recording(&self.sim, recording),
        );
        let detail = json!({
            "recording_sid": sid,
            "status": status,
            "seconds": recording.seconds,
            "error_code": recording.error_code,
        });
        drop(tables);
        self.log("recording", detail);
        if let Some(target) = &options.callback
            && options.events.iter().any(|event| *event == status)
        {
            self.enqueue(Callback {
                kind: CallbackKind::Recording,
                event: status.into_owned(),
                target: target.clone(),
                form,
                token: new_token(),
            });
        }
    }
}
